import { Suspense } from "react";
import { createClient } from "@/utils/supabase/server";

export default async function Stream({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return (
    <>
      <p id="first">at once</p>
      <Suspense fallback="waiting">
        <Late id={id} />
      </Suspense>
    </>
  );
}

async function Late({ id }: { id: string }) {
  const supabase = await createClient();
  const { data } = await supabase.auth.getClaims();
  await fetch(`${process.env.GATE_URL}/${id}`);
  return <p id="last">{data?.claims.sub}</p>;
}
