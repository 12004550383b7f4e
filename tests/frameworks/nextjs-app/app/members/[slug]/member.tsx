"use client";

import { useEffect, useState } from "react";
import { createClient } from "@/utils/supabase/client";

/** On a page that is the same for all members only the browser knows who reads it. */
export function Member() {
  const [shown, setShown] = useState({ claims: "", user: "" });
  useEffect(() => void show().then(setShown), []);
  return (
    <>
      <p id="claims">{shown.claims}</p>
      <p id="user">{shown.user}</p>
      <button id="browser-signout" onClick={() => void signOut()}>
        Sign out
      </button>
    </>
  );
}

async function show() {
  const { auth } = createClient();
  const { data } = await auth.getClaims();
  const {
    data: { user },
  } = await auth.getUser();
  return {
    claims: data === null ? "nobody" : `${data.claims.sub} ${data.claims.exp}`,
    user: user === null ? "nobody" : `${user.id} ${user.email}`,
  };
}

async function signOut() {
  await createClient().auth.signOut();
  location.assign("/");
}
