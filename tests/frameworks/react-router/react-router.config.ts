import type { Config } from "@react-router/dev/config";

export default {
  // Its server takes scheme and host from the connection, which the edge has made.
  allowedActionOrigins: ["app.example.com", "127.0.0.*"],
} satisfies Config;
