/** A Worker as it is written: an object whose `fetch` answers, at once or later. */
export interface App {
  // Of any environment: what Cloudflare's own types say of it differs from project to project.
  fetch?(request: any, env: any, ctx: any): Response | Promise<Response>;
}

/** What the runtime calls on a Worker. */
type Handler = "fetch" | "scheduled" | "queue" | "email" | "tail" | "tailStream" | "trace" | "test";

/**
 * The same Worker, with sessions kept alive and guarded in front of it. Its `fetch` gets one request that carries the
 * verified identity (`readSession` of `edge-session/origin` reads it) and current cookies.
 *
 * ```ts
 * import { withSession, RefreshGate } from "edge-session";
 * export { RefreshGate };
 * export default withSession(app);
 * ```
 */
export declare function withSession<A extends App>(app: A): Pick<A, Extract<keyof A, Handler>> & { fetch: NonNullable<A["fetch"]> };

/** The Durable Object behind `REFRESH_GATE`. Export it from the module that is deployed. */
export declare class RefreshGate {
  constructor(state: any, env: any);
  fetch(request: Request): Promise<Response>;
  alarm(): Promise<void>;
  /** Cloudflare's mark of a Durable Object. */
  __DURABLE_OBJECT_BRAND: never;
}
