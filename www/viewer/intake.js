import { dropped, picked, sorted } from "./cases/gather.js";
import { draw, h, icon } from "./dom.js";
import { Fold } from "./fold.js";
import { unless } from "./jobs.js";
import { t } from "./language.js";
import { cancelled, sentence, visible } from "./words.js";

/** So many names are told of what was left out. */
const NAMED = 3;

/**
 * The ways in: drop, pick, paste, or a sample. `onimages(images)` receives what `gather.js` makes of files, `onsample(phantom, name)` the
 * sample's number, `onmodel(file, sidecar)` a model file and the JSON beside it, `onmask(file)` what is dropped where masks belong,
 * `onsession(file)` a session's file, `onrefuse(sentence)` what cannot be taken. `during(work)` runs what looks through the files, which
 * may take its time where a folder lies on a slow drive: `work({ signal })`.
 */
export class Intake {
  onimages;
  onsample;
  onmodel;
  onmask;
  onsession;
  onrefuse;
  during;

  #samples = h("ul", { class: "samples", "aria-label": t`Sample images` });
  #thumbnail = h("canvas", { class: "thumbnail", "aria-hidden": "true" });
  #name = h("span", { class: "name" });
  #size = h("span", { class: "size" });
  #note = h("span", { class: "note", "aria-live": "polite" });
  #current = h("p", { class: "current", hidden: true }, this.#thumbnail, h("span", {}, this.#name, this.#size, this.#note));
  #left = h("p", { class: "left", role: "status", hidden: true });
  #hint = h("p");
  #error = h("p", { class: "error", role: "alert", hidden: true });

