import { useEffect } from "react";
import { isRouteErrorResponse, Outlet, Scripts, useRouteError } from "react-router";

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

/** The edge refuses a page's data with 401; the page itself it answers with the way to the login page. */
export function ErrorBoundary() {
  const error = useRouteError();
  const refused = isRouteErrorResponse(error) && error.status === 401;
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
