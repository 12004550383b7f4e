import type { GetServerSideProps } from "next";
import { type Shown, showUser } from "@/utils/supabase/server";

export const getServerSideProps: GetServerSideProps<Shown> = showUser;

export default function Page({ claims, user }: Shown) {
  return (
    <>
      <p id="claims">{claims}</p>
      <p id="user">{user}</p>
    </>
  );
}
