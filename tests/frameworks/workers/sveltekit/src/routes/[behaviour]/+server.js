import { behave } from "../../../../behaviours.js";

export const fallback = ({ request, platform }) => behave(request, platform.ctx);
export const GET = fallback;
export const PUT = fallback;
