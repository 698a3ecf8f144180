import { h } from "../dom.js";

/** Milliseconds until a file that was handed over is let go: the browser may ask the person first where it goes. */
const KEPT = 60_000;

/** Hands a file to the browser, to be saved under a name. Nothing is sent: the address that the browser is given lies in this page. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: fileName(name) }).click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT);
}

/** A name that every system takes. */
export function fileName(name) {
  const plain = name.replace(/[\p{Cc}\p{Cf}\\/:*?"<>|]/gu, "_").replace(/^[.\s]+|[.\s]+$/g, "");
  return plain === "" ? "pellucid" : plain.slice(-120);
}

/** A name without its ending, as the beginning of another. */
export function stem(name) {
  return name.replace(/\.[a-z0-9]{1,5}$/i, "") || name;
}

/** The day and time, as files and pictures carry it: `2026-11-27 16:05`. */
export function now(date = new Date()) {
  const two = (value) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
