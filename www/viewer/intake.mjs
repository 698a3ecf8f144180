import { draw, h, icon } from "./dom.mjs";
import { sentence, visible } from "./words.mjs";

/** Files above this are not read: no image or model that a browser can work on is larger. */
const LARGEST = 2 ** 30;

/**
 * The ways in: drop anywhere on the page, pick, paste, or a sample. `onimage(source, name)` receives a Blob or
 * `{ phantom }`, `onmodel(file, sidecar)` a model file and the JSON beside it, `onrefuse(sentence)` what cannot be taken.
 */
export class Intake {
  onimage;
  onmodel;
  onrefuse;

  #samples = h("ul", { class: "samples", "aria-label": "Sample images" });
  #thumbnail = h("canvas", { class: "thumbnail", "aria-hidden": "true" });
  #name = h("span", { class: "name" });
  #size = h("span", { class: "size" });
  #note = h("span", { class: "note", "aria-live": "polite" });
  #current = h("p", { class: "current", hidden: true }, this.#thumbnail, h("span", {}, this.#name, this.#size, this.#note));
  #error = h("p", { class: "error", role: "alert", hidden: true });

  constructor() {
    const image = h("input", { type: "file", accept: "image/*", hidden: true, class: "image-file", onchange: () => this.#take(image) });
    const model = h("input", { type: "file", accept: ".onnx,.json", multiple: true, hidden: true, class: "model-file", onchange: () => this.#take(model) });
    const pick = h("button", { type: "button", class: "primary", onclick: () => image.click() }, "Choose an image");
    const picture = icon("M4 5h16v14H4z", "M4 16l5-5 4 4 2.500-2.500L20 17", "M15.500 9.500h.01");
    this.addModel = h("button", { type: "button", class: "add", onclick: () => model.click() }, icon("M12 5v14", "M5 12h14"), h("span", {}, "Add your own model"), h("small", {}, "an .onnx file, with its .json if it has one"));
    this.element = h(
      "section",
      { class: "intake", "aria-label": "Image" },
      h("div", { class: "drop" }, picture, pick, h("p", {}, "or drop or paste one anywhere on this page"), image, model),
      this.#error,
      this.#current,
      h("div", { class: "sampling" }, h("h3", {}, "Or try a drawn sample"), this.#samples),
    );
  }

  /** Listens on the whole page; `signal` ends it. */
  listen(signal) {
    let depth = 0;
    const over = (on) => this.element.toggleAttribute("data-over", on);
    const listeners = {
      dragenter: (event) => {
        event.preventDefault();
        depth += 1;
        over(true);
      },
      dragover: (event) => event.preventDefault(),
      dragleave: () => {
        depth -= 1;
        if (depth <= 0) over(false);
      },
      drop: (event) => {
        depth = 0;
        over(false);
        if (event.defaultPrevented) return;
        event.preventDefault();
        this.#sort(event.dataTransfer.files, "Nothing to open was dropped: drop a file, such as an image saved on this device.");
      },
      paste: (event) => {
        const [target] = event.composedPath();
        if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target?.isContentEditable) return;
        this.#sort(event.clipboardData.files, "There is no image in the clipboard: copy an image, not its address.");
      },
    };
    for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener, { signal });
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

  /** Forgets samples and image. */
  clear() {
    this.#samples.replaceChildren();
    this.showNoImage();
    this.showError();
  }

  /** Shows which image is open, and what is odd about its file. */
  showImage(name, { width, height, note }, pixels, phantom) {
    this.#name.textContent = visible(name);
    this.#size.textContent = `${width}×${height} pixels`;
    this.#note.textContent = note ? sentence(note) : "";
    draw(this.#thumbnail, pixels);
    this.#current.hidden = false;
    for (const button of this.#samples.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.phantom === String(phantom)));
    }
  }

  /** No image is open: none may stand there with its name. */
  showNoImage() {
    this.#current.hidden = true;
    for (const button of this.#samples.querySelectorAll("button")) button.setAttribute("aria-pressed", "false");
  }

  /** Says in place what was wrong with what was given; nothing takes it away. */
  showError(text) {
    this.#error.textContent = text ?? "";
    this.#error.hidden = !text;
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
    if (images.length > 0) this.onimage?.(images[0], images[0].name || "Pasted image");
    else if (models.length === 0) this.onrefuse?.("A .json file describes a model: give it together with its .onnx file.");
  }
}
