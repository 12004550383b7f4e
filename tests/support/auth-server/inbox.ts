export interface Mail {
  id: number;
  to: string;
  subject: string;
  type: string;
  /** Unix time in seconds of the server's clock. */
  sentAt: number;
  link: string;
  /** The one-time code. */
  token: string;
  tokenHash: string;
}

/** Every mail that the server would have sent. */
export class Inbox {
  #mails: Mail[] = [];
  #nextId = 1;

  add(mail: Omit<Mail, "id">): Mail {
    const stored = { ...mail, id: this.#nextId };
    this.#nextId += 1;
    this.#mails.push(stored);
    return stored;
  }

  /** Oldest first, all or those to one address. */
  list(to?: string): Mail[] {
    return this.#mails.filter((mail) => to === undefined || mail.to === to.toLowerCase());
  }

  latest(to?: string): Mail | undefined {
    return this.list(to).at(-1);
  }

  /** Takes back what was added since. */
  restore(mails: Mail[]): void {
    this.#mails = mails;
  }

  clear(): void {
    this.#mails = [];
  }
}
