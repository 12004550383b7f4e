import { randomUUID } from "node:crypto";
import { Member } from "./member";

// Rendered when it is first asked for, then kept for an hour.
export const revalidate = 3600;

export function generateStaticParams() {
  return [];
}

export default function News() {
  return (
    <>
      <h1>News for members</h1>
      <p id="rendered">{randomUUID()}</p>
      <Member />
    </>
  );
}
