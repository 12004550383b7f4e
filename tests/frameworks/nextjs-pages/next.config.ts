import type { NextConfig } from "next";

const config: NextConfig = {
  // The address of a page's data holds the build's name.
  generateBuildId: () => "tested",
  // The folder above holds other apps too.
  outputFileTracingRoot: `${import.meta.dirname}/..`,
  turbopack: { root: `${import.meta.dirname}/..` },
};

export default config;
