import { RefreshGate, withSession } from "edge-session";
import { createRequestHandler } from "react-router";

const requestHandler = createRequestHandler(() => import("virtual:react-router/server-build"), import.meta.env.MODE);
const app = { fetch: (request: Request, env: unknown, ctx: unknown) => requestHandler(request, { cloudflare: { env, ctx } }) };

export { RefreshGate };
export default withSession(app);
