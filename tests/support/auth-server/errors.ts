import { randomUUID } from "node:crypto";

const API_VERSION_HEADER = "X-Supabase-Api-Version";
const API_VERSION_2024 = "2024-01-01";

/** An error with a code of Auth's own list. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly reasons: string[] | undefined;

  constructor(status: number, code: string, message: string, reasons?: string[]) {
    super(message);
    this.status = status;
    this.code = code;
    this.reasons = reasons;
  }
}

/** An error in the shape of RFC 6749 §5.2, which ignores the API version. */
export class OAuthError extends Error {
  readonly error: string;

  constructor(error: string, description: string) {
    super(description);
    this.error = error;
  }
}

/** A refusal by the gateway in front of Auth, which knows no codes. */
export class GatewayError extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Turns any error into the answer that the caller's API version asks for. */
export function errorResponse(error: unknown, apiVersion: string | undefined): Response {
  if (error instanceof GatewayError) {
    return json(401, { message: error.message, hint: error.hint });
  }
  if (error instanceof OAuthError) {
    return json(400, { error: error.error, error_description: error.message });
  }
  if (error instanceof ApiError) {
    return apiErrorResponse(error, apiVersion);
  }
  console.error(error);
  const message = "Unexpected failure, please check server logs for more information";
  return apiErrorResponse(new ApiError(500, "unexpected_failure", message), apiVersion);
}

function apiErrorResponse(error: ApiError, apiVersion: string | undefined): Response {
  const headers: Record<string, string> = { "x-sb-error-code": error.code };
  const weak = error.reasons === undefined ? {} : { weak_password: { reasons: error.reasons } };
  if (!isVersion2024(apiVersion)) {
    const id = error.status >= 500 ? { error_id: randomUUID() } : {};
    const body = { code: error.status, error_code: error.code, msg: error.message, ...id, ...weak };
    return json(error.status, body, headers);
  }
  headers[API_VERSION_HEADER] = API_VERSION_2024;
  if (error.code === "weak_password") {
    delete headers["x-sb-error-code"];
  }
  return json(error.status, { code: error.code, message: error.message, ...weak }, headers);
}

function isVersion2024(version: string | undefined): boolean {
  if (version === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(version)) {
    return false;
  }
  return !Number.isNaN(Date.parse(version)) && version >= API_VERSION_2024;
}

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/json", ...headers },
  });
}
