export interface PageSettings {
  supabaseUrl: string;
  publishableKey: string;
  /** Whether this page is one copy for everyone. */
  shared: boolean;
}

export const settings = JSON.parse(document.getElementById("settings")!.textContent!) as PageSettings;

/** The path of this site in `?next=`; anything that could lead elsewhere counts as absent. */
export function nextPath(fallback: string): string {
  const next = new URLSearchParams(location.search).get("next") ?? "";
  return /^\/(?![/\\])[^\u0000-\u001f\u007f]*$/.test(next) ? next : fallback;
}
