/* Passkeys: three buttons, [data-passkey="sign-in" | "step-up" | "add"]. Everything else works without this file.
   A step-up button inside a form presses the form's button of the value data-then afterwards; outside one it goes on
   to data-next. Buttons that come with a part of the page that was made anew work as well. */
(() => {
  "use strict";
  const BASE = "/api/ops/session";
  const CLOSED = "Nothing was shown: it was cancelled, or this device has no passkey for this site.";

  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const csrf = () => document.querySelector('input[name="csrf"]')?.value ?? "";

  async function ask(path, body) {
    const answer = await fetch(BASE + path, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf() },
      body: JSON.stringify(body ?? {}),
    });
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw Object.assign(new Error(told.detail || `The answer was ${answer.status}.`), { told });
    return told;
  }

  function forBrowser(options) {
    const list = (all) => (all || []).map((one) => ({ ...one, id: bytes(one.id) }));
    const made = { ...options, challenge: bytes(options.challenge) };
    if (options.user) made.user = { ...options.user, id: bytes(options.user.id) };
    if (options.allowCredentials) made.allowCredentials = list(options.allowCredentials);
    if (options.excludeCredentials) made.excludeCredentials = list(options.excludeCredentials);
    return made;
  }

  function forServer(credential) {
    const said = {};
    for (const name of ["clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject"]) {
      if (credential.response[name]) said[name] = text(credential.response[name]);
    }
    return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response: said };
  }

  const shown = async (path) =>
    forServer(await navigator.credentials.get({ publicKey: forBrowser(await ask(path)) }));

  const actions = {
    "sign-in": async () => ask("/passkey", { credential: await shown("/passkey/options") }),
    "step-up": async () => ask("/step-up", { credential: await shown("/step-up/options") }),
    add: async () => {
      const options = forBrowser(await ask("/passkeys/options"));
      const credential = forServer(await navigator.credentials.create({ publicKey: options }));
      return ask("/passkeys", { credential, name: document.querySelector("[data-passkey-name]")?.value ?? "" });
    },
  };

  function tell(button, words) {
    const place = button.closest("section, form")?.querySelector("[data-passkey-says]")
      ?? document.querySelector("[data-passkey-says]");
    if (!place) return;
    place.textContent = words;
    place.hidden = !words;
  }

  async function act(button) {
    tell(button, "");
    if (button.form && !button.form.reportValidity()) return;
    button.disabled = true;
    try {
      await actions[button.dataset.passkey]();
      if (button.form) [...button.form.elements].find((one) => one.value === button.dataset.then).click();
      else location.assign(button.dataset.next || location.href);
    } catch (error) {
      if (error.told?.type?.endsWith(":stepup.needed") && button.dataset.stepUp) {
        location.assign(button.dataset.stepUp);
        return;
      }
      tell(button, error.name === "NotAllowedError" ? CLOSED : error.message);
      button.disabled = false;
    }
  }

  if (!window.PublicKeyCredential) return;
  const wake = () => {
    for (const button of document.querySelectorAll("[data-passkey]:not([data-awake])")) {
      Object.assign(button, { disabled: false, hidden: false }).dataset.awake = "";
      button.addEventListener("click", () => act(button));
    }
  };
  wake();
  document.addEventListener("htmx:load", wake);
})();
