/**
 * The Web Worker's side: holds a picture or a classifier in WebAssembly and answers one request at a time (`room.js`
 * sends the next one only after the answer). Every answer is `{ id, result }` or `{ id, error, fatal }`; `fatal` holds
 * the bytes of memory in use when the WebAssembly instance was lost and the worker is to be replaced.
 */
import start, { Classifier, Painting, Picture } from "./pellucid_viewer.js";

let memory;
let picture;
let classifier;

const requests = {
  async start({ module }) {
    ({ memory } = await start({ module_or_path: module }));
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

  /** The picture as a network takes it, and as the screen shows it. */
  look({ input, side }) {
    const open = held(picture, "image");
    return { tensor: open.tensor(input), pixels: open.pixels(input, side), cause: open.cause(input, side) };
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
    classifier = new Classifier(await bytes(blob), card);
    return classifier.describe();
  },

  classify({ tensor }) {
    return held(classifier, "model").classify(tensor);
  },

  gradient({ index }) {
    return { gradient: held(classifier, "model").gradient(index) };
  },

  /** The gradient asked for last, as pixels. */
  paint({ style, alone }) {
    const painting = held(held(classifier, "model").paint(style, alone), "gradient");
    const answer = { pixels: painting.pixels(), scale: painting.scale, flag: painting.flag };
    painting.free();
    return answer;
  },

  legend({ style, width }) {
    return { pixels: Painting.legend(style, width) };
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
    const result = await requests[name](request);
    const buffers = Object.values(result ?? {}).filter(ArrayBuffer.isView).map((view) => view.buffer);
    self.postMessage({ id, result }, buffers);
  } catch (error) {
    const fatal = isFatal(error) && { bytes: memory?.buffer.byteLength ?? 0 };
    self.postMessage({ id, error: String(error?.message ?? error), fatal });
  }
};
