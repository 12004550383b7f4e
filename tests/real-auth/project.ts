/** The project under test: a program started for one configuration, or a running server that was named. */
import { CONFIGURATIONS, type Configuration } from "./configurations.ts";
import { Databases } from "./database.ts";
import { type Project, startProject } from "./program.ts";

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