  /** `strip` shows the images at hand. */
  constructor(strip) {
    const image = h("input", { type: "file", accept: "image/*,.zip,application/zip", multiple: true, hidden: true, class: "image-file", onchange: () => this.#take(image) });
    const model = h("input", { type: "file", accept: ".onnx,.json", multiple: true, hidden: true, class: "model-file", onchange: () => this.#take(model) });
    const folder = h("input", { type: "file", webkitdirectory: true, hidden: true, class: "folder-file", onchange: () => this.#take(folder) });
    const pick = h("button", { type: "button", class: "primary", part: "choose", onclick: () => image.click() }, t`Choose images`);
    const pickFolder = h("button", { type: "button", class: "quiet folder", onclick: () => folder.click() }, t`or a whole folder`);
    const picture = icon("M4 5h16v14H4z", "M4 16l5-5 4 4 2.500-2.500L20 17", "M15.500 9.500h.01");
    this.addModel = h("button", { type: "button", class: "add", onclick: () => model.click() }, icon("M12 5v14", "M5 12h14"), h("span", {}, t`Add your own model`), h("small", {}, t`an .onnx file, with its .json if it has one`));
    const sampling = h("div", { class: "sampling" }, h("h3", {}, t`Or try a drawn sample`), this.#samples);
    this.samples = new Fold(t`Drawn samples`, sampling);
    this.samples.set(true);
    this.element = h(
      "section",
      { class: "intake", part: "intake", "aria-label": t`Image` },
      h("div", { class: "drop", part: "drop" }, picture, pick, this.#hint, pickFolder, image, folder, model),
      this.#error,
      this.#left,
      this.#current,
      strip,
      sampling,
    );
  }

  /**
   * Listens on `viewer`, and with its attribute `whole-page` on everything around it that has no use for files of its own;
   * `signal` ends it.
   */
  listen(viewer, signal) {
    this.hint(viewer);
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
        this.#gather(dropped(event.dataTransfer), t`Nothing to open was dropped: drop a file, such as an image saved on this device.`);
      },
      paste: (event) => {
        if (event.defaultPrevented || !isMine(event)) return;
        this.#gather(picked(event.clipboardData.files), t`There is no image in the clipboard: copy an image, not its address.`);
      },
    };
    for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener, { signal });
  }

  /** Says where images may be dropped. */
  hint(viewer) {
    this.#hint.textContent = viewer.hasAttribute("whole-page") ? t`or drop or paste some anywhere on this page, zip archives too` : t`or drop some here, zip archives too`;
  }

  /** Whether there are samples to choose from at all. */
  offerSamples(offered) {
    this.#samples.parentElement.hidden = this.samples.button.hidden = !offered;
  }

  /** Adds a sample's picture to choose. */
  addSample(phantom, pixels, truth) {
    const canvas = h("canvas", { "aria-hidden": "true" });
    draw(canvas, pixels);
    const name = t`Sample ${phantom + 1}: ${truth}`;
    const button = h("button", { type: "button", title: name, "aria-label": name, "aria-pressed": "false", onclick: () => this.onsample?.(phantom, name) }, canvas, h("small", {}, truth));
    button.dataset.phantom = phantom;
    this.#samples.append(h("li", {}, button));
  }

  clearSamples() {
    this.#samples.replaceChildren();
  }

  /** Forgets samples and image. */
  clear() {
    this.clearSamples();
    this.showNoImage();
    this.showError();
  }

  /** Shows which image is open, and what is odd about its file; `phantom` is a sample's number. */
  showImage(name, { width, height, note }, pixels, phantom) {
    this.#name.textContent = visible(name);
    this.#size.textContent = t`${width}×${height} pixels`;
    this.#note.textContent = note ? sentence(note) : "";
    draw(this.#thumbnail, pixels);
    // Room for the picture: the way to the samples stays.
    if (this.#current.hidden) this.samples.set(false);
    this.#current.hidden = false;
    this.#press(phantom);
  }

  /** No image is open: none may stand there with its name. */
  showNoImage() {
    this.#current.hidden = true;
    this.#press();
  }

  #press(phantom) {
    for (const button of this.#samples.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.phantom === String(phantom)));
  }

  /** Says in place what was wrong with what was given; nothing takes it away. */
  showError(text) {
    this.#error.textContent = text ?? "";
    this.#error.hidden = !text;
  }

  #take(input) {
    const files = picked(input.files);
    // So that choosing the same file again counts as a change.
    input.value = "";
    this.#gather(files);
  }

  /** Takes files, or a promise of them; with none of them, `ifNone` says why nothing comes of it. */
  #gather(files, ifNone) {
    this.#left.hidden = true;
    this.during(({ signal }) => this.#sort(files, ifNone, signal))
      // A session waits until nothing goes on, looking through files included.
      .then((found) => found && this.#hand(found))
      .catch((error) => cancelled(error) || this.onrefuse?.(sentence(error)));
  }

  async #sort(given, ifNone, signal) {
    const files = await unless(signal, Promise.resolve(given));
    if (files.length > 0) return unless(signal, sorted(files));
    if (ifNone) this.onrefuse?.(ifNone);
    return undefined;
  }

  /** Hands on what was found, to those who use it. */
  async #hand({ models, cards, images, left, beyond, session }) {
    // First: the images beside it may be those that it asks for.
    if (session) await this.onsession?.(session);
    for (const model of models) {
      const stem = (file) => file.name.replace(/\.[^.]+$/, "");
      this.onmodel?.(model, cards.find((card) => stem(card) === stem(model)) ?? (models.length === 1 ? cards[0] : undefined));
    }
    this.#tellLeft(left, beyond);
    if (images.length > 0) await this.onimages?.(images);
    else if (models.length === 0 && cards.length > 0) this.onrefuse?.(t`A .json file describes a model: give it together with its .onnx file.`);
    else if (models.length === 0 && !session) this.onrefuse?.(t`There is no image in this folder.`);
  }

  /** What was given and is not among the images is named. */
  #tellLeft(left, beyond) {
    const names = left.slice(0, NAMED).map((path) => visible(path.split("/").pop()));
    const more = left.length > NAMED ? t` and ${left.length - NAMED} more` : "";
    const told = [
      left.length > 0 && t`Left out, since they are no images: ${names.join(", ")}${more}.`,
      beyond > 0 && t`Left out, since 1000 images are taken at a time: the last ${beyond}.`,
    ].filter(Boolean);
    this.#left.textContent = told.join(" ");
    this.#left.hidden = told.length === 0;
  }
}

/** Fields that have a use of their own for what is dropped or pasted. */
function takesText(element) {
  return element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement || element?.isContentEditable === true;
}
