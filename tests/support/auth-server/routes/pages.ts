import { Hono } from "hono";
import { html, raw } from "hono/html";
import type { Ctx, Env } from "../http.ts";
import type { Mail } from "../inbox.ts";
import type { Message } from "../messages.ts";
import { providerCode } from "../provider.ts";
import { withParams } from "../redirects.ts";
import type { State } from "../state.ts";

const STYLE = raw(`<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #1c2430; background: #f6f7f9 }
  article, form { background: #fff; border: 1px solid #dde1e7; border-radius: 10px; padding: 1rem 1.25rem; margin: 1rem 0 }
  h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin: 0 } p { margin: .3rem 0 }
  .quiet { color: #697586 } code { font-size: 1.2rem; letter-spacing: .15em } a { overflow-wrap: anywhere }
  button { font: inherit; padding: .5rem 1rem; border-radius: 8px; border: 1px solid #1c2430; background: #1c2430; color: #fff; cursor: pointer }
  button.other { background: #fff; color: #1c2430 } input { font: inherit; padding: .45rem; width: 100%; box-sizing: border-box; margin: .5rem 0 1rem }
</style>`);

/** Pages for people: the inbox and the sign-in of the fake provider. */
export function pagesApp(state: State): Hono<Env> {
  const app = new Hono<Env>();

  app.get("/inbox", (c) => c.html(inboxPage(state.inbox.list().reverse(), state.messages.list().reverse())));

  app.get("/provider/:name", (c) => {
    const refusal = c.req.query("fail");
    if (refusal !== undefined) {
      return c.redirect(refused(c, state, refusal), 302);
    }
    if (state.settings.oauthAuto || c.req.query("auto") !== undefined) {
      return c.redirect(agreed(c, state), 302);
    }
    return c.html(consentPage(c.req.param("name"), c.req.query("state") ?? "", loginHint(c)));
  });

  app.get("/idp/:id", (c) => c.html(identityProviderPage(state, c.req.param("id"), c.req.query("RelayState") ?? "", idpEmail(c))));

  app.post("/idp/:id", async (c) => {
    const { email, RelayState } = await c.req.parseBody();
    return c.html(assertionPage(state, { email: String(email), relayState: String(RelayState) }));
  });

  app.get("/provider/:name/answer", (c) => {
    const agreement = c.req.query("answer") === "continue";
    return c.redirect(agreement ? agreed(c, state) : refused(c, state, "access_denied"), 302);
  });
  return app;
}

// The way back is always this server's own callback, so that the page redirects nowhere else.
function agreed(c: Ctx, state: State): string {
  const email = loginHint(c);
  const code = providerCode({ email, name: email.split("@")[0] ?? email });
  return callback(state, { code, state: c.req.query("state") ?? "" });
}

function refused(c: Ctx, state: State, error: string): string {
  const error_description = error === "access_denied" ? "The user denied access" : "The provider failed";
  return callback(state, { error, error_description, state: c.req.query("state") ?? "" });
}

function callback(state: State, query: Record<string, string>): string {
  return withParams(`${state.settings.externalUrl}/callback`, { query });
}

function loginHint(c: Ctx): string {
  return c.req.query("login_hint") ?? `${c.req.param("name") ?? "provider"}-user@example.com`;
}

function idpEmail(c: Ctx): string {
  return c.req.query("login_hint") ?? "employee@example.com";
}

function identityProviderPage(state: State, id: string, relayState: string, email: string) {
  return html`<!doctype html>
    <html lang="en">
      <head><meta charset="utf-8" /><title>Company sign-in</title>${STYLE}</head>
      <body>
        <h1>Company sign-in (a stand-in)</h1>
        <form method="post" action="${new URL(state.settings.externalUrl).origin}/idp/${id}">
          <input type="hidden" name="RelayState" value="${relayState}" />
          <label>Sign in as <input name="email" type="email" value="${email}" required /></label>
          <button>Continue</button>
        </form>
      </body>
    </html>`;
}

/** SAML's answer is a form that the browser posts to Auth. */
function assertionPage(state: State, { email, relayState }: { email: string; relayState: string }) {
  const assertion = providerCode({ email, name: email.split("@")[0] ?? email });
  return html`<!doctype html>
    <html lang="en">
      <head><meta charset="utf-8" /><title>Company sign-in</title>${STYLE}</head>
      <body>
        <form method="post" action="${state.settings.externalUrl}/sso/saml/acs">
          <input type="hidden" name="RelayState" value="${relayState}" />
          <input type="hidden" name="SAMLResponse" value="${assertion}" />
          <button>Go on to the site</button>
        </form>
      </body>
    </html>`;
}

function inboxPage(mails: Mail[], messages: Message[]) {
  return html`<!doctype html>
    <html lang="en">
      <head><meta charset="utf-8" /><meta http-equiv="refresh" content="5" /><title>Inbox</title>${STYLE}</head>
      <body>
        <h1>Inbox</h1>
        ${messages.map(messageArticle)}
        ${mails.length + messages.length === 0 ? html`<p class="quiet">No mail yet. This page looks again every five seconds.</p>` : mails.map(mailArticle)}
      </body>
    </html>`;
}

function messageArticle({ to, channel, sentAt, code }: Message) {
  return html`<article>
    <h2>Your code, by ${channel === "sms" ? "SMS" : "WhatsApp"}</h2>
    <p class="quiet">to +${to}, ${new Date(sentAt * 1000).toISOString()}</p>
    <p>Code: <code>${code}</code></p>
  </article>`;
}

function mailArticle({ to, subject, sentAt, link, token }: Mail) {
  return html`<article>
    <h2>${subject}</h2>
    <p class="quiet">to ${to}, ${new Date(sentAt * 1000).toISOString()}</p>
    <p><a href="${link}">${link}</a></p>
    <p>Code: <code>${token}</code></p>
  </article>`;
}

function consentPage(name: string, flow: string, email: string) {
  return html`<!doctype html>
    <html lang="en">
      <head><meta charset="utf-8" /><title>Sign in with ${name}</title>${STYLE}</head>
      <body>
        <h1>${name} (a stand-in)</h1>
        <form action="/provider/${name}/answer">
          <input type="hidden" name="state" value="${flow}" />
          <label>Sign in as <input name="login_hint" type="email" value="${email}" required /></label>
          <button name="answer" value="continue">Continue</button>
          <button class="other" name="answer" value="deny" formnovalidate>Deny</button>
        </form>
      </body>
    </html>`;
}
