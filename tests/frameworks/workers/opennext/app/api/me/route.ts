import { withSupabase } from "@supabase/server";

// No client for cookies: the edge hands the session over as a bearer token.
export const GET = withSupabase({ auth: "user" }, async (_request, { supabase, userClaims }) => {
  const { data } = await supabase.auth.getUser();
  return Response.json({ id: userClaims?.id, email: data.user?.email });
});
