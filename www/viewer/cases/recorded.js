import { t } from "../language.js";
import { percent, visible } from "../words.js";

/** By so much a probability, or a score relative to its size, may differ on another machine. */
const SAME = 1e-3;

/** What a session recorded of a model's answer, in words. */
export function inWords({ title, probability, score }) {
  const number = probability === null ? t`score ${score.toPrecision(4)}` : percent(probability);
  return `${visible(title)}, ${number.replaceAll(" ", "\u00a0")}`;
}

/** Where a model, told by its file's hash, answers otherwise than a session recorded: a sentence. */
export function other(one, slots, hashes) {
  const told = slots.flatMap(({ name, opened }) => {
    const recorded = one.recorded?.find(({ model }) => model === hashes.get(opened));
    const answer = one.answer(opened)?.prediction;
    return recorded && answer && !same(recorded, answer, opened.description) ? [t`${name}: the session recorded ${inWords(recorded)}.`] : [];
  });
  return told.length > 0 ? told.join(" ") : undefined;
}

function same(recorded, { predicted, probabilities, logits }, { classes }) {
  if (predicted === null || classes[predicted].code !== recorded.code || (recorded.probability === null) !== !probabilities) return false;
  if (probabilities) return Math.abs(probabilities[predicted] - recorded.probability) <= SAME;
  return Math.abs(logits[predicted] - recorded.score) <= SAME * Math.max(1, Math.abs(recorded.score));
}
