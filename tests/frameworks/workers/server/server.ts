/** An API without a client for cookies: the edge hands the session over as a bearer token (`FORWARD_BEARER`). */
import { serve } from "@hono/node-server";
import { withSupabase } from "@supabase/server/adapters/hono";
import { Hono } from "hono";

const app = new Hono();
app.get("/api/public", (c) => c.text("for everyone"));
app.get("/api/me", withSupabase({ auth: "user" }), async (c) => {
  const { supabase, userClaims } = c.var.supabaseContext;
  const { data } = await supabase.auth.getUser();
  return c.json({ id: userClaims?.id, email: data.user?.email });
});

serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.env.PORT) });
