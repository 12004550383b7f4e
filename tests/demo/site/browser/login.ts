import { client } from "./client.ts";
import { nextPath } from "./settings.ts";

const SLOW_MS = 6000;

const form = document.getElementById("login") as HTMLFormElement;
const banner = document.getElementById("login-error")!;
const next = nextPath("/members");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const intent = (event.submitter as HTMLButtonElement | null)?.value ?? "signin";
  void submit(intent);
});

for (const filler of form.querySelectorAll<HTMLButtonElement>("[data-email]")) {
  filler.addEventListener("click", () => {
    field("email").value = filler.dataset.email!;
    field("password").value = filler.dataset.password!;
    say("");
  });
}

void showWhoIsSignedIn();

async function submit(intent: string): Promise<void> {
  const credentials = { email: field("email").value.trim(), password: field("password").value };
  if (credentials.email === "" || credentials.password === "") {
    return say("Both the e-mail address and the password are needed.");
  }
  say("");
  busy(true);
  const slow = setTimeout(() => say("Auth does not answer. If you told it so in the panel, let it answer well again and reload this page."), SLOW_MS);
  const { error } = intent === "signup" ? await client.auth.signUp(credentials) : await client.auth.signInWithPassword(credentials);
  clearTimeout(slow);
  if (error === null) {
    location.assign(next);
    return;
  }
  busy(false);
  say(error.code === "invalid_credentials" ? "This e-mail address and password do not belong together." : `${error.message}${/[.!?]$/.test(error.message) ? "" : "."}`);
}

async function showWhoIsSignedIn(): Promise<void> {
  const { data } = await client.auth.getSession();
  if (data.session === null) {
    return;
  }
  document.getElementById("signed-in-as")!.textContent = data.session.user.email ?? "an anonymous user";
  (document.getElementById("continue") as HTMLAnchorElement).href = next;
  document.getElementById("login-title")!.textContent = "Welcome back";
  document.getElementById("login-lede")!.hidden = true;
  document.getElementById("signed-in")!.hidden = false;
  form.hidden = true;
}

function say(text: string): void {
  banner.textContent = text;
  banner.hidden = text === "";
}

function busy(is: boolean): void {
  for (const button of form.querySelectorAll("button")) {
    button.disabled = is;
  }
}

function field(name: string): HTMLInputElement {
  return form.elements.namedItem(name) as HTMLInputElement;
}
