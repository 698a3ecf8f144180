import { download, named } from "./download.js";
import { hashOf } from "./hashes.js";
import { keep, kept } from "./kept.js";
import { t } from "./language.js";
import { Once } from "./once.js";

const files = new Once();

/**
 * A model's file as a Blob: the one that is kept, or a new download, one for all viewers of the page.
 *
 * `sha256`, where the site tells it, is what the file must have: another file is refused, and never opened.
 */
export function fetchModel(url, sha256, listening) {
  return files.ask(`${url} ${sha256 ?? ""}`, (work) => fetched(url, sha256, work), listening);
}

async function fetched(url, sha256, { signal, progress }) {
  const before = sha256 && (await kept(sha256));
  signal.throwIfAborted();
  if (before) return before;
  const blob = notAPage(await download(url, { signal, progress }), url);
  if (!sha256) return blob;
  const found = await hashOf(blob);
  if (found !== sha256) {
    throw new Error(
      t`The model ${named(url)} is not the file that the site's list of models means: its SHA-256 begins with ${found.slice(0, 12)} and not with ${sha256.slice(0, 12)}. It is not used: load the page anew, or tell whoever runs this site.`,
    );
  }
  // Nobody waits for that: the model is there.
  keep(sha256, blob);
  return blob;
}

/** A sign-in page, or the page that a server sends for whatever is missing, comes with status 200. */
export function notAPage(blob, url) {
  if (/^text\/html\b/i.test(blob.type)) {
    throw new Error(t`In place of ${named(url)} the server sent a web page: it may lack the file, or want you to sign in.`);
  }
  return blob;
}
