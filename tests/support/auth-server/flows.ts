import { createHash, randomUUID } from "node:crypto";
import { ApiError } from "./errors.ts";
import type { State } from "./state.ts";
import type { Flow } from "./store.ts";

const FLOW_LIFE_SECONDS = 300;

export interface Challenge {
  challenge: string;
  method: "s256" | "plain";
}

/** Both parameters or neither; neither means the implicit flow. */
export function parseChallenge(challenge: string, method: string): Challenge | null {
  if (challenge === "" && method === "") {
    return null;
  }
  if (challenge === "" || method === "") {
    throw invalid("PKCE flow requires code_challenge_method and code_challenge");
  }
  if (!/^[A-Za-z0-9._~-]{43,128}$/.test(challenge)) {
    throw invalid("code challenge has to be 43 to 128 characters of the unreserved alphabet");
  }
  const lower = method.toLowerCase();
  if (lower !== "s256" && lower !== "plain") {
    throw invalid("code challenge method has to be s256 or plain");
  }
  return { challenge, method: lower };
}

export function createFlow(
  state: State,
  spec: { challenge: Challenge | null; method: string; redirectTo: string; provider?: string; userId?: string },
): Flow {
  const flow: Flow = {
    id: randomUUID(),
    authCode: null,
    challenge: spec.challenge?.challenge ?? null,
    challengeMethod: spec.challenge?.method ?? null,
    method: spec.method,
    provider: spec.provider ?? null,
    redirectTo: spec.redirectTo,
    userId: spec.userId ?? null,
    createdAtMs: state.clock.nowMs(),
    codeIssuedAtMs: null,
    returned: false,
    providerToken: null,
  };
  state.store.flows.set(flow.id, flow);
  return flow;
}

/** Makes the code that the application exchanges. */
export function issueCode(state: State, flow: Flow): string {
  const code = randomUUID();
  flow.authCode = code;
  flow.codeIssuedAtMs = state.clock.nowMs();
  state.store.flowsByCode.set(code, flow);
  return code;
}

export function isExpired(state: State, flow: Flow): boolean {
  // Only a magic link counts from the click; everything else from the request.
  const since = flow.method === "magiclink" ? (flow.codeIssuedAtMs ?? flow.createdAtMs) : flow.createdAtMs;
  return state.clock.nowMs() > since + FLOW_LIFE_SECONDS * 1000;
}

/** Uses up the flow of a code; a wrong verifier leaves it for another try. */
export function redeemCode(state: State, code: string, verifier: string): Flow {
  if (code === "" || verifier === "") {
    throw invalid("invalid request: both auth code and code verifier should be non-empty");
  }
  const flow = state.store.flowsByCode.get(code);
  if (flow === undefined) {
    throw new ApiError(404, "flow_state_not_found", "invalid flow state, no valid flow state found");
  }
  if (isExpired(state, flow)) {
    throw new ApiError(422, "flow_state_expired", "invalid flow state, flow state has expired");
  }
  if (!verifierMatches(flow, verifier)) {
    const message = "code challenge does not match previously saved code verifier";
    throw new ApiError(400, "bad_code_verifier", message);
  }
  state.store.flowsByCode.delete(code);
  state.store.flows.delete(flow.id);
  return flow;
}

function verifierMatches(flow: Flow, verifier: string): boolean {
  const hashed = createHash("sha256").update(verifier).digest("base64url");
  return flow.challenge === (flow.challengeMethod === "plain" ? verifier : hashed);
}

function invalid(message: string): ApiError {
  return new ApiError(400, "validation_failed", message);
}
