import { Link } from "react-router";

export default function Public() {
  return (
    <>
      <h1>This page is the same for everyone.</h1>
      <Link to="/account">Account</Link>
    </>
  );
}
