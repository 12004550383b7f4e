import { Outlet, Scripts, useRouteError } from "@remix-run/react";
import { useEffect } from "react";

export default function Root() {
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
      </head>
      <body>
        <Outlet />
        <Scripts />
      </body>
    </html>
  );
}

/** The edge refuses a page's data with 401, which Remix cannot read; the page itself it answers with the way to the login page. */
export function ErrorBoundary() {
  const error = useRouteError();
  const refused = error instanceof Error && error.message.startsWith("Unable to decode turbo-stream response");
  useEffect(() => {
    if (refused) location.reload();
  }, [refused]);
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
      </head>
      <body>
        <h1>Error</h1>
        <Scripts />
      </body>
    </html>
  );
}
