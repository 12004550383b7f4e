/** nginx as a shared cache, configured as a CDN is: it keeps what it may, and nothing tells two visitors apart. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePort } from "../../demo/worker.ts";

const START_TIMEOUT_MS = 10_000;

export interface Nginx {
  url: URL;
  stop(): Promise<void>;
}

/** Finds nginx, or installs it as root on a Debian-like system; throws where it can do neither. */
export async function installNginx(): Promise<void> {
  if (findNginx() !== undefined) {
    return;
  }
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new Error("no nginx found for the cache tests. Install it (Debian: nginx-light), or run this as root on a Debian-like system.");
  }
  for (const args of [["update"], ["install", "--yes", "--no-install-recommends", "nginx-light"]]) {
    // RUNLEVEL keeps the package from starting a server of its own.
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
    const { status } = spawnSync("apt-get", ["--quiet", ...args], { env, stdio: ["ignore", 2, 2] });
    if (status !== 0) {
      throw new Error(`\`apt-get ${args.join(" ")}\` failed`);
    }
  }
  if (findNginx() === undefined) {
    throw new Error("apt-get installed nginx-light, but there is no nginx on PATH or in /usr/sbin");
  }
}

/** A cache in front of `target`. */
export async function startNginx(target: string): Promise<Nginx> {
  const program = findNginx();
  if (program === undefined) {
    throw new Error("no nginx found: `npm run test:frameworks` installs it");
  }
  const folder = mkdtempSync(join(tmpdir(), "edge-session-nginx-"));
  // As root, nginx gives its workers another user.
  chmodSync(folder, 0o755);
  const port = await freePort();
  writeFileSync(join(folder, "nginx.conf"), configuration(folder, port, new URL(target).host));
  const child = spawn(program, ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"], { stdio: ["ignore", "ignore", "pipe"] });
  const endWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", endWithUs);
  child.once("exit", () => process.off("exit", endWithUs));
  let printed = "";
  child.stderr.on("data", (data) => (printed += String(data)));
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await listening(port, child);
  } catch {
    await stop();
    throw new Error(`nginx does not start:\n${printed}`);
  }
  return { url: new URL(`http://127.0.0.1:${port}`), stop };
}

/** The host is part of the key and neither cookie nor `Vary` is, as with most CDNs; an answer that says nothing is kept for ten minutes. */
function configuration(folder: string, port: number, target: string): string {
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/cache keys_zone=cdn:8m inactive=10m;
  upstream behind { server ${target}; keepalive 8; }
  server {
    listen 127.0.0.1:${port};
    large_client_header_buffers 8 64k;
    location / {
      proxy_pass http://behind;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_buffer_size 64k;
      proxy_buffers 8 64k;
      proxy_busy_buffers_size 128k;
      proxy_cache cdn;
      proxy_cache_key $http_host$request_uri;
      proxy_cache_valid 200 301 302 303 404 10m;
      proxy_cache_lock on;
      proxy_ignore_headers Set-Cookie Vary;
      add_header X-Cache $upstream_cache_status always;
    }
  }
}
`;
}

function findNginx(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, "nginx")).find((path) => existsSync(path));
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (Date.now() > deadline || child.exitCode !== null) {
      throw new Error("nginx does not listen");
    }
    await new Promise((passed) => setTimeout(passed, 20));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(socket.destroy() !== undefined));
    socket.once("error", () => resolve(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGTERM");
    await ended;
  }
}
