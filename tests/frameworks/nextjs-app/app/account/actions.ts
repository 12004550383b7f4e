"use server";

import { createHash } from "node:crypto";
import { redirect } from "next/navigation";
import { createClient } from "@/utils/supabase/server";

export async function takeNote(form: FormData): Promise<void> {
  const supabase = await createClient();
  const { data } = await supabase.auth.getClaims();
  const sha256 = createHash("sha256").update(String(form.get("note"))).digest("hex");
  redirect(`/?sha256=${sha256}&by=${data?.claims.sub}`);
}

export async function signOut(): Promise<void> {
  const supabase = await createClient();
  await supabase.auth.signOut();
  redirect("/");
}
