{
  const form = document.getElementById("fragment");
  const given = new URLSearchParams(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  const login = (name, value) => {
    const { login } = form.dataset;
    location.replace(login + (login.includes("?") ? "&" : "?") + new URLSearchParams({ [name]: value }));
  };
  const nameOf = (token) => {
    try {
      const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
      const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
      return claims.email || claims.phone;
    } catch {}
  };
  const [token, refresh] = [given.get("access_token"), given.get("refresh_token")];
  if (token && refresh) {
    for (const name of ["access_token", "refresh_token", "type"]) form.elements[name].value = given.get(name) ?? "";
    document.getElementById("account").textContent = nameOf(token) || form.dataset.unknown;
    form.hidden = false;
  } else if (given.has("message")) login("message", "confirm_other_address");
  else login("error", given.get("error_code") || given.get("error") || "validation_failed");
}
