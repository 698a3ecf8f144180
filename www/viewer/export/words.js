import { t } from "../language.js";
import { number, said } from "../words.js";

export const NOTICE = t`Research software: its answers are no diagnosis and must not be used for one.`;

/** A method's name and parameters: `gradient`, `smoothgrad (samples 25, sigma 0.15)`. */
export function methodInWords({ name, ...parameters }) {
  const told = Object.entries(parameters).map(([key, value]) => `${key} ${value}`);
  return told.length > 0 ? `${name} (${told.join(", ")})` : name;
}

/** What a map is of: `Saliency for nevus rather than melanoma`. */
export function mapInWords({ words, question, description }) {
  const title = (index) => description.classes[index].title;
  const than = question.against === null ? "" : t` rather than ${title(question.against)}`;
  return t`${words} for ${title(question.class)}${than}`;
}

/** The classes with what the model says of each, the highest first, `[{ title, said, predicted }]`. */
export function answerInWords({ description, prediction }, most = Infinity) {
  const order = [...prediction.logits.keys()].sort((a, b) => prediction.logits[b] - prediction.logits[a]);
  return order.slice(0, most).map((index) => ({ title: description.classes[index].title, said: `${prediction.probabilities ? "" : "score "}${said(prediction, index)}`, predicted: index === prediction.predicted }));
}

/** The numbers at a colour bar. */
export function endsInWords({ scale, signed }) {
  return (signed ? [-scale, 0, scale] : [0, scale / 2, scale]).map((value) => number(value));
}
