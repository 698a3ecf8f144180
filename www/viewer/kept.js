/**
 * Models that were downloaded, kept in the browser under the SHA-256 of their bytes, for visits without a network.
 *
 * Kept is what a site's manifest names a hash of: a file without one cannot be told from a newer one of the same name. The browser gives
 * its store to pages alone that come by HTTPS or from the same machine; elsewhere nothing is kept, and nothing is the worse.
 */
import { sha256 } from "./sha256.js";

/** The store's name; what begins so is Pellucid's, and `wipe` takes it away. */
export const PREFIX = "pellucid-";
const NAME = `${PREFIX}models`;

/** All kept files together have at most so many bytes: those that were not used for longest go first. */
export const MOST = 10 ** 9;

/** When a file was used last, in milliseconds; the bytes that it has. */
const [USED, SIZE] = ["x-pellucid-used", "x-pellucid-size"];

/** A file stands under an address that nobody serves. */
const address = (hash) => new URL(`/.pellucid/${hash}`, location.href).href;

/** The store, or nothing where the browser has none for this page, or will not open it. */
async function store(name = NAME) {
  try {
    return await globalThis.caches?.open(name);
  } catch {
    return undefined;
  }
}

/** The file of this SHA-256 as a Blob, if it is kept and whole. */
export async function kept(hash) {
  const cache = await store();
  const found = await cache?.match(address(hash));
  if (!found) return undefined;
  const blob = await found.blob().catch(() => undefined);
  // A store that was damaged is no reason to show the answers of a damaged model.
  if (!blob || (await sha256(blob)) !== hash) {
    await cache.delete(address(hash));
    return undefined;
  }
  // Used now; nobody waits for that.
  put(cache, hash, blob).catch(() => {});
  return blob;
}

/** Keeps a file, as far as there is room; what is larger than the limit is not kept. */
export async function keep(hash, blob, most = MOST) {
  const cache = await store();
  if (!cache || blob.size > most) return;
  try {
    await evict(cache, most - blob.size, address(hash));
    await put(cache, hash, blob);
  } catch {
    // The browser's own limit is reached, or the person forbids it: the next visit downloads it again.
  }
}

async function put(cache, hash, blob) {
  await cache.put(address(hash), new Response(blob, { headers: { [USED]: String(Date.now()), [SIZE]: String(blob.size) } }));
}

/** Lets go of what was not used for longest until the rest has at most `room` bytes. */
async function evict(cache, room, but) {
  const files = [];
  for (const request of await cache.keys()) {
    if (request.url === but) continue;
    const { headers } = (await cache.match(request)) ?? new Response();
    files.push({ request, used: Number(headers.get(USED)) || 0, size: Number(headers.get(SIZE)) || 0 });
  }
  files.sort((a, b) => b.used - a.used);
  let sum = 0;
  for (const { request, size } of files) {
    sum += size;
    if (sum > room) await cache.delete(request);
  }
}

/** How many bytes of models are kept. */
export async function keptBytes() {
  const cache = await store();
  let sum = 0;
  for (const request of (await cache?.keys()) ?? []) sum += Number((await cache.match(request))?.headers.get(SIZE)) || 0;
  return sum;
}

/** Takes away all that Pellucid keeps in this browser: models, the page's files for visits without a network, settings. */
export async function wipe() {
  const names = (await globalThis.caches?.keys().catch(() => [])) ?? [];
  for (const name of names) if (name.startsWith(PREFIX)) await caches.delete(name);
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  } catch {
    // A page without storage keeps no settings.
  }
  const workers = (await navigator.serviceWorker?.getRegistrations().catch(() => [])) ?? [];
  for (const worker of workers) if (worker.active?.scriptURL.endsWith("/pellucid-offline.js")) await worker.unregister();
}
