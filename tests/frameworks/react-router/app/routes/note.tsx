import { createHash } from "node:crypto";
import { type ActionFunctionArgs, redirect } from "react-router";
import { createClient } from "../supabase.server";

export async function action({ request }: ActionFunctionArgs) {
  const { supabase, headers } = createClient(request);
  const note = String((await request.formData()).get("note"));
  const { data } = await supabase.auth.getClaims();
  const sha256 = createHash("sha256").update(note).digest("hex");
  return redirect(`/?sha256=${sha256}&by=${data?.claims.sub}`, { status: 303, headers });
}

export default function Noted() {
  return null;
}
