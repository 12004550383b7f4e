import { showUser } from "../../../../supabase.server";
import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = showUser;
