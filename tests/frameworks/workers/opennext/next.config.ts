import type { NextConfig } from "next";

const config: NextConfig = {
  // The folder above holds other apps too.
  outputFileTracingRoot: `${import.meta.dirname}/..`,
  turbopack: { root: `${import.meta.dirname}/..` },
};

export default config;
