import { readSession } from "edge-session/origin";
import { headers } from "next/headers";

export default async function Page() {
  return <p id="user">{readSession(await headers())?.userId ?? "nobody"}</p>;
}
