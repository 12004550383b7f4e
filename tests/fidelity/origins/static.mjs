import { createServer } from "node:http";
import sirv from "sirv";
import { FILES, PORT } from "./common.mjs";

const files = sirv(FILES, { etag: true, extensions: ["html"], setHeaders: (response, path) => path.includes("immutable") && response.setHeader("Cache-Control", "public, max-age=31536000, immutable") });
createServer((request, response) => {
  try {
    files(request, response, () => response.writeHead(404).end("not found"));
  } catch {
    // A range that ends before it begins.
    response.destroy();
  }
}).listen(PORT, "127.0.0.1");
