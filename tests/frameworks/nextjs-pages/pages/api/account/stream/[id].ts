// Pages of the Pages Router are whole before they are sent; its API routes stream.
import type { NextApiRequest, NextApiResponse } from "next";
import { createClient } from "@/utils/supabase/server";

export default async function handler(req: NextApiRequest, res: NextApiResponse): Promise<void> {
  const { data } = await createClient({ req, res }).auth.getClaims();
  res.setHeader("Content-Type", "text/html");
  res.write('<p id="first">at once</p>');
  await fetch(`${process.env.GATE_URL}/${String(req.query.id)}`);
  res.end(`<p id="last">${data?.claims.sub}</p>`);
}
