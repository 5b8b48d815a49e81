// Passkeys: the one thing on these pages that cannot be done without a script. Each [data-passkey] is hidden
// until it is sure that this browser can do it; everybody else goes the way of password and code.
"use strict";

(() => {
  const able = window.isSecureContext && "PublicKeyCredential" in window && !!navigator.credentials?.get && !!navigator.credentials?.create;
  document.querySelectorAll("[data-passkey-none]").forEach((words) => { words.hidden = able; });
  if (!able) return;

  // Older browsers lack the JSON forms of options and answers: base64url by hand (RFC 4648 §5, no padding).
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join(""))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const toMake = (o) => PublicKeyCredential.parseCreationOptionsFromJSON?.(o) ??
    { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: named(o.excludeCredentials) };
  const toUse = (o) => PublicKeyCredential.parseRequestOptionsFromJSON?.(o) ??
    { ...o, challenge: bytes(o.challenge), allowCredentials: named(o.allowCredentials) };

  const written = (key) => {
    if (typeof key.toJSON === "function") return key.toJSON();
    const response = { clientDataJSON: text(key.response.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (key.response[part]) response[part] = text(key.response[part]);
    }
    if (key.response.getTransports) response.transports = key.response.getTransports();
    return { id: key.id, rawId: text(key.rawId), type: key.type, clientExtensionResults: key.getClientExtensionResults(), response };
  };

  // Refused is what the server said, in words for the reader.
  class Refused extends Error {}

  const post = async (address, body) => {
    const answer = await fetch(address, {
      method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
    });
    if (!(answer.headers.get("Content-Type") || "").startsWith("application/json")) throw new Error("not an answer");
    const said = await answer.json();
    if (!answer.ok && !said.next) throw new Refused(said.message);
    if (said.next) location.assign(said.next);
    return said.next ? null : said;
  };

  const prepare = (place) => {
    const button = place.querySelector("button");
    const alarm = place.querySelector("[role=alert]");
    const say = (words) => { alarm.textContent = words; alarm.hidden = !words; };
    const field = (name) => (place.querySelector(`[name="${name}"]`) ?? document.querySelector(`main [name="${name}"]`));

    const run = async () => {
      const next = place.dataset.next || "";
      const asked = await post(place.dataset.options, { next });
      if (!asked) return;
      const key = place.dataset.passkey === "make"
        ? await navigator.credentials.create({ publicKey: toMake(asked.publicKey) })
        : await navigator.credentials.get({ publicKey: toUse(asked.publicKey) });
      await post(place.dataset.finish, {
        answer: written(key), next, name: field("name")?.value || "", remember: !!field("remember")?.checked,
      });
    };

    button.addEventListener("click", async () => {
      say("");
      button.disabled = true;
      try {
        await run();
      } catch (error) {
        if (error instanceof Refused) say(error.message);
        else if (error.name === "NotAllowedError" || error.name === "AbortError") say(place.dataset.cancelled);
        else if (error.name === "InvalidStateError") say(place.dataset.known);
        else say(place.dataset.failed);
      } finally {
        button.disabled = false;
      }
    });
    place.hidden = false;
  };

  document.querySelectorAll("[data-passkey]").forEach(prepare);
})();
