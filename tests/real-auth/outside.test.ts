/** What can be asked of any project through the Worker, without its mails and its operator. */
import { describe, expect, test } from "vitest";
import { outcomeOf } from "../support/expectations.ts";
import { PASSWORD, useServer } from "./bench.ts";
import { WAYS } from "./visitor.ts";

describe.skipIf(process.env.REAL_AUTH !== "server")("a running server", () => {
  const bench = useServer();

  test.each(WAYS)("password by %s: a member comes in, a wrong password does not", async (way) => {
    const [email, visitor] = [await bench().user(), bench().visitor()];
    const wrong = await visitor.post(way, "/auth/login", { email, password: "wrong" });
    expect(way === "form" ? wrong.header("location") : wrong.json().error).toContain("invalid_credentials");
    await visitor.post(way, "/auth/login", { email, password: PASSWORD });
    expect((await visitor.get("/members")).status).toBe(200);
    expect((await visitor.who()).email).toBe(email);
  });

  test("refreshes of the client and of the Worker alternate", async () => {
    const { visitor, email } = await bench().member();
    for (let round = 0; round < 3; round += 1) {
      expect((await visitor.client().auth.refreshSession()).error).toBeNull();
      expect(outcomeOf(await visitor.get("/members"))).toBe("valid");
      expect((await visitor.who()).email).toBe(email);
    }
  });

  test("the client of the site sees the Worker's session", async () => {
    const { visitor, email } = await bench().member();
    const client = visitor.client();
    expect((await client.auth.getUser()).data.user?.email).toBe(email);
    expect((await client.auth.getClaims()).data?.claims.email).toBe(email);
  });

  test.each(WAYS)("sign-out by %s ends the session at Auth", async (way) => {
    const { visitor } = await bench().member();
    const { refresh_token } = (await visitor.session())!;
    await visitor.post(way, "/auth/signout", {});
    expect(await visitor.session()).toBeNull();
    const { error } = await bench().visitor().client().auth.refreshSession({ refresh_token });
    expect(error?.code).toBe("refresh_token_not_found");
  });
});
