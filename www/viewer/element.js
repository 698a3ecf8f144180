/** The element `<pellucid-viewer>`; `pellucid-viewer.js` says what it offers to a page. */
import { Cases } from "./cases/cases.js";
import { Controls } from "./controls.js";
import { h } from "./dom.js";
import { Away } from "./export/away.js";
import { Keeper } from "./export/keeper.js";
import { NOTICE } from "./export/words.js";
import { Fold } from "./fold.js";
import { Intake } from "./intake.js";
import { aborted, Jobs } from "./jobs.js";
import { Keeping } from "./keeping.js";
import { t } from "./language.js";
import { Display } from "./looking/display.js";
import { Looking } from "./looking/looking.js";
import { Painter } from "./looking/painter.js";
import { Memory } from "./memory.js";
import { Models } from "./models.js";
import { pool } from "./pool.js";
import { Status } from "./status.js";
import { answer, Subject, THUMBNAIL, THUMBNAIL_SIDE } from "./subject.js";
import { compile } from "./wasm.js";
import { cancelled, isBlob, megabytes, sentence } from "./words.js";

/** For promises whose failure the page has said already. */
const heard = () => {};

export class PellucidViewer extends HTMLElement {
  static observedAttributes = ["models", "samples", "whole-page", "workers"];

  #jobs = new Jobs();
  #models = new Models({
    jobs: this.#jobs,
    view: () => this.#looking.view,
    life: () => this.#life,
    program: () => this.#program,
    entered: (slot) => this.#entered(slot),
    changed: () => this.#collectClasses(),
    settle: () => this.#status.settle(),
    trouble: (error) => (this.#status.trouble ??= this.#fault(error)),
    present: (slot, signal) => this.#subject.join(slot, signal),
  });
  #status = new Status({ jobs: this.#jobs, slots: () => this.#models.all });
  #cases = new Cases({
    slots: () => this.#models.ready,
    program: async () => (await this.#program).module,
    idle: () => this.#jobs.idle(),
  });
  #intake = new Intake(this.#cases.strip.element);
  #controls = new Controls();
  #display = new Display();
  #painter = new Painter({
    display: this.#display,
    slots: () => this.#models.all,
    legend: async (request) => (await this.#program).images.ask("legend", request),
  });
  #away = new Away({
    snapshots: () => this.#models.all.map(({ panel }) => panel.snapshot()).filter(Boolean),
    source: () => this.#subject.file,
    host: () => this.shadowRoot,
    session: () => this.#keeper.session(),
  });
  #keeper = new Keeper({
    cases: this.#cases,
    controls: this.#controls,
    display: this.#display,
    slots: () => this.#models.all,
    seen: () => (this.#subject.picture ? { source: this.#subject.source, file: this.#subject.file, name: this.#subject.name } : undefined),
    idle: () => this.#jobs.idle(),
    prepare: (slot, card) => this.#models.prepare(slot, { card }).catch(heard),
    open: (source, name) => this.#subject.open(source, name),
    again: () => this.#subject.again().catch(heard),
  });
  #looking;
  #subject;
  #keeping = new Keeping();
  #memory = new Memory();
  /** Aborted when the element leaves the page; undefined while it is in none. */
  #life;
  /** A promise of `{ module, images }`: the compiled program, and the seat of the picture. */
  #program;

  constructor() {
    super();
    const style = h("link", { rel: "stylesheet", href: new URL("viewer.css", import.meta.url).href });
    const results = h("section", { class: "results", part: "results", "aria-label": t`Models` });
    this.#looking = new Looking({
      host: this,
      results,
      slots: () => this.#models.all,
      mask: (blob, input) => this.#subject.mask(blob, input),
      say: (words) => (words ? this.#status.say(words) : this.#jobs.busy || this.#status.settle()),
      refuse: (error) => this.#intake.showError(sentence(error)),
    });
    this.#subject = new Subject({
      jobs: this.#jobs,
      intake: this.#intake,
      cases: this.#cases,
      controls: this.#controls,
      display: this.#display,
      looking: this.#looking,
      painter: this.#painter,
      status: this.#status,
      life: () => this.#life,
      program: () => this.#program,
      ready: () => this.#models.ready,
      emit: (...event) => this.#emit(...event),
    });
    const desk = h("div", { class: "desk" }, this.#looking.tools.element, this.#status.element);
    results.append(this.#controls.element, this.#display.element, desk, this.#models.element);
    const notice = h("p", { class: "notice" }, NOTICE);
    const choices = new Fold(t`Class, method, colours`, this.#controls.element, this.#display.element);
    const folds = h("div", { class: "folds" }, this.#intake.samples.button, choices.button);
    const foot = h("footer", { class: "foot", part: "notice" }, notice, this.#memory.element, this.#keeping.element);
    const body = h("div", { class: "viewer", hidden: true }, this.#intake.element, folds, results, foot);
    // Nobody sees the page before it is dressed.
    style.onload = style.onerror = () => (body.hidden = false);
    this.attachShadow({ mode: "open" }).append(style, body);
    results.append(this.#away.element, this.#intake.addModel, this.#cases.element);
    this.#intake.onsample = (phantom, name) => this.#subject.open({ phantom }, name);
    this.#intake.onimages = (images) => this.#take(images);
    this.#intake.onsession = (file) => this.#away.open(file);
    this.#away.onsession = (file) => this.#keeper.restore(file);
    this.#cases.onopen = (one) => this.#subject.open(one, one.name);
    this.#cases.onwork = (working) => this.toggleAttribute("data-working", working);
    this.#intake.onmodel = (file, sidecar) => this.addModel(file, sidecar).catch(heard);
    this.#intake.during = (work) => this.#jobs.run(t`Looking through the files…`, work, { signals: [this.#life?.signal] });
    this.#intake.onrefuse = (text) => this.#intake.showError(text);
    this.#intake.onmask = (file) => this.#looking.readMask(file);
    this.#controls.onchange = () => this.#subject.again().catch(heard);
    this.#display.onstyle = () => this.#painter.repaint().catch(heard);
    this.#display.onlayers = () => this.#showLayers();
    this.#jobs.onchange = (job, quiet) => this.#showJob(job, quiet);
  }

  connectedCallback() {
    // An element that is moved is disconnected and connected again: it keeps what it holds.
    if (this.#life) return;
    this.#life = new AbortController();
    this.#status.trouble = undefined;
    pool.allow(this, this.#allowed);
    this.#memory.listen(this.#life.signal);
    this.#intake.listen(this, this.#life.signal);
    this.#intake.offerSamples(this.#sampleCount > 0);
    this.#showLayers();
    this.#start(this.#life.signal).catch((error) => cancelled(error) || this.#status.settle());
  }

  attributeChangedCallback(name, before, value) {
    if (before === value || !this.#life) return;
    const { signal } = this.#life;
    const failed = (error) => cancelled(error) || this.#status.settle();
    if (name === "models") {
      for (const slot of this.#models.all.filter(({ source }) => source.url)) this.#models.remove(slot);
      this.#status.trouble = undefined;
      this.#program.then(() => this.#models.load(this.models, signal)).then(() => this.#tellReady(), failed);
    } else if (name === "samples") {
      this.#intake.clearSamples();
      this.#intake.offerSamples(this.#sampleCount > 0);
      this.#drawSamples(signal).catch(failed);
    } else if (name === "workers") pool.allow(this, this.#allowed);
    else this.#intake.hint(this);
  }

  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || this.#stop());
  }

  #stop() {
    this.#life?.abort(aborted("removed"));
    this.#life = undefined;
    this.#subject.stop("removed");
    this.#program?.then(({ images }) => images.close(), heard);
    for (const slot of [...this.#models.all]) this.#models.remove(slot);
    this.#intake.clear();
    this.#cases.close();
    pool.allow(this);
    this.#subject.close();
  }

  // What a page may ask and set

  get models() {
    return this.getAttribute("models");
  }

  set models(url) {
    if (url === null || url === undefined) this.removeAttribute("models");
    else this.setAttribute("models", url);
  }

  get samples() {
    return this.#sampleCount;
  }

  set samples(count) {
    this.setAttribute("samples", String(count));
  }

  get wholePage() {
    return this.hasAttribute("whole-page");
  }

  set wholePage(whole) {
    this.toggleAttribute("whole-page", Boolean(whole));
  }

  /** How many workers may compute at a time: what the attribute says, otherwise what suits the machine. */
  get workers() {
    return this.#allowed ?? pool.limit;
  }

  set workers(count) {
    if (count === null || count === undefined) this.removeAttribute("workers");
    else this.setAttribute("workers", String(count));
  }

  /** Whether something is being loaded or computed. */
  get busy() {
    return this.#jobs.busy;
  }

  /** What is explained: `{ class, against, method }`, codes of classes (null: each model's own prediction; no margin) and a method as in the event. */
  get question() {
    const { code, against, method } = this.#controls.settings;
    return { class: code, against, method };
  }

  /** What is not named stays as it is; what is not on offer is not taken. */
  set question({ class: code, against, method } = {}) {
    const before = this.#controls.settings;
    this.#controls.settings = { code: code === undefined ? before.code : code, against: against === undefined ? before.against : against, method: method ?? before.method };
    this.#subject.again().catch(heard);
  }

  /** The models, `[{ name, state, size, classes: [{ code, title }], answer }]`, `answer` as in the event `result` or null. */
  get results() {
    return this.#models.all.map(({ panel, name, state }) => ({
      name,
      state,
      size: panel.description?.size ?? null,
      classes: panel.description?.classes.map(({ code, title }) => ({ code, title })) ?? [],
      answer: panel.prediction ? answer(panel) : null,
    }));
  }

  /** Takes away a model by its name; whether there was one. */
  removeModel(name) {
    const slot = this.#models.all.find((known) => known.name === name);
    if (slot) this.#models.remove(slot);
    return slot !== undefined;
  }

  /** Takes away all that Pellucid keeps in this browser. */
  wipe() {
    return this.#keeping.wipe();
  }

  /** Explains an image: a Blob or File. Anything else is refused in the page, and no earlier image stays beside the answer. */
  open(blob, name = blob?.name ?? t`Image`) {
    return this.#subject.open(isBlob(blob) ? blob : undefined, name);
  }

  /** Adds a model: an `.onnx` Blob or File, and the JSON file beside it where there is one. */
  async addModel(file, sidecar) {
    if (!this.#life) throw new Error(t`The viewer is not in the page.`);
    const slot = this.#models.enter(file.name?.replace(/\.onnx$/i, "") || t`Model`, { blob: file, card: await sidecar?.text() });
    await this.#models.prepare(slot);
  }

  /** Stops what is being loaded or computed. What is shown stays. */
  cancel() {
    this.#jobs.stop();
    if (this.#cases.working) this.#cases.stop();
  }

  // The program

  /** Program and models come side by side: neither waits for the other before it is needed. */
  async #start(signal) {
    this.#program = this.#jobs.run(t`Loading the viewer's program…`, (job) => this.#load(job), { signals: [signal], stoppable: false });
    const models = this.#models.load(this.models, signal);
    this.#program.then(() => this.#drawSamples(signal)).catch(heard);
    await Promise.all([this.#program, models]);
    this.#tellReady();
  }

  async #load(job) {
    try {
      const progress = (done, total) => done > 0 && job.say(t`Loading the viewer's program: ${megabytes(done, total)}`, { quiet: true });
      const module = await compile({ signal: job.signal, progress });
      job.signal.throwIfAborted();
      const images = pool.picture(module);
      job.signal.addEventListener("abort", () => images.close());
      // A worker that cannot start says so now, not when the first image comes.
      await images.ask("legend", { colours: this.#display.colours, width: 1 }, { signal: job.signal });
      return { module, images };
    } catch (error) {
      this.#status.trouble = this.#fault(error) ?? this.#status.trouble;
      throw error;
    }
  }

  /** Tells the page what went wrong, and gives it as a sentence; nothing where somebody cancelled. */
  #fault(error, model = null) {
    if (cancelled(error)) return undefined;
    const message = sentence(error);
    this.#emit("error", { message, model });
    return message;
  }

  /** The attribute `workers` as a number from 1 on; nothing where it says none. */
  get #allowed() {
    const count = Number(this.getAttribute("workers"));
    return count >= 1 ? Math.floor(count) : undefined;
  }

  get #sampleCount() {
    return Number(this.getAttribute("samples") ?? 6);
  }

  async #drawSamples(signal) {
    const { images } = await this.#program;
    const count = this.#sampleCount;
    for (let phantom = 0; phantom < count; phantom += 1) {
      const { pixels, truth } = await images.ask("sample", { phantom, size: THUMBNAIL_SIDE, input: THUMBNAIL }, { signal });
      this.#intake.addSample(phantom, pixels, truth);
    }
  }

  // Models

  /** What the rest of the page has to do with a model's panel. */
  #entered(slot) {
    const { name, panel } = slot;
    panel.onsnapshot = () => ({ image: this.#subject.name, file: slot.source.blob, opacity: this.#display.opacity, place: this.#display.place, cause: this.#display.cause });
    panel.onfail = (error) => this.#fault(error, name);
    panel.onpick = (code) => this.#controls.choose(code);
    this.#looking.take(panel);
    panel.layOut(this.#display.place);
    this.#painter.bar(panel).catch(heard);
  }

  #collectClasses() {
    this.#cases.models();
    this.#controls.setClasses(this.#models.all.flatMap(({ panel }) => panel.description?.classes ?? []));
  }

  // Images

  /** Images that the person gave: they are put at hand, and the first that may be one is opened. */
  async #take(images) {
    const added = await this.#cases.add(images);
    const first = added.find(({ readable }) => readable);
    if (first) this.#subject.open(first, first.name);
    else if (added.length === 1) this.#subject.refused(added[0]);
  }

  /** An event of the element's own; `error` and `progress` mean other things higher up, and do not bubble. */
  #emit(name, detail, how = {}) {
    this.dispatchEvent(new CustomEvent(name, { ...how, detail }));
  }

  /** The program and the models are there, as far as they could be opened. */
  #tellReady() {
    this.#emit("ready", { models: this.#models.ready.map(({ name }) => name) });
    this.#keeping.show();
  }

  // Display

  #showLayers() {
    this.style.setProperty("--overlay", this.#display.opacity);
    this.dataset.place = this.#display.place;
    this.toggleAttribute("data-cause", this.#display.cause);
    for (const { panel } of this.#models.all) panel.layOut(this.#display.place);
  }

  // What is going on

  /** Says what a job does; with none, that all is done. */
  #showJob(job, quiet) {
    this.toggleAttribute("data-busy", this.#jobs.busy);
    this.#emit("progress", { text: job?.text ?? "", busy: this.#jobs.busy, model: null, done: null, total: null });
    this.#status.show(job, quiet);
  }
}

// A second copy of this module, under another address, finds the element defined and leaves it so.
if (!customElements.get("pellucid-viewer")) customElements.define("pellucid-viewer", PellucidViewer);
