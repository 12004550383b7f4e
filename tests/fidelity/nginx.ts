/** nginx as an origin: files, and the replies that its own directives can say. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./origins.ts";
import type { Reply } from "./replies.ts";

export function nginxConfiguration({ port, folder, files, replies }: Place): string {
  mkdirSync(join(folder, "bodies"), { recursive: true });
  const locations = Object.entries(replies).flatMap(([name, reply]) => location(name, reply, folder));
  return `daemon off;
worker_processes 1;
user root;
pid nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path bodies-in;
  proxy_temp_path p; fastcgi_temp_path f; scgi_temp_path s; uwsgi_temp_path u;
  types { text/html html; text/plain txt; application/javascript js; image/png png; application/octet-stream bin; }
  default_type application/octet-stream;
  client_max_body_size 10m;
  large_client_header_buffers 8 32k;
  server {
    listen 127.0.0.1:${port};
    root ${files};
    gzip on;
    gzip_vary on;
    gzip_min_length 100;
    location /echo { proxy_pass http://unix:${folder}/inner; proxy_http_version 1.1; proxy_set_header Host $http_host; }
    location /_app/immutable/ { add_header Cache-Control "public, max-age=31536000, immutable"; }
${locations.map((line) => `    ${line}`).join("\n")}
  }
  server {
    listen unix:${folder}/inner;
    default_type text/plain;
    location / { return 200 "$request_method $request_uri $uri $http_cookie"; }
  }
}
`;
}

/** nginx takes no longer word in its configuration. */
const LONGEST_WORD = 4_000;

/** What asks for a pause, a trailer, an interim answer or a phrase of its own is not for nginx. */
function location(name: string, { status = 200, reason, headers = [], body, parts, hint }: Reply, folder: string): string[] {
  const isTooLong = headers.some(([, value]) => value.length > LONGEST_WORD);
  if (parts !== undefined || hint !== undefined || reason !== undefined || isTooLong) {
    return [];
  }
  const type = headers.find(([known]) => known === "Content-Type")?.[1] ?? "";
  const target = headers.find(([known]) => known === "Location")?.[1];
  const others = headers.filter(([known]) => known !== "Content-Type" && !(known === "Location" && status !== 201));
  const added = others.map(([known, value]) => `add_header ${known} ${quoted(value)} always;`).join(" ");
  if (status === 200 && body !== undefined) {
    writeFileSync(join(folder, "bodies", name), Buffer.from(body, "base64"));
    return [`location = /reply/${name} { types {} default_type ${quoted(type)}; ${added} alias ${join(folder, "bodies", name)}; }`];
  }
  const text = body === undefined ? (target ?? "") : Buffer.from(body, "base64").toString("latin1");
  return [`location = /reply/${name} { default_type ${quoted(type || "text/plain")}; ${added} return ${status} ${quoted(text)}; }`];
}

function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, "\\$&").replaceAll("$", "")}"`;
}
