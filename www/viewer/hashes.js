import { sha256 } from "./sha256.js";

const known = new WeakMap();

/** The SHA-256 of a file, computed once. */
export function hashOf(blob) {
  if (!known.has(blob)) known.set(blob, sha256(blob));
  return known.get(blob);
}
