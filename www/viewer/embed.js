/**
 * The page for an `<iframe>`: a viewer that fills the frame, and a protocol of messages with the page around it.
 *
 *     embed.html?parent=https://intranet.example&models=…&samples=0&workers=2
 *
 * It listens to one window, the one that frames it, and to one origin: `parent`, or its own where none is named. To any other it says
 * nothing. Messages are objects with `pellucid: 1`:
 *
 *     in    { pellucid: 1, id, call, … }        open { blob, name }, addModel { file, card }, removeModel { name }, ask { question }, results, cancel, wipe
 *     out   { pellucid: 1, id, result }         what the call gives, once it is done
 *           { pellucid: 1, id, error }          a sentence, or { name: "AbortError" } in `error` where it was cancelled
 *           { pellucid: 1, event, detail }      listening, ready, result, progress, error, saliency
 */
import "./element.js";
import { language } from "./language.js";

const PROTOCOL = 1;
const options = new URLSearchParams(location.search);
const origin = options.get("parent") ?? location.origin;

document.documentElement.lang = language;
const viewer = document.createElement("pellucid-viewer");
for (const name of ["models", "samples", "workers"]) if (options.has(name)) viewer.setAttribute(name, options.get(name));
// The frame is about nothing else.
viewer.wholePage = true;

/** What the page around may ask for. */
const CALLS = {
  open: ({ blob, name }) => viewer.open(blob, typeof name === "string" ? name : undefined),
  addModel: ({ file, card }) => viewer.addModel(file, card),
  removeModel: ({ name }) => viewer.removeModel(name),
  ask: ({ question }) => void (viewer.question = question),
  results: () => viewer.results,
  cancel: () => viewer.cancel(),
  wipe: () => viewer.wipe(),
};

const tell = (message) => window.parent.postMessage({ pellucid: PROTOCOL, ...message }, origin);

async function answer({ id, call, ...request }) {
  try {
    if (!Object.hasOwn(CALLS, call)) throw new Error(`There is no call "${String(call)}": there are ${Object.keys(CALLS).join(", ")}.`);
    tell({ id, result: (await CALLS[call](request)) ?? null });
  } catch (error) {
    tell({ id, error: { name: String(error?.name ?? "Error"), message: String(error?.message ?? error) } });
  }
}

if (window.parent !== window) {
  window.addEventListener("message", (event) => {
    if (event.source === window.parent && event.origin === origin && event.data?.pellucid === PROTOCOL && event.data.call) answer(event.data);
  });
  for (const event of ["ready", "result", "progress", "error"]) viewer.addEventListener(event, ({ detail }) => tell({ event, detail }));
  viewer.addEventListener("pellucid-saliency", ({ detail }) => tell({ event: "saliency", detail }));
}
document.body.prepend(viewer);
if (window.parent !== window) tell({ event: "listening", detail: null });
