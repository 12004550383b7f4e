import { createBrowserClient } from "@supabase/ssr";
import { settings } from "./settings.ts";

/** The real browser client. Its timer is off: with the edge renewing tokens, a page needs none. */
export const client = createBrowserClient(settings.supabaseUrl, settings.publishableKey, {
  auth: { autoRefreshToken: false },
});
