export default function Page() {
  return <p>made at build time</p>;
}
