import { hashOf } from "../hashes.js";
import { visible } from "../words.js";

/** A session's image as it is saved, with what the models of the page say of it now, or what it was recorded with while its file is not given. */
export function saved(one, slots, hashes) {
  const answers = slots.flatMap(({ opened }, index) => {
    const prediction = one.answer(opened)?.prediction;
    if (!prediction || prediction.predicted === null) return [];
    const { predicted, probabilities, logits } = prediction;
    const { code, title } = opened.description.classes[predicted];
    return [{ model: hashes[index], code, title, probability: probabilities ? probabilities[predicted] : null, score: logits[predicted] }];
  });
  const older = (one.recorded ?? []).filter(({ model }) => !hashes.includes(model) || one.wanted);
  return {
    path: one.path,
    blob: () => one.blob(),
    sha256: async () => (one.hash ??= await hashOf(await one.blob())),
    answers: (one.wanted ? one.recorded : [...answers, ...older]).map(({ name, ...answer }) => answer),
  };
}

/** Which of a session's models are in the page, `{ there: [[slot, model]], missing: [model] }`. */
export async function matched(models, slots) {
  const hashes = await Promise.all(slots.map(({ source }) => hashOf(source.blob)));
  const there = models.flatMap((model) => slots.filter((_, index) => hashes[index] === model.sha256).map((slot) => [slot, model]));
  return { there, missing: models.filter(({ sha256 }) => !hashes.includes(sha256)) };
}

/** What is still to be given, in words. */
export function asking(missing, wanted) {
  const models = missing.map(({ name, sha256 }) => `${visible(name)} (SHA-256 ${sha256.slice(0, 12)}…)`);
  return [
    wanted > 0 && `Give the session's images again, by dropping or choosing them: ${wanted} ${wanted === 1 ? "is" : "are"} known by SHA-256.`,
    models.length > 0 && `The session also used what is not in this page: ${models.join(", ")}. Add the file.`,
  ]
    .filter(Boolean)
    .join(" ");
}
