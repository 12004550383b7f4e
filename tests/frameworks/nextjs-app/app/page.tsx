import Link from "next/link";

export const revalidate = 3600;

export default function Public() {
  return (
    <>
      <h1>This page is the same for everyone.</h1>
      <Link href="/account" prefetch={false}>
        Account
      </Link>
    </>
  );
}
