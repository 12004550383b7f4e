import app from "@astrojs/cloudflare/entrypoints/server";
import { RefreshGate, withSession } from "edge-session";
export { RefreshGate };
export default withSession(app);
