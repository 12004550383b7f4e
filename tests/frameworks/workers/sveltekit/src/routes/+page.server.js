import { readSession } from "edge-session/origin";

export const load = ({ request }) => ({ user: readSession(request)?.userId ?? "nobody" });
