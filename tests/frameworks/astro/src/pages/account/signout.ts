import type { APIRoute } from "astro";
import { createClient } from "../../supabase";

export const POST: APIRoute = async ({ request, cookies, redirect }) => {
  await createClient({ request, cookies }).auth.signOut();
  return redirect("/", 303);
};
