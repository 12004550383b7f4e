import { Link } from "@remix-run/react";

export default function Public() {
  return (
    <>
      <h1>This page is the same for everyone.</h1>
      <Link to="/account">Account</Link>
    </>
  );
}
