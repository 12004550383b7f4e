import { index, route, type RouteConfig } from "@react-router/dev/routes";

export default [
  index("routes/public.tsx"),
  route("account", "routes/account.tsx"),
  route("account/note", "routes/note.tsx"),
  route("account/pages/:number", "routes/page.tsx"),
  route("account/signout", "routes/signout.tsx"),
  route("account/stream/:id", "routes/stream.tsx"),
] satisfies RouteConfig;
