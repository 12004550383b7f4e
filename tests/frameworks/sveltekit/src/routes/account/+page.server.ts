import { createHash } from "node:crypto";
import { redirect } from "@sveltejs/kit";
import { createClient, showUser } from "../../supabase.server";
import type { Actions, PageServerLoad } from "./$types";

export const load: PageServerLoad = showUser;

export const actions: Actions = {
  async note(event) {
    const note = String((await event.request.formData()).get("note"));
    const { data } = await createClient(event).auth.getClaims();
    const sha256 = createHash("sha256").update(note).digest("hex");
    redirect(303, `/?sha256=${sha256}&by=${data?.claims.sub}`);
  },
  async signout(event) {
    await createClient(event).auth.signOut();
    redirect(303, "/");
  },
};
