// The browser client of the Supabase guides: on a page that is the same for all, only it knows who reads it.
import { createBrowserClient } from "@supabase/ssr";

const supabase = createBrowserClient(process.env.SUPABASE_URL!, process.env.SUPABASE_PUBLISHABLE_KEY!);

const { data } = await supabase.auth.getClaims();
const { data: { user } } = await supabase.auth.getUser();
show("#claims", data === null ? "nobody" : `${data.claims.sub} ${data.claims.exp}`);
show("#user", user === null ? "nobody" : `${user.id} ${user.email}`);

document.querySelector("#browser-signout")!.addEventListener("click", async () => {
  await supabase.auth.signOut();
  location.assign("/");
});

function show(selector: string, text: string): void {
  document.querySelector(selector)!.textContent = text;
}
