import { h, s } from "../dom.js";
import { t } from "../language.js";
import { number } from "../words.js";

const BINS = 61;
const [WIDTH, HEIGHT] = [300, 70];

/** The distribution of a map's raw values, as bars and in words. */
export function histogram(map) {
  const finite = map.filter(Number.isFinite);
  let [low, high, most, whole] = [Infinity, -Infinity, 0, 0];
  for (const value of finite) {
    low = Math.min(low, value);
    high = Math.max(high, value);
    most = Math.max(most, Math.abs(value));
    whole += Math.abs(value);
  }
  if (most === 0) return h("p", {}, t`All values are zero.`);
  const from = low < 0 ? -most : 0;
  const counts = new Uint32Array(BINS);
  for (const value of finite) counts[Math.min(BINS - 1, Math.floor(((value - from) / (most - from)) * BINS))] += 1;
  // By their logarithm: a few strong pixels count, and the many weak ones would hide them.
  const tallest = Math.log1p(Math.max(...counts));
  const bars = [...counts].map((count, bin) => {
    const tall = (Math.log1p(count) / tallest) * HEIGHT;
    return `M${(bin / BINS) * WIDTH} ${HEIGHT}v${-tall}h${WIDTH / BINS - 0.8}v${tall}Z`;
  });
  const words = t`Raw values from ${number(low)} to ${number(high)}; total magnitude ${number(whole)}.`;
  return h(
    "figure",
    { class: "histogram" },
    s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": t`How often each value occurs. ${words}` }, s("path", { d: bars.join("") })),
    h("p", { class: "ends", "aria-hidden": "true" }, h("span", {}, number(from)), h("span", {}, number(most))),
    h("p", {}, t`${words} The bars' heights are logarithmic.`),
  );
}
