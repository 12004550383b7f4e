import { data, type LoaderFunctionArgs, useLoaderData } from "react-router";
import { loadUser } from "../supabase.server";

export async function loader(args: LoaderFunctionArgs) {
  const { shown, headers } = await loadUser(args);
  return data(shown, { headers });
}

export default function Page() {
  const { claims, user } = useLoaderData<typeof loader>();
  return (
    <>
      <p id="claims">{claims}</p>
      <p id="user">{user}</p>
    </>
  );
}
