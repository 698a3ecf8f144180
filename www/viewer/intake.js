import { draw, h, icon } from "./dom.js";
import { Fold } from "./fold.js";
import { sentence, visible } from "./words.js";

/** Files above this are not read: no image or model that a browser can work on is larger. */
const LARGEST = 2 ** 30;

/** Of a folder, at most so many files are taken. */
const MOST = 1000;

/**
 * The ways in: drop, pick, paste, or a sample. `onimage(source, name)` receives a Blob or
 * `{ phantom }`, `onmodel(file, sidecar)` a model file and the JSON beside it, `onmask(file)` what is dropped where masks belong, `onrefuse(sentence)` what cannot be taken.
 */
export class Intake {
  onimage;
  onmodel;
  onmask;
  onrefuse;

  #samples = h("ul", { class: "samples", "aria-label": "Sample images" });
  #thumbnail = h("canvas", { class: "thumbnail", "aria-hidden": "true" });
  #name = h("span", { class: "name" });
  #size = h("span", { class: "size" });
  #note = h("span", { class: "note", "aria-live": "polite" });
  #current = h("p", { class: "current", hidden: true }, this.#thumbnail, h("span", {}, this.#name, this.#size, this.#note));
  /** The images that are at hand, where there are several. */
  #pile = h("ol", { class: "pile", "aria-label": "Images at hand", hidden: true });
  #hint = h("p");
  #error = h("p", { class: "error", role: "alert", hidden: true });

