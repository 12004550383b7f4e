import { RefreshGate, withSession } from "edge-session";
import { createRequestHandler } from "react-router";

const requestHandler = createRequestHandler(() => import("virtual:react-router/server-build"), import.meta.env.MODE);
const app = {
  async fetch(request: Request, env: any, ctx: unknown): Promise<Response> {
    // The Worker comes first, so that files are the app's to serve.
    const file = request.method === "GET" ? await env.ASSETS.fetch(request) : undefined;
    return file !== undefined && file.status !== 404 ? file : requestHandler(request, { cloudflare: { env, ctx } });
  },
};

export { RefreshGate };
export default withSession(app);
