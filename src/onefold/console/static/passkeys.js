// Passkeys: the browser is asked for one, and what it answers is sent by the form it was asked for.
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const make = async (options) => {
    const user = { ...options.user, id: bytes(options.user.id) };
    const excludeCredentials = known(options.excludeCredentials);
    const made = await navigator.credentials.create({
      publicKey: { ...options, challenge: bytes(options.challenge), user, excludeCredentials },
    });
    const { clientDataJSON, attestationObject } = made.response;
    return answer(made, { clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject) });
  };

  const use = async (options) => {
    const allowCredentials = known(options.allowCredentials);
    const used = await navigator.credentials.get({
      publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials },
    });
    const { clientDataJSON, authenticatorData, signature, userHandle } = used.response;
    return answer(used, {
      clientDataJSON: text(clientDataJSON),
      authenticatorData: text(authenticatorData),
      signature: text(signature),
      userHandle: userHandle ? text(userHandle) : null,
    });
  };

  const answer = (credential, response) =>
    JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });

  const optionsOf = async (form) => {
    if (form.dataset.options) return JSON.parse(form.dataset.options);
    const begun = await fetch(form.dataset.passkey, { method: "POST" });
    if (!begun.ok) throw new Error(`${begun.status}`);
    return begun.json();
  };

  const ask = async (form) => {
    const options = await optionsOf(form);
    form.elements.credential.value = await (form.dataset.options ? make : use)(options);
    form.submit();
  };

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-passkey]");
    if (!form || form.elements.credential.value) return;
    event.preventDefault();
    event.stopPropagation();
    const said = form.querySelector("[data-passkey-says]");
    said.textContent = "";
    ask(form).catch((error) => {
      said.textContent =
        error.name === "InvalidStateError"
          ? "This device has a passkey for you already."
          : form.dataset.options
            ? "No passkey was made. Try again."
            : "No passkey was used. Try again, or choose another way.";
    });
  }, true);

  const show = () => {
    if (!window.PublicKeyCredential) return;
    for (const form of document.querySelectorAll("form[data-passkey][hidden]")) form.hidden = false;
    for (const without of document.querySelectorAll("[data-no-passkeys]")) without.hidden = true;
  };
  const askAnew = () => {
    for (const form of document.querySelectorAll("form[data-passkey]")) form.elements.credential.value = "";
  };
  addEventListener("pageshow", askAnew);
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("htmx:afterSettle", show);
  if (document.readyState !== "loading") show();
})();
