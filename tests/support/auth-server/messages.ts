export type Channel = "sms" | "whatsapp";

export interface Message {
  id: number;
  /** The number without `+`. */
  to: string;
  channel: Channel;
  /** What the code is for. */
  kind: "confirmation" | "phone_change" | "reauthentication" | "mfa";
  /** Unix time in seconds of the server's clock. */
  sentAt: number;
  code: string;
}

/** Every message that the server would have sent to a phone. */
export class Messages {
  #messages: Message[] = [];
  #nextId = 1;

  add(message: Omit<Message, "id">): Message {
    const stored = { ...message, id: this.#nextId };
    this.#nextId += 1;
    this.#messages.push(stored);
    return stored;
  }

  /** Oldest first, all or those to one number, with or without `+`. */
  list(to?: string): Message[] {
    return this.#messages.filter((message) => to === undefined || message.to === to.replace(/^\+/, ""));
  }

  latest(to?: string): Message | undefined {
    return this.list(to).at(-1);
  }

  clear(): void {
    this.#messages = [];
  }
}
