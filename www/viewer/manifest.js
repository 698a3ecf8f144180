import { named } from "./download.js";
import { t } from "./language.js";

/** A SHA-256 as it is written. */
const HASH = /^[0-9a-f]{64}$/;

/**
 * The models that a site offers: `[{ name, url, cardUrl, sha256 }]` of a manifest `[{ "name": …, "file": …, "card": …, "sha256": … }]`.
 *
 * Files are names relative to the manifest, such as `Model #2.onnx`, or URLs with a scheme. A site without a manifest has no
 * models and is none the worse; one whose manifest cannot be used is told what is wrong.
 */
export async function manifest(url, { signal } = {}) {
  const name = named(url);
  let response;
  try {
    response = await fetch(url, { signal });
  } catch {
    if (signal?.aborted) throw signal.reason;
    throw new Error(t`The list of models (${name}) could not be loaded: check the connection.`);
  }
  // A server for pages of one address sends its page for whatever is missing.
  const page = /^text\/html\b/i.test(response.headers.get("content-type") ?? "");
  if (response.status === 404 || (response.ok && page)) return [];
  if (!response.ok) throw new Error(t`The list of models (${name}) could not be loaded: the server answered ${response.status}.`);
  const text = await response.text();
  let listed;
  try {
    listed = JSON.parse(text);
  } catch (error) {
    throw new Error(t`The list of models (${name}) is not JSON: ${error.message}`);
  }
  if (!Array.isArray(listed)) throw new Error(t`The list of models (${name}) is no list: it has the form [{ "name": …, "file": … }].`);
  return listed.map((entry, index) => {
    for (const key of ["name", "file"]) {
      if (typeof entry?.[key] !== "string" || entry[key] === "") throw new Error(t`Model ${index + 1} in the list of models (${name}) has no "${key}".`);
    }
    const { sha256 } = entry;
    if (sha256 !== undefined && !(typeof sha256 === "string" && HASH.test(sha256))) {
      throw new Error(t`The "sha256" of model ${index + 1} in the list of models (${name}) is no SHA-256: it has 64 digits, 0 to 9 and a to f.`);
    }
    return { name: entry.name, url: resolved(entry.file, url), cardUrl: entry.card && resolved(entry.card, url), sha256 };
  });
}

/** A file's name is no URL yet: `#` and `%` are letters in it. */
function resolved(file, base) {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(file);
  const path = isUrl ? file : file.split("/").map(encodeURIComponent).join("/");
  return new URL(path, base).href;
}
