import { createHash } from "node:crypto";
import type { NextApiRequest, NextApiResponse } from "next";
import { createClient } from "@/utils/supabase/server";

export default async function handler(req: NextApiRequest, res: NextApiResponse): Promise<void> {
  const { data } = await createClient({ req, res }).auth.getClaims();
  const sha256 = createHash("sha256").update(req.body.note).digest("hex");
  res.redirect(303, `/?sha256=${sha256}&by=${data?.claims.sub}`);
}
