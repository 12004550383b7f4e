import type { CallCounts } from "../call-counter.ts";
import type { Weather } from "../controls.ts";
import type { Identity } from "../identity.ts";

export interface AuthState {
  calls: CallCounts;
  weather: Weather;
}

export const api = {
  auth: () => ask<AuthState>("/demo/auth"),
  endSession: (sessionId: string) => ask<{ ended: boolean }>("/demo/end-session", { sessionId }),
  expire: (accessToken: string) => ask<{ accessToken: string; expiresAt: number }>("/demo/expire", { accessToken }),
  identity: () => ask<Identity>("/demo/panel"),
  setWeather: (weather: Weather) => ask<AuthState>("/demo/auth", { weather }),
};

async function ask<Answer>(path: string, body?: object): Promise<Answer> {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const response = await fetch(path, { cache: "no-store", ...init });
  if (!response.ok) {
    throw new Error(`${path} answered ${response.status}`);
  }
  return (await response.json()) as Answer;
}
