// The browser client of the Supabase guides, and what it sees of the session.
import { createBrowserClient } from "@supabase/ssr";

const supabase = createBrowserClient(process.env.SUPABASE_URL!, process.env.SUPABASE_PUBLISHABLE_KEY!);

const { data } = await supabase.auth.getClaims();
document.querySelector("#browser")!.textContent = data === null ? "nobody" : `${data.claims.sub} ${data.claims.exp}`;
