import { data, type LoaderFunctionArgs } from "@remix-run/node";
import { Form, useLoaderData } from "@remix-run/react";
import { createBrowserClient } from "@supabase/ssr";
import { useEffect, useState } from "react";
import { loadUser } from "../supabase.server";

export async function loader(args: LoaderFunctionArgs) {
  const { shown, headers } = await loadUser(args);
  return data(shown, { headers });
}

export default function Account() {
  const { claims, user, env } = useLoaderData<typeof loader>();
  const [browser, setBrowser] = useState("");
  useEffect(() => {
    void createBrowserClient(env.SUPABASE_URL, env.SUPABASE_PUBLISHABLE_KEY)
      .auth.getClaims()
      .then(({ data }) => setBrowser(data === null ? "nobody" : `${data.claims.sub} ${data.claims.exp}`));
  }, []);
  return (
    <>
      <p id="claims">{claims}</p>
      <p id="user">{user}</p>
      <p id="browser">{browser}</p>
      <Form id="note" method="post" action="/account/note">
        <textarea name="note" />
        <button>Note</button>
      </Form>
      <Form id="signout" method="post" action="/account/signout">
        <button>Sign out</button>
      </Form>
    </>
  );
}
