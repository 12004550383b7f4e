import { createServerClient, parseCookieHeader, serializeCookieHeader } from "@supabase/ssr";
import type { SupabaseClient } from "@supabase/supabase-js";
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import type { Page } from "./pages.ts";

type Html = ReturnType<typeof html>;

interface Project {
  supabaseUrl: string;
  publishableKey: string;
}

interface Step {
  id: string;
  kind: string;
  name: string;
}

const PATH = "/account/second-step";

/**
 * Where members add and remove their second steps. The Worker asks for them and has no page that enrols them, since what
 * they are called and who must have one is the site's affair: this page is an ordinary one of `@supabase/ssr`, without a
 * script. Whatever session it writes, the Worker lets through.
 */
export function secondStepApp(project: Project, render: (page: Page) => string): Hono {
  const app = new Hono();
  const show = async (c: Context, client: SupabaseClient, extra?: Html): Promise<Response> => {
    const { data } = await client.auth.mfa.listFactors();
    const steps = (data?.all ?? []).filter(({ status }) => status === "verified");
    return c.html(render(page(steps.map(({ id, factor_type, friendly_name }) => ({ id, kind: factor_type, name: friendly_name ?? "" })), extra)));
  };

  app.use(async (c, next) => {
    // The Worker checks its own routes; a form of the site is the site's to check.
    if (c.req.method === "POST" && c.req.header("Sec-Fetch-Site") !== "same-origin") {
      return c.text("cross-site", 403);
    }
    await next();
    c.header("Cache-Control", "no-store");
  });

  app.get("/", async (c) => show(c, clientOf(c, project), c.req.query("problem") === undefined ? undefined : PROBLEM));

  app.post("/app", async (c) => {
    const client = clientOf(c, project);
    // A step that was begun and left is in the way of a new one of its name.
    const { data } = await client.auth.mfa.enroll({ factorType: "totp", friendlyName: `App ${new Date().toISOString()}` });
    return data === null ? c.redirect(`${PATH}?problem`, 303) : show(c, client, codeForm(html`Add this key to your authenticator app: <code id="secret">${data.totp.secret}</code>`, { factor_id: data.id }));
  });

  app.post("/phone", async (c) => {
    const client = clientOf(c, project);
    const { phone } = await c.req.parseBody();
    const { data } = await client.auth.mfa.enroll({ factorType: "phone", phone: String(phone), friendlyName: `Phone ${String(phone)}` });
    const challenge = data === null ? null : (await client.auth.mfa.challenge({ factorId: data.id, channel: "sms" })).data;
    return data === null || challenge === null
      ? c.redirect(`${PATH}?problem`, 303)
      : show(c, client, codeForm(html`A text message is on its way. In this demo it lands in <a href="${project.supabaseUrl}/inbox">the inbox</a>.`, { factor_id: data.id, challenge_id: challenge.id }));
  });

  app.post("/verify", async (c) => {
    const client = clientOf(c, project);
    const { factor_id, challenge_id, code } = await c.req.parseBody();
    const factorId = String(factor_id);
    const answer = { factorId, code: String(code) };
    const { error } = challenge_id === undefined ? await client.auth.mfa.challengeAndVerify(answer) : await client.auth.mfa.verify({ ...answer, challengeId: String(challenge_id) });
    return c.redirect(error === null ? PATH : `${PATH}?problem`, 303);
  });

  app.post("/remove", async (c) => {
    const { factor_id } = await c.req.parseBody();
    const { error } = await clientOf(c, project).auth.mfa.unenroll({ factorId: String(factor_id) });
    return c.redirect(error === null ? PATH : `${PATH}?problem`, 303);
  });
  return app;
}

function clientOf(c: Context, { supabaseUrl, publishableKey }: Project): SupabaseClient {
  return createServerClient(supabaseUrl, publishableKey, {
    cookies: {
      getAll: () => parseCookieHeader(c.req.header("Cookie") ?? "").map(({ name, value = "" }) => ({ name, value })),
      setAll: (cookies) => cookies.forEach(({ name, value, options }) => c.header("Set-Cookie", serializeCookieHeader(name, value, options), { append: true })),
    },
  });
}

const PROBLEM = html`<p class="banner" role="alert">That did not work. A step can be removed by who has shown one: <a href="/safe">open the safe</a> first.</p>`;

function codeForm(text: Html, hidden: Record<string, string>): Html {
  const fields = Object.entries(hidden).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);
  return html`<form class="login" method="post" action="${PATH}/verify">${fields}<p>${text}</p><label>Code<input name="code" inputmode="numeric" autocomplete="one-time-code" required></label><div class="row"><button class="primary">Confirm</button></div></form>`;
}

function page(steps: Step[], extra: Html | undefined): Page {
  const rows = steps.map(({ id, kind, name }) => html`<tr><td>${kind === "totp" ? "App" : "Phone"}</td><td>${name}</td><td><form method="post" action="${PATH}/remove"><input type="hidden" name="factor_id" value="${id}"><button>Remove</button></form></td></tr>`);
  return {
    path: PATH,
    title: "Second step",
    footnote: "Rendered by the site with the session's own client; the edge only saw the cookies go by.",
    body: html`<p class="eyebrow">Members · Account</p>
<h1>A second step</h1>
<p class="lede">The safe opens only to who has shown a second step. Add two: whoever loses the one signs in with the other, and removes what is lost.</p>
${extra ?? ""}
<div class="scroll"><table><thead><tr><th>Kind</th><th>Name</th><th></th></tr></thead><tbody>${rows}</tbody></table></div>
<div class="row"><form method="post" action="${PATH}/app"><button class="primary">Add an app</button></form></div>
<form class="login" method="post" action="${PATH}/phone"><label>Phone number<input name="phone" type="tel" autocomplete="tel" placeholder="+44 20 7946 0958" required></label><div class="row"><button>Add a phone</button></div></form>
<p><a href="/safe">To the safe</a> · <a href="/account">Account</a></p>`,
  };
}
