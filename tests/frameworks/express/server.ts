import { createHash } from "node:crypto";
import express, { type Request, type Response } from "express";
import { account, first, last, PUBLIC } from "../plain/pages.ts";
import { createClient } from "./supabase.ts";

const app = express();
app.use(express.urlencoded({ extended: false, limit: "1mb" }));
app.use("/assets", express.static("dist"));

app.get("/", (_request, response) => {
  response.send(PUBLIC);
});

async function showAccount(req: Request, res: Response): Promise<void> {
  const { auth } = createClient({ req, res });
  const { data } = await auth.getClaims();
  const { data: { user } } = await auth.getUser();
  res.send(account(data?.claims, user));
}
app.get(["/account", "/account/pages/:number"], showAccount);

// The mistake that lets a CDN hand one user's page to another.
app.get("/account/mislabelled", async (req, res) => {
  res.set("Cache-Control", "public, max-age=600, s-maxage=600");
  await showAccount(req, res);
});

app.post("/account/note", async (req, res) => {
  const { data } = await createClient({ req, res }).auth.getClaims();
  const sha256 = createHash("sha256").update(req.body.note).digest("hex");
  res.redirect(303, `/noted?sha256=${sha256}&by=${data?.claims.sub}`);
});

app.post("/account/signout", async (req, res) => {
  await createClient({ req, res }).auth.signOut();
  res.redirect(303, "/");
});

app.get("/account/stream/:id", async (req, res) => {
  const { data } = await createClient({ req, res }).auth.getClaims();
  res.type("html").write(first());
  await fetch(`${process.env.GATE_URL}/${req.params.id}`);
  res.end(last(data?.claims));
});

app.listen(Number(process.env.PORT), "127.0.0.1");
