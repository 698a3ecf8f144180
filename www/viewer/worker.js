/**
 * The Web Worker's side: holds pictures and classifiers in WebAssembly, by the names that their holders give them (`of`), and answers one request at a time
 * (`queue.js` sends the next one only after the answer). Every answer is `{ id, result, bytes }` or `{ id, error, fatal, bytes }`, before which
 * `{ id, progress }` may come; `bytes` is the memory in use, and `fatal` says that the WebAssembly instance was lost and the worker is to be replaced.
 */
import start, { Classifier, Painting, Picture, ownConvolutions } from "./pellucid_viewer.js";

let memory;
const pictures = new Map();
const classifiers = new Map();
/** The classifiers' files: some methods derive further graphs from them. */
const files = new Map();

const requests = {
  async start({ module }) {
    ({ memory } = await start({ module_or_path: module }));
    // Kernels of our own are on trial: the page's address asks for them with `?convolutions=own`.
    ownConvolutions(self.name === "own");
  },

  /** Decodes an image file, or draws a phantom. */
  async open({ of, blob, phantom, size }) {
    free(pictures, of);
    if (!blob && phantom === undefined) throw new Error("There is no image to open.");
    const picture = blob ? Picture.decode(await bytes(blob)) : Picture.phantom(phantom, size);
    pictures.set(of, picture);
    const { width, height, truth, note } = picture;
    return { width, height, truth, note };
  },

  /** The whole picture for the screen, its longer side at most `most` pixels. */
  whole({ of, most }) {
    const raster = held(pictures, of, "image").whole(most);
    const answer = { width: raster.width, height: raster.height, pixels: raster.pixels() };
    raster.free();
    return answer;
  },

  /** The picture as a network takes it, what of it that is, and what decides its class where that is known. */
  look({ of, input, side }) {
    const open = held(pictures, of, "image");
    return { tensor: open.tensor(input), crop: [...open.crop(input)], cause: open.cause(input, side) };
  },

  thumbnail({ of, input, side }) {
    return { pixels: held(pictures, of, "image").pixels(input, side) };
  },

  /** A mask's file as a network would see it, a byte for each place. */
  async mask({ of, blob, input }) {
    const open = held(pictures, of, "image");
    return { inside: open.mask(await bytes(blob), input) };
  },

  /** A phantom's pixels, without letting go of the picture that is open. */
  sample({ phantom, size, input }) {
    const drawn = Picture.phantom(phantom, size);
    const answer = { pixels: drawn.pixels(input, size), truth: drawn.truth };
    drawn.free();
    return answer;
  },

  /** Opens a model file. */
  async load({ of, blob, card }) {
    free(classifiers, of);
    files.set(of, blob);
    const classifier = new Classifier(await bytes(blob), card);
    classifiers.set(of, classifier);
    return classifier.describe();
  },

  classify({ of, tensor }) {
    return held(classifiers, of, "model").classify(tensor);
  },

  /** Lets go of what a holder has, by its own name or by names below it. */
  close({ of }) {
    const own = (name) => name === of || name.startsWith(`${of}/`);
    for (const things of [pictures, classifiers]) for (const name of [...things.keys()].filter(own)) free(things, name);
    for (const name of [...files.keys()].filter(own)) files.delete(name);
  },

  /** Answers a question; `tell(done, total)` hears how far it is. */
  async explain({ of, question }, tell) {
    const model = held(classifiers, of, "model");
    const text = JSON.stringify(question);
    const explanation = model.explain(text, Classifier.needsFile(text) ? await bytes(files.get(of)) : undefined, { told: tell });
    const answer = { values: explanation.values(), map: explanation.map(), channels: explanation.channels, remark: explanation.remark };
    explanation.free();
    return answer;
  },

  /** The map asked for last, as pixels. */
  paint({ of, style }) {
    const painting = there(held(classifiers, of, "model").paint(JSON.stringify(style)), "map");
    const { scale, ownScale, flag } = painting;
    const answer = { pixels: painting.pixels(), strengths: painting.strengths(), scale, ownScale, flag };
    painting.free();
    return answer;
  },

  /** The share of the map asked for last that lies inside a region. */
  inside({ of, region }) {
    return { share: held(classifiers, of, "model").inside(region) };
  },

  legend({ colours, width }) {
    return { pixels: Painting.legend(colours, width) };
  },
};

function free(things, name) {
  things.get(name)?.free();
  things.delete(name);
}

const held = (things, of, name) => there(things.get(of), name);

function there(thing, name) {
  if (!thing) throw new Error(`The ${name} was lost when the computation was restarted: open it again.`);
  return thing;
}

async function bytes(blob) {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch {
    const name = blob.name ? ` ${blob.name}` : "";
    throw new Error(`The file${name} could not be read: it may have been moved, or be too large for this browser.`);
  }
}

/** WebAssembly that has trapped, or ran out of memory or stack, is in no state to be used again. */
const isFatal = (error) => error instanceof WebAssembly.RuntimeError || error instanceof RangeError;

self.onmessage = async ({ data: { id, name, request } }) => {
  const inUse = () => memory?.buffer.byteLength ?? 0;
  try {
    const tell = (done, total) => self.postMessage({ id, progress: { done, total } });
    const result = await requests[name](request, tell);
    const buffers = Object.values(result ?? {}).filter(ArrayBuffer.isView).map((view) => view.buffer);
    self.postMessage({ id, result, bytes: inUse() }, buffers);
  } catch (error) {
    const fatal = isFatal(error) && { bytes: inUse() };
    self.postMessage({ id, error: String(error?.message ?? error), fatal, bytes: inUse() });
  }
};
