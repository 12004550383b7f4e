import { Await, type LoaderFunctionArgs, useLoaderData } from "react-router";
import { Suspense } from "react";
import { createClient } from "../supabase.server";

export async function loader({ request, params }: LoaderFunctionArgs) {
  const { data } = await createClient(request).supabase.auth.getClaims();
  return { late: last(params.id, data?.claims.sub) };
}

export default function Stream() {
  const { late } = useLoaderData<typeof loader>();
  return (
    <>
      <p id="first">at once</p>
      <Suspense fallback="waiting">
        <Await resolve={late}>{(sub) => <p id="last">{sub}</p>}</Await>
      </Suspense>
    </>
  );
}

async function last(id: string | undefined, sub: string | undefined): Promise<string | undefined> {
  await fetch(`${process.env.GATE_URL}/${id}`);
  return sub;
}
