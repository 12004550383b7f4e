{
  const button = document.getElementById("passkey");
  const problem = button.nextElementSibling;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => buffer && btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  const check = async () => {
    const input = document.querySelector("[name=cf-turnstile-response]");
    for (let waits = 0; input && !input.value && waits < 100; waits++) await new Promise((go) => setTimeout(go, 200));
    const token = input?.value;
    if (token) turnstile.reset();
    return token && { "cf-turnstile-response": token };
  };
  const post = async (url, body) => {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ ...body, ...(await check()) }) });
    if (!answer.ok) throw answer;
    return answer.json();
  };
  if (window.PublicKeyCredential) button.hidden = false;
  button.onclick = async () => {
    problem.hidden = true;
    button.disabled = true;
    try {
      const { options, verify, next } = button.dataset;
      const { challenge_id, options: publicKey } = await post(options, {});
      publicKey.challenge = bytes(publicKey.challenge);
      for (const known of publicKey.allowCredentials ?? []) known.id = bytes(known.id);
      const { id, type, response } = await navigator.credentials.get({ publicKey });
      const parts = {};
      for (const name of ["authenticatorData", "clientDataJSON", "signature", "userHandle"]) parts[name] = text(response[name]);
      const credential = { id, rawId: id, type, clientExtensionResults: {}, response: parts };
      await post(verify, { challenge_id, credential });
      location.assign(next);
    } catch (error) {
      problem.hidden = error.name === "NotAllowedError";
      button.disabled = false;
    }
  };
}
