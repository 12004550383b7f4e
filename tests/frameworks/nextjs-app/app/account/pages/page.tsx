import Link from "next/link";

/** 20 links in sight, each of which the router prefetches. */
export default function Pages() {
  return (
    <ul>
      {Array.from({ length: 20 }, (_, number) => (
        <li key={number}>
          <Link href={`/account/pages/${number}`} prefetch>
            Page {number}
          </Link>
        </li>
      ))}
    </ul>
  );
}
