import { createHash } from "node:crypto";
import type { APIRoute } from "astro";
import { createClient } from "../../supabase";

export const POST: APIRoute = async ({ request, cookies, redirect }) => {
  const note = String((await request.formData()).get("note"));
  const { data } = await createClient({ request, cookies }).auth.getClaims();
  const sha256 = createHash("sha256").update(note).digest("hex");
  return redirect(`/?sha256=${sha256}&by=${data?.claims.sub}`, 303);
};
