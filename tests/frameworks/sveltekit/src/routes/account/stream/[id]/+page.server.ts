import { createClient } from "../../../../supabase.server";
import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async (event) => {
  const { data } = await createClient(event).auth.getClaims();
  return { late: last(event.params.id, data?.claims.sub) };
};

async function last(id: string, sub: string | undefined): Promise<string | undefined> {
  await fetch(`${process.env.GATE_URL}/${id}`);
  return sub;
}
