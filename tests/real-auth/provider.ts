/** An OpenID provider on loopback, at the paths where Auth expects Keycloak's. Who signs in is who `as` named last. */
import { OAuth2Server } from "oauth2-mock-server";
import type { AddressInfo } from "node:net";

export interface Provider {
  url: string;
  as(email: string): void;
  close(): Promise<void>;
}

const BASE = "/protocol/openid-connect";

export async function startProvider(): Promise<Provider> {
  const server = new OAuth2Server(undefined, undefined, {
    endpoints: { authorize: `${BASE}/auth`, token: `${BASE}/token`, userinfo: `${BASE}/userinfo` },
  });
  await server.issuer.keys.generate("RS256");
  await server.start(0, "127.0.0.1");
  let email = "nobody@example.com";
  server.service.on("beforeUserinfo", (answer: { body: object; statusCode: number }) => {
    answer.body = { sub: email, email, email_verified: true, name: email.split("@")[0] };
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    as: (who) => void (email = who),
    close: () => server.stop(),
  };
}
