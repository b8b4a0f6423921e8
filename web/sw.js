// The service worker: one complete copy of one build of the page, for when there is no network.
//
// The page itself is asked for over the network first, so that a new build is used at the next load; its files have the
// build in their addresses, so they are taken from the copy without asking. Only this list is ever kept, and only answers
// that are fine.
const BUILD = "__BUILD__";
const FILES = "__FILES__".split(" ");
const PREFIX = "lastsave ";
const NAME = PREFIX + BUILD;
const PATIENCE_MS = 3000;

const address = (file) => new URL(file, registration.scope).href;

self.addEventListener("install", (event) => {
  event.waitUntil(install());
});

async function install() {
  const cache = await caches.open(NAME);
  // All or nothing: `addAll` refuses whatever is not a good answer. The page's own address has no build in it, so it is
  // asked for anew; the others may come from the browser's cache.
  await cache.addAll([
    new Request(address("./"), { cache: "no-cache" }),
    ...FILES.map((file) => `${address(file)}?v=${BUILD}`),
  ]);
  await skipWaiting();
}

self.addEventListener("activate", (event) => {
  event.waitUntil(activate());
});

async function activate() {
  // A page that is still open may be of the build before, and may yet start a worker of it.
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX));
  await Promise.all(names.slice(0, -2).map((name) => caches.delete(name)));
  await clients.claim();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(registration.scope)) return;
  if (request.mode === "navigate") event.respondWith(page(request));
  else event.respondWith(file(request));
});

async function page(request) {
  const { pathname } = new URL(request.url);
  const isPage = pathname === new URL("./", registration.scope).pathname || pathname.endsWith("/index.html");
  if (!isPage) return fetch(request);
  const kept = caches.match(address("./"), { cacheName: NAME });
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS)).then(() => kept);
  const asked = fetch(request).then((response) => (response.ok ? response : kept.then((copy) => copy ?? response)));
  const first = await Promise.race([asked, late]).catch(() => undefined);
  return first ?? (await kept) ?? asked;
}

async function file(request) {
  return (await caches.match(request)) ?? fetch(request);
}
