import type { Config } from "@react-router/dev/config";

export default {
  // Its server takes the scheme from the connection, which the edge has made.
  allowedActionOrigins: ["app.example.com"],
} satisfies Config;
