/**
 * `<pellucid-viewer>`: shows what image classifiers look at, side by side, without an image ever leaving the page.
 *
 * Attributes:
 *   models   URL of a manifest, `[{ "name": …, "file": …, "card": … }]` with files relative to it; by default
 *            `models/manifest.json` beside this module. `models="none"` starts without models.
 *   samples  number of drawn sample images on offer, 6 by default
 *
 * Methods: `open(blob, name)` explains an image, `addModel(file, sidecar)` adds a model.
 * Events: `pellucid-saliency`, whose detail holds `model`, `code`, `size`, `logits` (the scores), `probabilities` (null
 * where the scores are none and no logits) and `gradient`, the raw gradient of the class's score with respect to the
 * network's input as a Float32Array `[channels, size, size]`.
 */
import { Controls } from "./viewer/controls.mjs";
import { h } from "./viewer/dom.mjs";
import { download } from "./viewer/download.mjs";
import { Intake } from "./viewer/intake.mjs";
import { Model } from "./viewer/model.mjs";
import { Panel, SCREEN } from "./viewer/panel.mjs";
import { Room } from "./viewer/room.mjs";
import { compile } from "./viewer/wasm.mjs";
import { cancelled, isBlob, megabytes, said, sentence } from "./viewer/words.mjs";

/** How the picture is cut for its thumbnail: as most networks see it. */
const THUMBNAIL = JSON.stringify({ preprocessing: { size: 224 } });
const THUMBNAIL_SIDE = 160;
const SAMPLE_SIDE = 448;

class PellucidViewer extends HTMLElement {
  #intake = new Intake();
  #controls = new Controls();
  #panels = h("div", { class: "panels" });
  #status = h("p", { class: "status", role: "status", "aria-live": "polite" });
  #cancel = h("button", { type: "button", class: "quiet cancel", hidden: true, onclick: () => this.cancel() }, "Cancel");
  #entries = [];
  /** Aborted when the element leaves the page; undefined while it is in none. */
  #life;
  /** Resolves when models and images can be opened. */
  #ready;
  #begin;
  #module;
  #images;
  #picture;
  #looks = new Map();
  #run;
  #loading;
  #jobs = 0;
  #cancelled = false;
  #elapsed;

