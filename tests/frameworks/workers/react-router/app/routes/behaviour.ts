import { behave } from "../../../behaviours.js";

const answer = ({ request, context }: any): Promise<Response> => behave(request, context.cloudflare.ctx);
export const loader = answer;
export const action = answer;
