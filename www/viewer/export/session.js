import { hashOf } from "../hashes.js";
import { t } from "../language.js";

const FORMAT = "pellucid-session";
const VERSION = 1;
/** Bytes of images that a session takes along, and of a session that is read: text of a browser's holds no more. */
const MOST_IMAGES = 2 ** 28;
const LARGEST = 400_000_000;
const MOST = 10_000;

/**
 * A session as a file: settings, models and images by their SHA-256, and what each model answered. Images go along where
 * `withImages` says so. `cases` are `{ path, blob, sha256, answers }`, `blob` and `sha256` functions that promise them.
 */
export async function sessionFile({ settings, models, cases, current, sample }, { withImages, progress }) {
  const parts = [];
  let bytes = 0;
  for (const [index, one] of cases.entries()) {
    progress?.(index, cases.length);
    const image = { path: one.path, sha256: await one.sha256(), answers: one.answers };
    if (withImages) {
      const blob = await one.blob();
      bytes += blob.size;
      if (bytes > MOST_IMAGES) throw new Error(t`The images are larger than ${MOST_IMAGES >> 20} MB together: save the session without them.`);
      image.data = await base64(blob);
    }
    parts.push(index > 0 ? ",\n" : "", JSON.stringify(image));
  }
  const head = { format: FORMAT, version: VERSION, saved: new Date().toISOString(), settings, models, current, sample };
  const text = JSON.stringify(head);
  return new Blob([text.slice(0, -1), ',"images":[\n', ...parts, "\n]}\n"], { type: "application/json" });
}

/** Whether a JSON text may be a session. */
export const isSession = (text) => text.slice(0, 200).includes(`"${FORMAT}"`);

/**
 * What a session's file says, `{ settings, models, images, current, sample }`; an image's `blob` is there where it went along. Throws a
 * sentence where the file is none, or holds what no session of this version does.
 */
export async function readSession(file) {
  if (file.size > LARGEST) throw new Error(t`This session is ${(file.size / 1e6).toFixed(0)} MB; at most ${LARGEST / 1e6} MB are read.`);
  let found;
  try {
    found = JSON.parse(await file.text());
  } catch {
    throw new Error(t`This session did not come whole: it is no JSON.`);
  }
  need(found?.format === FORMAT, t`it is no session of this program`);
  if (found.version !== VERSION) throw new Error(t`This session has version ${JSON.stringify(found.version)}, and this page reads version ${VERSION}: use the page that it was saved with.`);
  const { settings = {}, models, images, current, sample } = found;
  need(isObject(settings), t`its settings are none`);
  need(Array.isArray(models) && models.length <= MOST, t`it has no list of models`);
  need(Array.isArray(images) && images.length <= MOST, t`it has no list of images`);
  models.forEach((model, index) => {
    const { name, sha256, card } = model ?? {};
    need(isText(name) && isHash(sha256) && (card === undefined || isText(card, 1e6)), t`model ${index + 1} has no name, no SHA-256 or no card in text`);
  });
  const read = await Promise.all(images.map((image, index) => readImage(image, t`image ${index + 1}`)));
  need(current === undefined || current === null || read[current] !== undefined, t`the image that was open is not among its images`);
  need(sample === undefined || sample === null || (Number.isInteger(sample) && sample >= 0 && sample < 1000), t`the sample that was open is none`);
  return { settings, models, images: read, current: current ?? undefined, sample: sample ?? undefined };
}

async function readImage(image, which) {
  need(isObject(image) && isText(image.path) && isHash(image.sha256), t`${which} has no name or no SHA-256`);
  const { path, sha256, answers = [], data } = image;
  need(Array.isArray(answers) && answers.length <= 100, t`${which} has no list of answers`);
  for (const answer of answers) {
    const { model, code, title, probability, score } = answer ?? {};
    const share = probability === null || (typeof probability === "number" && probability >= 0 && probability <= 1);
    need(isHash(model) && isText(code) && isText(title) && share && Number.isFinite(score), t`${which} has an answer that is none`);
  }
  need(data === undefined || isText(data, Infinity), t`${which} has data that are no text`);
  return { path, sha256, answers, blob: data === undefined ? undefined : await decoded(data, path, sha256) };
}

async function decoded(data, path, sha256) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  } catch {
    throw new Error(t`This session cannot be opened: the data of ${path} are damaged.`);
  }
  const file = new File([bytes], path.split("/").pop());
  if ((await hashOf(file)) !== sha256) throw new Error(t`This session cannot be opened: ${path} in it is another image than the one that its SHA-256 names.`);
  return file;
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error(t`An image could not be read: it may have been moved.`));
    reader.readAsDataURL(blob);
  });
}

function need(holds, why) {
  if (!holds) throw new Error(t`This session cannot be opened: ${why}.`);
}

const isObject = (thing) => typeof thing === "object" && thing !== null && !Array.isArray(thing);
const isText = (thing, longest = 4096) => typeof thing === "string" && thing.length <= longest;
const isHash = (thing) => typeof thing === "string" && /^[0-9a-f]{64}$/.test(thing);
