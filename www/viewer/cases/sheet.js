import { hashOf } from "../hashes.js";
import { agreement } from "./case.js";
import { csv } from "./csv.js";

/** All answers as a CSV file: what each model says in columns of its own, with the SHA-256 of its file. */
export async function sheet(cases, slots) {
  const names = unlike(slots.map(({ name }) => name));
  const hashes = await Promise.all(slots.map(({ source }) => hashOf(source.blob)));
  const head = names.flatMap((name) => [`${name}: class`, `${name}: class name`, `${name}: probability`, `${name}: score`, `${name}: remark`, `${name}: SHA-256`]);
  const rows = cases.map((one) => {
    const answers = slots.flatMap(({ opened }, index) => [...cells(one.answer(opened), opened), hashes[index]]);
    return [one.path, one.refused ?? "", ...answers, ...(slots.length > 1 ? [agreement(one, slots) ?? ""] : [])];
  });
  return csv([["image", "refused", ...head, ...(slots.length > 1 ? ["models"] : [])], ...rows]);
}

function cells(answer, { description }) {
  if (!answer) return [null, null, null, null, "not classified"];
  if (answer.failed) return [null, null, null, null, answer.failed];
  const { predicted, probabilities, logits } = answer.prediction;
  if (predicted === null) return [null, null, null, null, "The answer is not a number."];
  const { code, title } = description.classes[predicted];
  // What is no probability is none in the file either.
  return [code, title, probabilities ? probabilities[predicted] : null, logits[predicted], ""];
}

/** Names of which no two are alike. */
function unlike(names) {
  return names.map((name, index) => {
    const before = names.slice(0, index).filter((other) => other === name).length;
    return before === 0 ? name : `${name} (${before + 1})`;
  });
}