  constructor() {
    const image = h("input", { type: "file", accept: "image/*", multiple: true, hidden: true, class: "image-file", onchange: () => this.#take(image) });
    const model = h("input", { type: "file", accept: ".onnx,.json", multiple: true, hidden: true, class: "model-file", onchange: () => this.#take(model) });
    const pick = h("button", { type: "button", class: "primary", onclick: () => image.click() }, "Choose an image");
    const picture = icon("M4 5h16v14H4z", "M4 16l5-5 4 4 2.500-2.500L20 17", "M15.500 9.500h.01");
    this.addModel = h("button", { type: "button", class: "add", onclick: () => model.click() }, icon("M12 5v14", "M5 12h14"), h("span", {}, "Add your own model"), h("small", {}, "an .onnx file, with its .json if it has one"));
    const sampling = h("div", { class: "sampling" }, h("h3", {}, "Or try a drawn sample"), this.#samples);
    this.samples = new Fold("Drawn samples", sampling);
    this.samples.set(true);
    this.element = h(
      "section",
      { class: "intake", "aria-label": "Image" },
      h("div", { class: "drop" }, picture, pick, this.#hint, image, model),
      this.#error,
      this.#current,
      this.#pile,
      sampling,
    );
  }

  /**
   * Listens on `viewer`, and with its attribute `whole-page` on everything around it that has no use for files of its own;
   * `signal` ends it.
   */
  listen(viewer, signal) {
    this.#hint.textContent = viewer.hasAttribute("whole-page") ? "or drop or paste some anywhere on this page" : "or drop some here";
    let depth = 0;
    const over = (on) => this.element.toggleAttribute("data-over", on);
    const isMine = (event) => {
      const path = event.composedPath();
      if (path.includes(viewer)) return !path.some((element) => element.isContentEditable);
      // What lies on another viewer, or in a field of the page, is meant for that.
      return viewer.hasAttribute("whole-page") && !path.some((element) => element.localName === viewer.localName || takesText(element));
    };
    const dragged = (listener) => (event) => {
      if (!event.defaultPrevented && event.dataTransfer.types.includes("Files") && isMine(event)) listener(event);
    };
    const listeners = {
      dragenter: dragged((event) => {
        event.preventDefault();
        depth += 1;
        over(true);
      }),
      dragover: dragged((event) => event.preventDefault()),
      dragleave: dragged(() => {
        depth -= 1;
        if (depth <= 0) over(false);
      }),
      drop: (event) => {
        depth = 0;
        over(false);
        if (event.defaultPrevented || !isMine(event)) return;
        event.preventDefault();
        const isMask = event.composedPath().some((element) => element.dataset?.takes === "mask");
        if (isMask && event.dataTransfer.files.length === 1) return this.onmask?.(event.dataTransfer.files[0]);
        dropped(event.dataTransfer).then((files) => this.#sort(files, "Nothing to open was dropped: drop a file, such as an image saved on this device."));
      },
      paste: (event) => {
        if (event.defaultPrevented || !isMine(event)) return;
        this.#sort(event.clipboardData.files, "There is no image in the clipboard: copy an image, not its address.");
      },
    };
    for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener, { signal });
  }

  /** Whether there are samples to choose from at all. */
  offerSamples(offered) {
    this.#samples.parentElement.hidden = this.samples.button.hidden = !offered;
  }

  /** Adds a sample's picture to choose. */
  addSample(phantom, pixels, truth) {
    const canvas = h("canvas", { "aria-hidden": "true" });
    draw(canvas, pixels);
    const name = `Sample ${phantom + 1}: ${truth}`;
    const button = h("button", { type: "button", title: name, "aria-label": name, "aria-pressed": "false", onclick: () => this.onimage?.({ phantom }, name) }, canvas, h("small", {}, truth));
    button.dataset.phantom = phantom;
    this.#samples.append(h("li", {}, button));
  }

  /** Forgets samples and images. */
  clear() {
    this.#samples.replaceChildren();
    this.#pile.replaceChildren();
    this.#pile.hidden = true;
    this.showNoImage();
    this.showError();
  }

  /** Shows which image is open, and what is odd about its file. `source` is what `onimage` was given. */
  showImage(name, { width, height, note }, pixels, source) {
    this.#name.textContent = visible(name);
    this.#size.textContent = `${width}×${height} pixels`;
    this.#note.textContent = note ? sentence(note) : "";
    draw(this.#thumbnail, pixels);
    // Room for the picture: the way to the samples stays.
    if (this.#current.hidden) this.samples.set(false);
    this.#current.hidden = false;
    this.#press(source);
  }

  /** No image is open: none may stand there with its name. `source` is the one that was refused. */
  showNoImage(source) {
    this.#current.hidden = true;
    this.#press();
    const refused = [...this.#pile.querySelectorAll("button")].find((button) => button.source === source);
    refused?.toggleAttribute("data-refused", true);
  }

  #press(source) {
    const { phantom } = source ?? {};
    for (const button of this.#samples.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.phantom === String(phantom)));
    }
    for (const button of this.#pile.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.source === source && source !== undefined));
    }
  }

  /** Says in place what was wrong with what was given; nothing takes it away. */
  showError(text) {
    this.#error.textContent = text ?? "";
    this.#error.hidden = !text;
  }

  /** Puts several images at hand and opens the first of them. */
  #lay(images) {
    const name = (image) => image.name || "Pasted image";
    if (images.length > 1 || this.#pile.childElementCount > 0) {
      const entries = images.map((image) => {
        const button = h("button", { type: "button", "aria-pressed": "false", title: visible(name(image)), onclick: () => this.onimage?.(image, name(image)) }, visible(name(image)));
        button.source = image;
        return h("li", {}, button);
      });
      this.#pile.append(...entries);
      this.#pile.hidden = false;
    }
    this.onimage?.(images[0], name(images[0]));
  }

  #take(input) {
    const files = [...input.files];
    // So that choosing the same file again counts as a change.
    input.value = "";
    this.#sort(files);
  }

  #sort(list, ifNone) {
    const files = [...list];
    if (files.length === 0) return ifNone && this.onrefuse?.(ifNone);
    const large = files.find((file) => file.size > LARGEST);
    if (large) return this.onrefuse?.(`${large.name} is ${(large.size / 1e9).toFixed(1)} GB; at most 1 GB is read: choose a smaller file.`);
    const named = (ending) => files.filter((file) => file.name.toLowerCase().endsWith(ending));
    const [models, cards] = [named(".onnx"), named(".json")];
    const images = files.filter((file) => !models.includes(file) && !cards.includes(file));
    for (const model of models) {
      const stem = (file) => file.name.replace(/\.[^.]+$/, "");
      this.onmodel?.(model, cards.find((card) => stem(card) === stem(model)) ?? (models.length === 1 ? cards[0] : undefined));
    }
    if (images.length > 0) this.#lay(images);
    else if (models.length === 0) this.onrefuse?.("A .json file describes a model: give it together with its .onnx file.");
  }
}

/** Fields that have a use of their own for what is dropped or pasted. */
function takesText(element) {
  return element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement || element?.isContentEditable === true;
}

/** The files that were dropped; those of a folder, in it and below, in the order of their names. */
async function dropped(transfer) {
  // The entries are gone once the event has been answered.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  const files = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  const found = [];
  for (const entry of entries.filter(Boolean)) await collect(entry, found);
  return found;
}

async function collect(entry, found) {
  if (found.length >= MOST || entry.name.startsWith(".")) return;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => null);
    if (file) found.push(file);
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
  for (const child of children) await collect(child, found);
}
