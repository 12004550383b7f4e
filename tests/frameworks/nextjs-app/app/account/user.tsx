import { createClient } from "@/utils/supabase/server";

/** The user as the server client sees him. */
export async function User() {
  const supabase = await createClient();
  const { data } = await supabase.auth.getClaims();
  const {
    data: { user },
  } = await supabase.auth.getUser();
  return (
    <>
      <p id="claims">{data === null ? "nobody" : `${data.claims.sub} ${data.claims.exp}`}</p>
      <p id="user">{user === null ? "nobody" : `${user.id} ${user.email}`}</p>
    </>
  );
}
