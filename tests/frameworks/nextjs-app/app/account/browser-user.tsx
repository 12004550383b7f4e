"use client";

import { useEffect, useState } from "react";
import { createClient } from "@/utils/supabase/client";

/** The user as the browser client sees him. */
export function BrowserUser() {
  const [text, setText] = useState("");
  useEffect(() => {
    void createClient()
      .auth.getClaims()
      .then(({ data }) => setText(data === null ? "nobody" : `${data.claims.sub} ${data.claims.exp}`));
  }, []);
  return <p id="browser">{text}</p>;
}
