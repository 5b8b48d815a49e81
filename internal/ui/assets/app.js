// Everything on the pages works without this file. It only adds comfort: a waiting page that renews
// itself, buttons that copy, a password that can be looked at, and the time a code has left.
"use strict";

(() => {
  const lang = document.documentElement.lang || "ru";

  // Words for a length of time, as the server prints them, from the platform's own plural rules.
  const spoken = (seconds) => {
    const unit = seconds > 120 ? "minute" : "second";
    const value = unit === "minute" ? Math.ceil(seconds / 60) : seconds;
    return new Intl.NumberFormat(lang, { style: "unit", unit, unitDisplay: "long" }).format(value);
  };

  // A page that waits for another person. The server sends an event when there is something new; the page
  // then asks for itself and exchanges only its living part, so that focus and scroll stay where they were.
  const watch = (live) => {
    const state = document.getElementById("live-state");
    const every = Number(live.dataset.refresh) * 1000 || 15000;
    let polling = 0;
    let shown = live.innerHTML; // as the server sent it, before anything here touched it
    let busy = false;
    let again = false; // something changed while the page was on its way: what comes may be older than that
    const say = (words) => { if (state && state.textContent !== words) state.textContent = words; };

    const renew = async () => {
      if (busy) { again = true; return; }
      busy = true;
      again = false;
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
        if (answer.redirected && new URL(answer.url).pathname !== location.pathname) { location.assign(answer.url); return; }
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById("live");
        if (!fresh) { location.reload(); return; }
        const typing = [...live.querySelectorAll("input")].some((i) => i.type !== "hidden" && i.value !== i.defaultValue);
        if (!typing && fresh.innerHTML !== shown) { // nothing typed is lost
          const focused = document.activeElement && live.contains(document.activeElement) ? document.activeElement.id : "";
          shown = fresh.innerHTML;
          live.replaceChildren(...fresh.childNodes);
          document.title = page.title;
          if (focused) document.getElementById(focused)?.focus();
          enhance(live);
        }
        say(live.dataset.connected);
      } catch {
        say(live.dataset.lost);
      } finally {
        busy = false;
        if (again) renew();
      }
    };

    const poll = () => { if (!polling) polling = setInterval(renew, every); };
    if (!("EventSource" in window)) { poll(); return; }
    const stream = new EventSource(live.dataset.live);
    stream.addEventListener("open", () => { clearInterval(polling); polling = 0; say(live.dataset.connected); });
    stream.addEventListener("change", renew);
    stream.addEventListener("end", () => { stream.close(); renew(); });
    stream.addEventListener("error", () => { say(live.dataset.lost); poll(); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) renew(); });
  };

  const countdown = (place) => {
    const end = Date.now() + Number(place.dataset.left) * 1000;
    const words = place.textContent;
    const template = words.replace(/\d+\s\p{L}+(\s\d+\s\p{L}+)?/u, "{}");
    let shown = "";
    const tick = () => {
      const left = Math.round((end - Date.now()) / 1000);
      if (left <= 0) { place.textContent = place.dataset.over; return; }
      const next = template.replace("{}", spoken(left));
      if (next !== shown) { shown = next; place.textContent = next; }
      setTimeout(tick, left > 120 ? 5000 : 1000);
    };
    if (template.includes("{}") && Number(place.dataset.left) > 0) tick();
  };

  const copying = (button) => {
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const from = document.getElementById(button.dataset.copy);
      if (!from) return;
      try {
        await navigator.clipboard.writeText((from.value ?? from.textContent).trim());
        const label = button.querySelector("span") || button;
        const before = label.textContent;
        label.textContent = button.dataset.done;
        setTimeout(() => { label.textContent = before; }, 2000);
      } catch { button.hidden = true; }
    });
  };

  const reveal = (button) => {
    const field = document.getElementById(button.dataset.reveal);
    if (!field) return;
    button.hidden = false;
    const set = (open) => {
      field.type = open ? "text" : "password";
      button.setAttribute("aria-pressed", String(open));
      button.setAttribute("aria-label", open ? button.dataset.hide : button.dataset.show);
    };
    button.addEventListener("click", () => set(field.type === "password"));
    field.form?.addEventListener("submit", () => set(false));
  };

  // A pasted or typed code may have spaces; they are taken out. Nothing is ever sent by itself: pressing
  // the button is the person's own decision.
  const codeField = (field) => field.addEventListener("input", () => {
    const clean = field.value.replace(/\D/g, "").slice(0, Number(field.dataset.digits));
    if (clean !== field.value) field.value = clean;
  });

  // A second press of a button does nothing: what it asked for is already under way.
  const once = (form) => form.addEventListener("submit", (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 5000);
  });

  function enhance(root) {
    root.querySelectorAll(".code-left[data-left]").forEach(countdown);
    root.querySelectorAll("button[data-copy]").forEach(copying);
    root.querySelectorAll("button[data-reveal]").forEach(reveal);
    root.querySelectorAll("input[data-digits]").forEach(codeField);
    root.querySelectorAll("form[method=post]").forEach(once);
    root.querySelectorAll("button[data-print]").forEach((b) => {
      b.hidden = false;
      b.addEventListener("click", () => window.print());
    });
  }

  // A browser with notices tells once in a tab who is signed in at it, so that signing out ends them too, and so that
  // nobody gets those of another person. Browsers without notices tell nothing.
  const told = "push.here";
  const tellBrowser = async () => {
    if (!document.querySelector('form[action="/sign-out"]')) { sessionStorage.removeItem(told); return; }
    if (sessionStorage.getItem(told)) return;
    const worker = await navigator.serviceWorker?.getRegistration("/");
    const subscription = await worker?.pushManager?.getSubscription();
    if (!subscription) return;
    const answer = await fetch("/settings/safety/push/here", {
      method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ answer: subscription.endpoint }),
    });
    if (answer.ok) sessionStorage.setItem(told, "yes");
  };

  tellBrowser().catch(() => {}); // it is told again on the next page
  document.querySelectorAll("[data-live]").forEach(watch);
  enhance(document);
  document.getElementById("errors")?.focus();
  document.querySelector("form[data-onward]")?.requestSubmit(); // an answer on its way to another site; without scripts a button sends it
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((f) => { delete f.dataset.sent; }));
})();
