import type { NextApiRequest, NextApiResponse } from "next";
import { createClient } from "@/utils/supabase/server";

export default async function handler(req: NextApiRequest, res: NextApiResponse): Promise<void> {
  await createClient({ req, res }).auth.signOut();
  res.redirect(303, "/");
}
