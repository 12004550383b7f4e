import type { GetServerSideProps } from "next";
import Link from "next/link";
import { useEffect, useState } from "react";
import { createClient } from "@/utils/supabase/client";
import { type Shown, showUser } from "@/utils/supabase/server";

export const getServerSideProps: GetServerSideProps<Shown> = showUser;

export default function Account({ claims, user }: Shown) {
  const [browser, setBrowser] = useState("");
  useEffect(() => {
    void createClient()
      .auth.getClaims()
      .then(({ data }) => setBrowser(data === null ? "nobody" : `${data.claims.sub} ${data.claims.exp}`));
  }, []);
  return (
    <>
      <p id="claims">{claims}</p>
      <p id="user">{user}</p>
      <p id="browser">{browser}</p>
      <form id="note" method="post" action="/api/account/note">
        <textarea name="note" />
        <button>Note</button>
      </form>
      <form id="signout" method="post" action="/api/account/signout">
        <button>Sign out</button>
      </form>
      <Link href="/account/pages/0">Page 0</Link>
    </>
  );
}
