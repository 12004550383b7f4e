/** Receives the mails of a real Auth: SMTP on loopback, and the templates that make them easy to read. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";

/** A mail as the local Auth's inbox lists it. */
export interface Mail {
  to: string;
  /** `signup`, `recovery` and so on: the subject is set to it. */
  type: string;
  link: string;
  token: string;
  tokenHash: string;
}

export interface MailSink {
  smtpPort: number;
  /** Where Auth loads its templates from, and where a test asks for mails: `/inbox?to=`. */
  url: string;
  list(to?: string): Mail[];
  close(): Promise<void>;
}

const TEMPLATE = `<a href="{{ .ConfirmationURL }}">link</a><code>{{ .Token }}</code><kbd>{{ .TokenHash }}</kbd>`;

/** Messages by SMS are read elsewhere; the page that lists them is the same. */
export async function startMailSink(messages: (to?: string) => Promise<object[]> = async () => []): Promise<MailSink> {
  const mails: Mail[] = [];
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        read(Buffer.concat(chunks)).then((mail) => {
          mails.push(mail);
          done();
        }, done);
      });
    },
  });
  await new Promise<void>((listening) => smtp.listen(0, "127.0.0.1", () => listening()));
  const list = (to?: string): Mail[] => mails.filter((mail) => to === undefined || mail.to === to.toLowerCase());
  const pages = await listen((path, query) => {
    if (path === "/template") {
      return TEMPLATE;
    }
    const to = query.get("to") ?? undefined;
    return path === "/messages" ? messages(to).then(JSON.stringify) : JSON.stringify(list(to));
  });
  return {
    smtpPort: (smtp.server.address() as AddressInfo).port,
    url: `http://127.0.0.1:${(pages.address() as AddressInfo).port}`,
    list,
    async close() {
      pages.closeAllConnections();
      await Promise.all([new Promise((closed) => pages.close(closed)), new Promise<void>((closed) => smtp.close(() => closed()))]);
    },
  };
}

async function listen(answer: (path: string, query: URLSearchParams) => string | Promise<string>): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    Promise.resolve(answer(pathname, searchParams)).then(
      (text) => response.end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}

async function read(source: Buffer): Promise<Mail> {
  const { to, subject, html = "" } = await PostalMime.parse(source);
  const part = (pattern: RegExp): string => (pattern.exec(html)?.[1] ?? "").replaceAll("&amp;", "&");
  return {
    to: (to?.[0]?.address ?? "").toLowerCase(),
    type: subject ?? "",
    link: part(/href="([^"]*)"/),
    token: part(/<code>(.*?)<\/code>/),
    tokenHash: part(/<kbd>(.*?)<\/kbd>/),
  };
}
