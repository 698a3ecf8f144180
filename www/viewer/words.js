import { t, written } from "./language.js";

/** Text of other people's, such as a file's name, with what controls or turns the text around it spelled out. */
export function visible(text) {
  return String(text).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

/** An error's message as one sentence: a capital at its start, a full stop at its end. */
export function sentence(error) {
  const text = visible(String(error?.message ?? error).trim().replaceAll("\n", " "));
  const ended = /[.!?]$/.test(text) ? text : `${text}.`;
  return ended.charAt(0).toUpperCase() + ended.slice(1);
}

/** `12.3 of 44.7 MB`, or `12.3 MB` where the total is unknown. */
export function megabytes(done, total) {
  const inMegabytes = (bytes) => written((bytes / 1e6).toFixed(1));
  return total ? t`${inMegabytes(done)} of ${inMegabytes(total)} MB` : `${inMegabytes(done)} MB`;
}

/** A probability as people read it. Rounding never claims certainty. */
export function percent(probability) {
  if (Number.isNaN(probability)) return "–";
  if (probability > 0.999 && probability < 1) return `> ${written("99.9")} %`;
  if (probability < 0.001 && probability > 0) return `< ${written("0.1")} %`;
  return `${written((probability * 100).toFixed(1))} %`;
}

/** A number of a map's, to so many digits. */
export function number(value, digits = 3) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return t`not a number`;
  const size = Math.abs(value);
  const text = size >= 0.001 && size < 10_000 ? value.toPrecision(digits) : value.toExponential(digits - 1);
  return written(text).replaceAll("-", "−").replace("e+", "e");
}

/** What a model says of a class: a percentage where it is one, and the score otherwise. */
export function said({ logits, probabilities }, index) {
  return probabilities ? percent(probabilities[index]) : written(logits[index].toPrecision(4));
}

/** Whether something is a Blob or File, of this page or of a frame in it. */
export function isBlob(thing) {
  return thing instanceof Blob || ["[object Blob]", "[object File]"].includes(Object.prototype.toString.call(thing));
}

/** Whether an error only says that somebody cancelled. */
export function cancelled(error) {
  return error?.name === "AbortError";
}
