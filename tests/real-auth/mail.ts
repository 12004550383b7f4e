/** Receives the mails of a real Auth: SMTP on loopback, and the templates that make them easy to read. */
import { createServer } from "node:http";
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
  /** Where Auth loads its templates from. */
  templateUrl: string;
  list(to?: string): Mail[];
  close(): Promise<void>;
}

const TEMPLATE = `<a href="{{ .ConfirmationURL }}">link</a><code>{{ .Token }}</code><kbd>{{ .TokenHash }}</kbd>`;

export async function startMailSink(): Promise<MailSink> {
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
  const pages = createServer((_request, response) => void response.end(TEMPLATE));
  await new Promise<void>((listening) => pages.listen(0, "127.0.0.1", listening));
  return {
    smtpPort: (smtp.server.address() as AddressInfo).port,
    templateUrl: `http://127.0.0.1:${(pages.address() as AddressInfo).port}/`,
    list,
    async close() {
      pages.closeAllConnections();
      await Promise.all([new Promise((closed) => pages.close(closed)), new Promise<void>((closed) => smtp.close(() => closed()))]);
    },
  };
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
