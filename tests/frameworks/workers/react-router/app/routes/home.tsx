import { readSession } from "edge-session/origin";
import { useLoaderData } from "react-router";

export const loader = ({ request }: { request: Request }) => ({ user: readSession(request)?.userId ?? "nobody" });

export default function Home() {
  return <p id="user">{useLoaderData<typeof loader>().user}</p>;
}
