/**
 * The service worker of the stand-alone page: the page opens without a network once it was open with one.
 *
 * It keeps what the page names (`viewer/page.js`), in the browser's own store. What lies in the folder that is named by its contents never
 * changes and comes from the store first; everything else is asked for first, and taken from the store where there is no answer. Models are
 * none of its business: the page keeps them under their hash. It adds no request to another origin, and no host's page knows of it.
 */
const NAME = "pellucid-page";
const VERSIONED = /\/viewer-[0-9a-f]{16}\//;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/** The page tells what belongs to it, `{ keep: [urls] }`; it is answered once that is kept. */
self.addEventListener("message", (event) => {
  const { keep } = event.data ?? {};
  if (!Array.isArray(keep)) return;
  event.waitUntil(
    store(keep).then(
      () => event.source.postMessage({ kept: true }),
      () => event.source.postMessage({ kept: false }),
    ),
  );
});

async function store(urls) {
  const cache = await caches.open(NAME);
  for (const url of urls) if (mine(url) && !(await cache.match(url))) await cache.add(url);
  // A newer release has another folder: the older one's files go.
  const folder = urls.map((url) => VERSIONED.exec(url)?.[0]).find(Boolean);
  for (const { url } of await cache.keys()) {
    const own = VERSIONED.exec(url)?.[0];
    if (own && own !== folder) await cache.delete(url);
  }
}

const mine = (url) => new URL(url).origin === location.origin;

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !mine(request.url) || /\.onnx$/i.test(new URL(request.url).pathname)) return;
  event.respondWith(VERSIONED.test(request.url) ? storeFirst(request) : networkFirst(request));
});

async function storeFirst(request) {
  return (await stored(request)) ?? fetch(request);
}

async function networkFirst(request) {
  try {
    const response = await fetch(request);
    if (response.ok && (await stored(request))) await (await caches.open(NAME)).put(request.url, response.clone());
    return response;
  } catch (error) {
    const before = await stored(request);
    if (before) return before;
    throw error;
  }
}

/** What is kept; nothing is made by asking, so that what was wiped stays away. */
async function stored(request) {
  if (!(await caches.has(NAME))) return undefined;
  return (await caches.open(NAME)).match(request.url.split("#")[0], { ignoreSearch: request.mode === "navigate" });
}
