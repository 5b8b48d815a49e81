// The service worker: it shows what the server pushed, and a press opens the page that the notice names, which asks for a
// sign-in like any other. It keeps no pages, answers no requests and decides nothing.
"use strict";

const pageOf = (path) => {
  try {
    const page = new URL(path || "/approvals", self.location.origin);
    if (page.origin === self.location.origin) return page.pathname; // nothing pushed leads to another site
  } catch { /* not an address */ }
  return "/approvals";
};

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// One notice a page is on the screen: a newer one takes the place of the older. The browser rings again for it, but not for
// a second copy of the same.
self.addEventListener("push", (event) => event.waitUntil((async () => {
  let note = {};
  try { note = event.data.json(); } catch { /* a browser hides who shows nothing: the name of the site is shown */ }
  const path = pageOf(note.path);
  const tag = note.tag || path;
  const shown = await self.registration.getNotifications({ tag });
  await self.registration.showNotification(note.title || self.location.hostname, {
    body: note.body || "", lang: note.lang || "", tag, data: { path, key: note.key },
    renotify: shown.length > 0 && shown.every((other) => other.data?.key !== note.key),
  });
})()));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const path = pageOf(event.notification.data?.path);
  event.waitUntil((async () => {
    const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const open = pages.find((page) => new URL(page.url).pathname === path);
    await (open ? open.focus() : self.clients.openWindow(path)); // a page of another address may hold what somebody types
  })());
});
