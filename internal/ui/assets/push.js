// Switching notices on in this browser: it cannot be done without a script. The browser asks for its leave only after
// the button was pressed. Whoever has no script, or a browser that cannot, reads so on the page.
"use strict";

(() => {
  const place = document.querySelector("[data-push]");
  const able = window.isSecureContext && "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  if (!place || !able) return;
  document.querySelectorAll("[data-push-none]").forEach((words) => { words.hidden = true; });

  const button = place.querySelector("button");
  const alarm = place.querySelector("[role=alert]");
  const say = (words) => { alarm.textContent = words; alarm.hidden = !words; };
  const key = Uint8Array.from(atob(place.dataset.key.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const ours = (subscription) => {
    const theirs = subscription.options?.applicationServerKey;
    return !theirs || new Uint8Array(theirs).every((byte, i) => byte === key[i]);
  };

  const switchOn = async () => {
    const leave = await Notification.requestPermission();
    if (leave !== "granted") return say(leave === "denied" ? place.dataset.denied : place.dataset.later);
    const worker = await navigator.serviceWorker.register("/sw.js", { scope: "/" });
    await navigator.serviceWorker.ready;
    let subscription = await worker.pushManager.getSubscription();
    if (subscription && !ours(subscription)) { // of a server whose master key was another one
      await subscription.unsubscribe();
      subscription = null;
    }
    subscription ??= await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const answer = await fetch(place.dataset.push, {
      method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ answer: subscription.toJSON(), next: location.pathname }),
    });
    const said = await answer.json();
    if (said.next) location.assign(said.next);
    else say(said.message || place.dataset.failed);
  };

  button.addEventListener("click", async () => {
    say("");
    button.disabled = true;
    try { await switchOn(); } catch { say(place.dataset.failed); } finally { button.disabled = false; }
  });
  place.hidden = false;
})();
