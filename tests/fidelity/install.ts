/** Installs the servers of Node.js before the tests. */
import { installIn } from "../support/install.ts";

export default function install(): void {
  installIn(new URL(".", import.meta.url));
}
