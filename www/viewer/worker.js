/**
 * The Web Worker's side: holds a picture or a classifier in WebAssembly and answers one request at a time (`queue.js`
 * sends the next one only after the answer). Every answer is `{ id, result }` or `{ id, error, fatal }`, before which `{ id, progress }` may come; `fatal` holds
 * the bytes of memory in use when the WebAssembly instance was lost and the worker is to be replaced.
 */
import start, { Classifier, Painting, Picture, ownConvolutions } from "./pellucid_viewer.js";

let memory;
let picture;
let classifier;
/** The classifier's file: some methods derive further graphs from it. */
let file;
/** The classifiers of a round through many images, by what its owner calls them. */
const further = new Map();

const requests = {
  async start({ module }) {
    ({ memory } = await start({ module_or_path: module }));
    // Kernels of our own are on trial: the page's address asks for them with `?convolutions=own`.
    ownConvolutions(self.name === "own");
  },

  /** Decodes an image file, or draws a phantom. */
  async open({ blob, phantom, size }) {
    picture?.free();
    picture = undefined;
    if (!blob && phantom === undefined) throw new Error("There is no image to open.");
    picture = blob ? Picture.decode(await bytes(blob)) : Picture.phantom(phantom, size);
    const { width, height, truth, note } = picture;
    return { width, height, truth, note };
  },

  /** The whole picture for the screen, its longer side at most `most` pixels. */
  whole({ most }) {
    const raster = held(picture, "image").whole(most);
    const answer = { width: raster.width, height: raster.height, pixels: raster.pixels() };
    raster.free();
    return answer;
  },

  /** The picture as a network takes it, what of it that is, and what decides its class where that is known. */
  look({ input, side }) {
    const open = held(picture, "image");
    return { tensor: open.tensor(input), crop: [...open.crop(input)], cause: open.cause(input, side) };
  },

  thumbnail({ input, side }) {
    return { pixels: held(picture, "image").pixels(input, side) };
  },

  /** A mask's file as a network would see it, a byte for each place. */
  async mask({ blob, input }) {
    const open = held(picture, "image");
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
  async load({ blob, card }) {
    classifier?.free();
    classifier = undefined;
    file = blob;
    classifier = new Classifier(await bytes(blob), card);
    return classifier.describe();
  },

  classify({ tensor }) {
    return held(classifier, "model").classify(tensor);
  },

  /** Opens one more model, beside the others. */
  async loadFurther({ key, blob, card }) {
    further.set(key, new Classifier(await bytes(blob), card));
  },

  classifyFurther({ key, tensor }) {
    return held(further.get(key), "model").classify(tensor);
  },

  /** Lets go of such models and of the picture; tells how much memory the worker has taken. */
  drop() {
    for (const model of further.values()) model.free();
    further.clear();
    picture?.free();
    picture = undefined;
    return { bytes: memory.buffer.byteLength };
  },

  /** Answers a question; `tell(done, total)` hears how far it is. */
  async explain({ question }, tell) {
    const model = held(classifier, "model");
    const text = JSON.stringify(question);
    const explanation = model.explain(text, Classifier.needsFile(text) ? await bytes(file) : undefined, { told: tell });
    const answer = { values: explanation.values(), map: explanation.map(), channels: explanation.channels, remark: explanation.remark };
    explanation.free();
    return answer;
  },

  /** The map asked for last, as pixels. */
  paint({ style }) {
    const painting = held(held(classifier, "model").paint(JSON.stringify(style)), "map");
    const { scale, ownScale, flag } = painting;
    const answer = { pixels: painting.pixels(), strengths: painting.strengths(), scale, ownScale, flag };
    painting.free();
    return answer;
  },

  /** The share of the map asked for last that lies inside a region. */
  inside({ region }) {
    return { share: held(classifier, "model").inside(region) };
  },

  legend({ colours, width }) {
    return { pixels: Painting.legend(colours, width) };
  },
};

function held(thing, name) {
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
  try {
    const tell = (done, total) => self.postMessage({ id, progress: { done, total } });
    const result = await requests[name](request, tell);
    const buffers = Object.values(result ?? {}).filter(ArrayBuffer.isView).map((view) => view.buffer);
    self.postMessage({ id, result }, buffers);
  } catch (error) {
    const fatal = isFatal(error) && { bytes: memory?.buffer.byteLength ?? 0 };
    self.postMessage({ id, error: String(error?.message ?? error), fatal });
  }
};
