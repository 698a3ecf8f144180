/** An error's message as one sentence: a capital at its start, a full stop at its end. */
export function sentence(error) {
  const text = String(error?.message ?? error).trim();
  const ended = /[.!?]$/.test(text) ? text : `${text}.`;
  return ended.charAt(0).toUpperCase() + ended.slice(1);
}

/** `12.3 of 44.7 MB`, or `12.3 MB` where the total is unknown. */
export function megabytes(done, total) {
  const inMegabytes = (bytes) => (bytes / 1e6).toFixed(1);
  return total ? `${inMegabytes(done)} of ${inMegabytes(total)} MB` : `${inMegabytes(done)} MB`;
}

/** A probability as people read it. Rounding never claims certainty. */
export function percent(probability) {
  if (Number.isNaN(probability)) return "–";
  if (probability > 0.999 && probability < 1) return "> 99.9 %";
  if (probability < 0.001 && probability > 0) return "< 0.1 %";
  return `${(probability * 100).toFixed(1)} %`;
}

/** Whether an error only says that somebody cancelled. */
export function cancelled(error) {
  return error?.name === "AbortError";
}
