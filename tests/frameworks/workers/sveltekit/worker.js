import app from "./.svelte-kit/cloudflare/_worker.js";
import { RefreshGate, withSession } from "edge-session";
export { RefreshGate };
export default withSession(app);
