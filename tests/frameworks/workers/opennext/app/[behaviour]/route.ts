import { getCloudflareContext } from "@opennextjs/cloudflare";
import { behave } from "../../../behaviours.js";

const answer = (request: Request): Promise<Response> => behave(request, getCloudflareContext().ctx);
export { answer as GET, answer as PUT };
