/** The accounts that exist when the demo starts. They are shown on its login page, so nothing about them is secret. */
export const ACCOUNTS = {
  member: { email: "ines@harbour.example", password: "fair-winds-7", name: "Ines Holm" },
  admin: { email: "olav@harbour.example", password: "safe-haven-7", name: "Olav Berg" },
} as const;
