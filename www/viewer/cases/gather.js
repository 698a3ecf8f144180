import { stem } from "../export/save.js";
import { isSession as isSessionText } from "../export/session.js";
import { t } from "../language.js";
import { openZip } from "./zip.js";

/** Files above this are not read: no image or model that a browser can work on is larger. */
const LARGEST = 2 ** 30;

/** Of what is given at once, at most so many images are taken. */
const MOST = 1000;

/** What lies beside images in folders and archives and is none. Anything else is tried: many images have no ending, or a wrong one. */
const NO_IMAGE = /\.(txt|csv|tsv|json|xml|html?|pdf|docx?|xlsx?|pptx?|md|ini|db|log|py|ipynb|r|sh|bat|exe|dll|npy|npz|mat|h5|pt|pth|onnx|zip|gz|bz2|xz|tar|tgz|7z|rar|mp3|mp4|avi|mov|mkv)$/i;

/**
 * Sorts what was given: `{ models, cards, images, left, beyond, session }`. An image is `{ path, read() }`, or `{ path, refused }` where a
 * sentence tells why it cannot be one; `left` are the paths of what was left out, `beyond` the number of images that were too many.
 * Archives are opened, but for those within archives. `session` is a session's file, where one is among them.
 *
 * `files` are `{ file, path, found }`; what was `found` in a folder is no image that somebody pointed at.
 */
export async function sorted(files) {
  const [models, cards, images, left] = [[], [], [], []];
  let session;
  for (const { file, path, found } of files) {
    const refused = tooLarge(file);
    if (await isSession(file)) session = file;
    else if (/\.json$/i.test(path)) cards.push({ file, path, found });
    else if (/\.onnx$/i.test(path) && !refused) models.push(file);
    else if (await isZip(file)) await unfold(file, path, images, left);
    else if (found && NO_IMAGE.test(path) && !refused) left.push(path);
    else images.push(refused ? { path, refused } : { path, read: async () => file });
  }
  // A model's card lies beside it under the same name.
  const alone = cards.filter(({ file, found }) => found && !models.some((model) => stem(model.name) === stem(file.name)));
  left.push(...alone.map(({ path }) => path));
  const beyond = images.splice(MOST).length;
  return { models, cards: cards.map(({ file }) => file), images, left, beyond, session };
}

async function isSession(file) {
  return /\.json$/i.test(file.name) && isSessionText(await file.slice(0, 200).text().catch(() => ""));
}

function tooLarge({ name, size }) {
  return size > LARGEST ? t`${name} is ${(size / 1e9).toFixed(1)} GB; at most 1 GB is read: choose a smaller file.` : undefined;
}

async function isZip(file) {
  if (/\.zip$/i.test(file.name) || /^application\/(x-)?zip(-compressed)?$/.test(file.type)) return true;
  if (/\.[a-z0-9]+$/i.test(file.name)) return false;
  const head = await file.slice(0, 4).arrayBuffer().catch(() => new ArrayBuffer(0));
  return head.byteLength === 4 && new DataView(head).getUint32(0, true) === 0x04034b50;
}

async function unfold(file, path, images, left) {
  let entries;
  try {
    entries = await openZip(file);
  } catch (error) {
    images.push({ path, refused: error.message });
    return;
  }
  // What the makers of archives add for themselves is nobody's file.
  const real = entries.filter((entry) => !entry.path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX"));
  real.sort((a, b) => a.path.localeCompare(b.path, undefined, { numeric: true }));
  const pictures = real.filter((entry) => !NO_IMAGE.test(entry.path));
  if (pictures.length === 0) images.push({ path, refused: t`There is no image in this zip archive.` });
  for (const { path: name, read } of pictures) images.push({ path: `${path}/${name}`, read });
  left.push(...real.filter((entry) => NO_IMAGE.test(entry.path)).map((entry) => `${path}/${entry.path}`));
}

/** What was dropped, as `sorted` takes it; of a folder what lies in it and below, in the order of the names. */
export async function dropped(transfer) {
  // The entries are gone once the event has been answered.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  const files = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return files.map((file) => ({ file, path: file.name }));
  const found = [];
  for (const entry of entries.filter(Boolean)) await collect(entry, found, false);
  return found;
}

/** What was picked or pasted; of a folder with the paths in it. */
export function picked(list) {
  return [...list]
    .map((file) => ({ file, path: file.webkitRelativePath || file.name || t`Pasted image`, found: Boolean(file.webkitRelativePath) }))
    .filter(({ path, found }) => !found || !path.split("/").some((part) => part.startsWith(".")))
    .sort((a, b) => (a.found && b.found ? a.path.localeCompare(b.path, undefined, { numeric: true }) : 0));
}

/** Folders are looked into until this many files were found. */
const ENOUGH = 10_000;

async function collect(entry, found, within) {
  if (found.length >= ENOUGH || entry.name.startsWith(".")) return;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => null);
    if (file) found.push({ file, path: within ? entry.fullPath.replace(/^\//, "") : file.name, found: within });
    return;
  }
  const reader = entry.createReader();
  const children = [];
  // A reader hands out a hundred at a time.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)).catch(() => []);
    if (some.length === 0) break;
    children.push(...some);
  }
  children.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  for (const child of children) await collect(child, found, true);
}
