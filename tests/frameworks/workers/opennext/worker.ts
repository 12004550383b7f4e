import app from "./.open-next/worker.js";
import { RefreshGate, withSession } from "edge-session";
export * from "./.open-next/worker.js";
export { RefreshGate };
export default withSession(app);
