/**
 * `<pellucid-viewer>`: shows what image classifiers look at, side by side, without an image ever leaving the page.
 *
 * Attributes, observed, and properties of the same names (`wholePage`):
 *   models       URL of a manifest, `[{ "name": …, "file": …, "card": …, "sha256": … }]` with files relative to it; by default
 *                `models/manifest.json` beside this module. `models="none"` starts without models.
 *   samples      number of drawn sample images on offer, 6 by default
 *   workers      how many workers may compute networks at a time; by default what the processor's cores and the memory allow
 *   whole-page   images dropped or pasted anywhere on the page are meant for this viewer; without it, those that are dropped on
 *                the viewer, or pasted while something in it has the focus
 *
 * Further properties: `question` (what is explained), `busy` and `results` (to be read).
 * Methods: `open(blob, name)` explains an image, `addModel(file, sidecar)` adds a model, `removeModel(name)` takes one away, `cancel()`
 * stops what is going on, `wipe()` takes away what is kept in the browser. The promises of the first two are fulfilled once it is
 * done, and rejected with the reason where it cannot be: an error whose message is what the page says, or one named `AbortError` where it
 * was cancelled or replaced.
 * Events: `ready`, `result`, `progress`, `error`, which do not bubble, and `pellucid-saliency`, whose detail holds `model`, `code` (the class
 * that is explained), `against` (the class that it is held against, or null), `method` (its name and parameters as on the command line), `size`,
 * `logits` (the scores), `probabilities` (null where the scores are none and no logits), `attribution`, the method's raw answer as a
 * Float32Array `[channels, size, size]`, `channels` (1 for methods that attribute to places), and `gradient`: the attribution where it is the
 * gradient of the class's score with respect to the network's input, null for other methods and margins.
 * `pellucid-viewer.d.ts` has the types of all this.
 */
export { PellucidViewer } from "./viewer/element.js";