  constructor() {
    super();
    const style = h("link", { rel: "stylesheet", href: new URL("viewer.css", import.meta.url).href });
    const results = h("section", { class: "results", "aria-label": "Models" }, this.#controls.element, h("div", { class: "progress" }, this.#status, this.#cancel, this.#controls.overlay), this.#panels);
    const body = h("div", { class: "viewer", hidden: true }, this.#intake.element, results);
    // Nobody sees the page before it is dressed.
    style.onload = style.onerror = () => (body.hidden = false);
    this.attachShadow({ mode: "open" }).append(style, body);
    this.#panels.append(this.#intake.addModel);
    this.#intake.onimage = (source, name) => this.#open(source, name);
    this.#intake.onmodel = (file, sidecar) => this.addModel(file, sidecar);
    this.#intake.onrefuse = (text) => this.#intake.showError(text);
    this.#controls.onclass = () => this.#explainAgain();
    this.#controls.onstyle = () => this.#repaint();
    this.#controls.onlayers = () => this.#showLayers();
  }

  connectedCallback() {
    // An element that is moved is disconnected and connected again: it keeps what it holds.
    if (this.#life) return;
    this.#life = new AbortController();
    this.#ready = new Promise((resolve) => (this.#begin = resolve));
    this.#intake.listen(this.#life.signal);
    this.#showLayers();
    this.#start().catch((error) => cancelled(error) || this.#say(sentence(error)));
  }

  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || this.#stop());
  }

  #stop() {
    this.#life?.abort(new DOMException("removed", "AbortError"));
    this.#life = undefined;
    this.cancel();
    this.#images?.close();
    for (const entry of [...this.#entries]) this.#remove(entry);
    this.#intake.clear();
    this.#picture = undefined;
  }

  /** Explains an image: a Blob or File. Anything else is refused in the page, and no earlier image stays beside the answer. */
  open(blob, name = blob?.name ?? "Image") {
    return this.#open(isBlob(blob) ? blob : undefined, name);
  }

  /** Adds a model: an `.onnx` Blob or File, and the JSON file beside it where there is one. */
  async addModel(file, sidecar) {
    await this.#ready;
    const entry = this.#enter(file.name?.replace(/\.onnx$/i, "") || "Model");
    entry.blob = file;
    entry.card = await sidecar?.text();
    await this.#prepare(entry);
  }

  /** Stops what is being loaded or computed. What is shown stays. */
  cancel() {
    this.#cancelled = true;
    const reason = new DOMException("cancelled", "AbortError");
    this.#run?.abort(reason);
    this.#loading?.abort(reason);
  }

  async #start() {
    this.#say("Starting…");
    this.#module = await compile();
    this.#images = new Room(this.#module);
    this.#begin();
    await this.#loadManifest();
    await this.#drawSamples();
  }

  async #drawSamples() {
    const count = Number(this.getAttribute("samples") ?? 6);
    for (let phantom = 0; phantom < count; phantom += 1) {
      const { pixels, truth } = await this.#images.ask("sample", { phantom, size: THUMBNAIL_SIDE, input: THUMBNAIL });
      this.#intake.addSample(phantom, pixels, truth);
    }
  }

  // Models

  async #loadManifest() {
    const attribute = this.getAttribute("models");
    if (attribute === "none") return this.#settle();
    const url = attribute ? new URL(attribute, document.baseURI) : new URL("models/manifest.json", import.meta.url);
    const response = await fetch(url).catch(() => null);
    const listed = response?.ok ? await response.json().catch(() => null) : null;
    if (!Array.isArray(listed)) return this.#say("No models are installed beside this page: add your own.");
    const resolve = (path) => path && new URL(path, url).href;
    const entries = listed.map(({ name, file, card }) => Object.assign(this.#enter(name), { url: resolve(file), cardUrl: resolve(card) }));
    this.#fetchAll(entries);
  }

  #enter(name) {
    const entry = { name, model: new Model(this.#module), panel: new Panel(name) };
    const { panel } = entry;
    panel.onpick = (code) => this.#controls.choose(code);
    panel.onremove = () => this.#remove(entry);
    panel.onretry = () => this.#fetchAll([entry]);
    panel.onsettings = (card) => {
      panel.corrected = true;
      entry.card = card;
      this.#prepare(entry);
    };
    this.#entries.push(entry);
    this.#intake.addModel.before(panel.element);
    this.#legend(panel);
    return entry;
  }

  #remove(entry) {
    this.#entries = this.#entries.filter((known) => known !== entry);
    entry.removed = true;
    entry.model.close();
    entry.panel.element.remove();
    this.#collectClasses();
  }

  /** Downloads one model after the other, so that the first one is there early; they are prepared meanwhile. */
  #fetchAll(entries) {
    this.#loading = new AbortController();
    return this.#busy("Loading…", () => this.#fetchEach(entries, this.#loading.signal));
  }

  async #fetchEach(entries, signal) {
    const prepared = [];
    for (const entry of entries) {
      if (entry.removed) continue;
      const place = `model ${this.#entries.indexOf(entry) + 1} of ${this.#entries.length}`;
      try {
        const progress = (done, total) => {
          entry.panel.stage(`Loading ${megabytes(done, total)}`, total ? done / total : null);
          this.#say(`Loading ${place}: ${entry.name}, ${megabytes(done, total)}`, { quiet: done > 0 });
        };
        entry.blob = await download(entry.url, { signal, progress });
        entry.card = entry.cardUrl ? await (await download(entry.cardUrl, { signal })).text() : undefined;
      } catch (error) {
        entry.panel.fail(error, { retry: true });
        continue;
      }
      prepared.push(this.#prepare(entry, place));
    }
    await Promise.all(prepared);
  }

  /** Opens a model from its bytes, and shows it the image that is open. */
  #prepare(entry, place = "model") {
    return this.#busy(`Preparing ${place}: ${entry.name}`, () => this.#openModel(entry));
  }

  async #openModel(entry) {
    const { model, panel } = entry;
    panel.clear();
    panel.stage("Preparing", null);
    try {
      panel.describe(await model.open(entry.blob, { card: entry.card }));
    } catch (error) {
      if (!entry.removed) panel.fail(error);
      return;
    }
    this.#collectClasses();
    if (!this.#picture) return;
    this.#elapsed = undefined;
    await this.#present(entry, this.#run.signal);
  }

