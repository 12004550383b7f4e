/** The pages of the apps without a renderer of their own. */
interface Claims {
  sub: string;
  exp: number;
}

interface User {
  id: string;
  email?: string;
}

export const PUBLIC = html("Public", `<p>This page is the same for everyone.</p><a href="/account">Account</a>`);

/** The private page: the user as the server client sees him, and a place for the browser client. */
export function account(claims: Claims | undefined, user: User | null): string {
  return html(
    "Account",
    `<p id="claims">${claims === undefined ? "nobody" : `${claims.sub} ${claims.exp}`}</p>
<p id="user">${user === null ? "nobody" : `${user.id} ${user.email}`}</p>
<p id="browser"></p>
<form id="note" method="post" action="/account/note"><textarea name="note"></textarea><button>Note</button></form>
<form id="signout" method="post" action="/account/signout"><button>Sign out</button></form>
<script type="module" src="/assets/browser.js"></script>`,
  );
}

/** What a streamed page sends at once. */
export function first(): string {
  return `<!doctype html><title>Stream</title><p id="first">at once</p>`;
}

/** What it sends when it has waited. */
export function last(claims: Claims | undefined): string {
  return `<p id="last">${claims === undefined ? "nobody" : claims.sub}</p>`;
}

function html(title: string, body: string): string {
  return `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1>${body}</html>`;
}
