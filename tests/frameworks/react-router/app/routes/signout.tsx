import { type ActionFunctionArgs, redirect } from "react-router";
import { createClient } from "../supabase.server";

export async function action({ request }: ActionFunctionArgs) {
  const { supabase, headers } = createClient(request);
  await supabase.auth.signOut();
  return redirect("/", { status: 303, headers });
}

export default function SignedOut() {
  return null;
}