  #collectClasses() {
    this.#controls.setClasses(this.#entries.flatMap(({ panel }) => panel.description?.classes ?? []));
  }

  // Images

  #open(source, name) {
    this.#intake.showError();
    return this.#busy("Reading the image…", (signal) => this.#read(source, name, signal), { run: true });
  }

  async #read(source, name, signal) {
    await this.#ready;
    this.#picture = undefined;
    if (!source) return this.#refuse("What the page was given to open is no file: it takes a Blob or File with an image.");
    const request = isBlob(source) ? { blob: source } : { phantom: source.phantom, size: SAMPLE_SIDE };
    try {
      const opened = await this.#images.ask("open", request, { signal, keep: true });
      this.#looks.clear();
      const { pixels } = await this.#images.ask("look", { input: THUMBNAIL, side: THUMBNAIL_SIDE }, { signal });
      this.#intake.showImage(name, opened, pixels, source.phantom);
      this.#picture = opened;
      this.#controls.offerCause(opened.truth !== undefined);
    } catch (error) {
      if (!cancelled(error)) this.#refuse(sentence(error));
      return;
    }
    this.#say("Classifying…");
    const ready = this.#entries.filter(({ panel }) => panel.description);
    await Promise.all(ready.map((entry) => this.#present(entry, signal)));
  }

  /** What could not be opened must not stand beside the answers to something else. */
  #refuse(text) {
    for (const { panel } of this.#entries) {
      if (!panel.description) continue;
      panel.clear();
      panel.rest();
    }
    this.#intake.showNoImage();
    this.#intake.showError(text);
  }

  /** The picture as a model sees it; models that see alike share the work. */
  #look(input) {
    if (!this.#looks.has(input)) this.#looks.set(input, this.#images.ask("look", { input, side: SCREEN }));
    return this.#looks.get(input);
  }

  /** Picture, prediction, saliency of one model. */
  async #present(entry, signal) {
    const { model, panel } = entry;
    panel.clear();
    panel.stage("Classifying", null);
    try {
      const look = await this.#look(panel.description.input);
      signal.throwIfAborted();
      panel.showPicture(look);
      panel.showPrediction(await model.classify(look.tensor, { signal }));
      await this.#explain(entry, signal);
    } catch (error) {
      if (!signal.aborted || this.#run?.signal === signal) panel.fail(error);
    }
  }

  /** Saliency of the chosen class. */
  async #explain({ model, panel }, signal) {
    const { description, prediction } = panel;
    const index = panel.classFor(this.#controls.code);
    if (index === null) return panel.withoutMap("The model's answer is not a number: it may be damaged, or its settings wrong.");
    if (index < 0) return panel.withoutMap("This model does not know the chosen class.");
    if (description.noGradient) return panel.withoutMap(sentence(description.noGradient));
    panel.stage("Computing saliency", null);
    const gradient = await model.gradient(index, { signal });
    const { style, alone } = this.#controls;
    panel.showMap(index, await model.paint({ style, alone }, { signal }), style);
    panel.stage();
    const { code } = description.classes[index];
    const detail = { model: panel.name, code, size: description.size, logits: prediction.logits, probabilities: prediction.probabilities, gradient };
    this.dispatchEvent(new CustomEvent("pellucid-saliency", { detail, bubbles: true, composed: true }));
  }

  // Display

  /** Another class was chosen. Models that were not done with the image yet start over. */
  #explainAgain() {
    if (!this.#picture) return;
    const explain = async (entry, signal) => {
      try {
        await this.#explain(entry, signal);
      } catch (error) {
        if (!cancelled(error)) entry.panel.fail(error);
        else if (this.#run.signal === signal) entry.panel.stage();
      }
    };
    const entries = this.#entries.filter(({ panel }) => panel.description);
    const each = (signal) => entries.map((entry) => (entry.panel.prediction ? explain(entry, signal) : this.#present(entry, signal)));
    this.#busy("Computing saliency…", (signal) => Promise.all(each(signal)), { run: true });
  }

  async #repaint() {
    const { style, alone } = this.#controls;
    this.toggleAttribute("data-alone", alone);
    for (const { model, panel } of this.#entries) {
      this.#legend(panel);
      if (panel.explained === undefined) continue;
      const painting = await model.paint({ style, alone }).catch(() => null);
      if (painting) panel.showMap(panel.explained, painting, style);
    }
  }

  async #legend(panel) {
    const { pixels } = await this.#images.ask("legend", { style: this.#controls.style, width: 128 });
    panel.showLegend(pixels);
  }

  #showLayers() {
    this.style.setProperty("--overlay", this.#controls.opacity);
    this.toggleAttribute("data-cause", this.#controls.cause);
  }

  // What is going on

  /** Does a job while the page says so and offers to cancel. A `run` takes the place of the run before it. */
  async #busy(text, job, { run = false } = {}) {
    if (run) {
      this.#run?.abort(new DOMException("replaced", "AbortError"));
      this.#run = new AbortController();
    }
    const signal = this.#run?.signal;
    const began = performance.now();
    this.#cancelled = false;
    this.#jobs += 1;
    this.#showBusy();
    this.#say(text);
    try {
      await job(signal);
    } finally {
      this.#jobs -= 1;
      if (run && signal === this.#run.signal) this.#elapsed = performance.now() - began;
      this.#showBusy();
      if (this.#jobs === 0) this.#settle();
    }
  }

  #showBusy() {
    this.#cancel.hidden = this.#jobs === 0;
    this.toggleAttribute("data-busy", this.#jobs > 0);
  }

  /** Says that all is done, and what came out. */
  #settle() {
    if (this.#cancelled) return this.#say("Cancelled.");
    const answers = this.#entries.flatMap(({ panel }) => {
      if (!panel.prediction || panel.prediction.predicted === null) return [];
      const { predicted } = panel.prediction;
      return [`${panel.name}: ${panel.description.classes[predicted].title}, ${said(panel.prediction, predicted)}`];
    });
    if (answers.length === 0) {
      const ready = this.#entries.some(({ panel }) => panel.description);
      return this.#say(ready ? "Ready: give it an image." : "Add a model to begin.");
    }
    const time = this.#elapsed === undefined ? "" : ` in ${(this.#elapsed / 1000).toFixed(1)} s`;
    this.#say(`Computed on this device${time}.`);
    // The panels show the answers; a screen reader is told them.
    this.#status.prepend(h("span", { class: "unseen" }, `${answers.join("; ")}. `));
  }

  /** The line under the controls. Byte counts are `quiet`: a screen reader should not read each of them. */
  #say(text, { quiet = false } = {}) {
    this.#status.setAttribute("aria-live", quiet ? "off" : "polite");
    this.#status.textContent = text;
  }
}

customElements.define("pellucid-viewer", PellucidViewer);
