import { behave } from "../../../behaviours.js";

export const ALL = ({ request, locals }) => behave(request, locals.cfContext);
