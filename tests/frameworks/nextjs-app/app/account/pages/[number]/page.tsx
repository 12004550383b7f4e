import { User } from "../../user";

export default function Page() {
  return <User />;
}
