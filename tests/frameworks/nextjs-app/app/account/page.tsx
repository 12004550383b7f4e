import Link from "next/link";
import { signOut, takeNote } from "./actions";
import { BrowserUser } from "./browser-user";
import { User } from "./user";

export default function Account() {
  return (
    <>
      <User />
      <BrowserUser />
      <form id="note" action={takeNote}>
        <textarea name="note" />
        <button>Note</button>
      </form>
      <form id="signout" action={signOut}>
        <button>Sign out</button>
      </form>
      <Link href="/account/pages">Pages</Link>
    </>
  );
}
