/** The project under test: a program started for one configuration, or a running server that was named. */
import { CONFIGURATIONS, type Configuration } from "./configurations.ts";
import { Databases } from "./database.ts";
import { startGateway } from "./gateway.ts";
import { type Project, type Running, startProject } from "./program.ts";

/** What `main.ts` hands to the tests. */
export const PROGRAM = process.env.AUTH_BIN ?? "";
export const TEMPLATE = process.env.AUTH_TEMPLATE ?? "";

export function configurationNamed(name: string): Configuration {
  const found = CONFIGURATIONS.find((configuration) => configuration.name === name);
  if (found === undefined) {
    throw new Error(`no configuration is named ${name}`);
  }
  return found;
}

export function open(configuration: Configuration): Promise<Project> {
  return startProject(PROGRAM, new Databases(process.env.DATABASE_URL ?? ""), TEMPLATE, configuration);
}

/** A server that runs already; a bare Auth gets the gateway in front that every project has. */
export async function reach(): Promise<Running> {
  const { AUTH_URL: base = "", AUTH_PUBLISHABLE_KEY: publishableKey = "", AUTH_SECRET_KEY: secretKey = "" } = process.env;
  if (base.endsWith("/auth/v1")) {
    return { url: base.slice(0, -"/auth/v1".length), publishableKey, secretKey, version: "", close: async () => undefined };
  }
  const gateway = await startGateway(base, { publishable: publishableKey, secret: secretKey, serviceToken: async () => secretKey });
  return { url: gateway.url, publishableKey, secretKey, version: "", close: () => gateway.close() };
}
