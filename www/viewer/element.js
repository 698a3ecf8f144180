/** The element `<pellucid-viewer>`; `pellucid-viewer.js` says what it offers to a page. */
import { Case } from "./cases/case.js";
import { Cases } from "./cases/cases.js";
import { Controls } from "./controls.js";
import { h } from "./dom.js";
import { Away } from "./export/away.js";
import { Keeper } from "./export/keeper.js";
import { NOTICE } from "./export/words.js";
import { Fold } from "./fold.js";
import { Intake } from "./intake.js";
import { aborted, anyOf, Jobs, unless } from "./jobs.js";
import { Keeping } from "./keeping.js";
import { t, written } from "./language.js";
import { Display } from "./looking/display.js";
import { Looking } from "./looking/looking.js";
import { Painter } from "./looking/painter.js";
import { manifest } from "./manifest.js";
import { Memory } from "./memory.js";
import { pool } from "./pool.js";
import { Slot } from "./slot.js";
import { TimeLeft } from "./timeleft.js";
import { compile } from "./wasm.js";
import { cancelled, isBlob, megabytes, said, sentence } from "./words.js";

/** How the picture is cut for its thumbnail: as most networks see it. */
const THUMBNAIL = JSON.stringify({ preprocessing: { size: 224 } });
const THUMBNAIL_SIDE = 160;
const SAMPLE_SIDE = 448;
/** The longer side in pixels of the picture on the screen, at the most. */
const SCREEN = 2048;
/** Pixels each way of the drawing that outlines a sample's cause. */
const CAUSE_SIDE = 512;

/** For promises whose failure the page has said already. */
const heard = () => {};

export class PellucidViewer extends HTMLElement {
  static observedAttributes = ["models", "samples", "whole-page", "workers"];

  #jobs = new Jobs();
  #cases = new Cases({
    slots: () => this.#ready,
    program: async () => (await this.#program).module,
    idle: () => this.#jobs.idle(),
  });
  #intake = new Intake(this.#cases.strip.element);
  #controls = new Controls();
  #display = new Display();
  #painter = new Painter({
    display: this.#display,
    slots: () => this.#slots,
    legend: async (request) => (await this.#program).images.ask("legend", request),
  });
  #away = new Away({
    snapshots: () => this.#slots.map(({ panel }) => panel.snapshot()).filter(Boolean),
    source: () => this.#file,
    host: () => this.shadowRoot,
    session: () => this.#keeper.session(),
  });
  #keeper = new Keeper({
    cases: this.#cases,
    controls: this.#controls,
    display: this.#display,
    slots: () => this.#slots,
    seen: () => (this.#picture ? { source: this.#source, file: this.#file, name: this.#name } : undefined),
    idle: () => this.#jobs.idle(),
    prepare: (slot, card) => this.#prepare(slot, { card }).catch(heard),
    open: (source, name) => this.#open(source, name),
    again: () => this.#explainAgain().catch(heard),
  });
  #looking;
  #keeping = new Keeping();
  #memory = new Memory();
  #panels = h("div", { class: "panels", part: "panels" });
  #status = h("p", { class: "status", part: "status", role: "status", "aria-live": "polite" });
  #cancel = h("button", { type: "button", class: "quiet cancel", hidden: true, onclick: () => this.#jobs.stop() }, t`Cancel`);
  #slots = [];
  /** Aborted when the element leaves the page; undefined while it is in none. */
  #life;
  /** A promise of `{ module, images }`: the compiled program, and the seat of the picture. */
  #program;
  /** Aborted when another list of models takes the place of the one that is being loaded. */
  #list;
  /** What is wrong with the viewer as a whole, if anything is. */
  #trouble;
  #picture;
  /** What the picture was opened from: a Blob, a case, or `{ phantom }`. */
  #source;
  /** Its file, where it has one. */
  #file;
  /** The name that stands beside it. */
  #name = "";
  /** The picture for the screen. */
  #whole;
  #looks = new Map();
  /** Aborted when another image, or another class, takes the place of the current one. */
  #run;
  #elapsed;

  constructor() {
    super();
    const style = h("link", { rel: "stylesheet", href: new URL("viewer.css", import.meta.url).href });
    const results = h("section", { class: "results", part: "results", "aria-label": t`Models` });
    this.#looking = new Looking({
      host: this,
      results,
      slots: () => this.#slots,
      mask: (blob, input) => this.#mask(blob, input),
      say: (words) => (words ? this.#say(words) : this.#jobs.busy || this.#settle()),
      refuse: (error) => this.#intake.showError(sentence(error)),
    });
    const progress = h("div", { class: "progress" }, this.#status, this.#cancel);
    const desk = h("div", { class: "desk" }, this.#looking.tools.element, progress);
    results.append(this.#controls.element, this.#display.element, desk, this.#panels);
    const notice = h("p", { class: "notice" }, NOTICE);
    const choices = new Fold(t`Class, method, colours`, this.#controls.element, this.#display.element);
    const folds = h("div", { class: "folds" }, this.#intake.samples.button, choices.button);
    const foot = h("footer", { class: "foot", part: "notice" }, notice, this.#memory.element, this.#keeping.element);
    const body = h("div", { class: "viewer", hidden: true }, this.#intake.element, folds, results, foot);
    // Nobody sees the page before it is dressed.
    style.onload = style.onerror = () => (body.hidden = false);
    this.attachShadow({ mode: "open" }).append(style, body);
    results.append(this.#away.element, this.#intake.addModel, this.#cases.element);
    this.#intake.onsample = (phantom, name) => this.#open({ phantom }, name);
    this.#intake.onimages = (images) => this.#take(images);
    this.#intake.onsession = (file) => this.#away.open(file);
    this.#away.onsession = (file) => this.#keeper.restore(file);
    this.#cases.onopen = (one) => this.#open(one, one.name);
    this.#cases.onwork = (working) => this.toggleAttribute("data-working", working);
    this.#intake.onmodel = (file, sidecar) => this.addModel(file, sidecar).catch(heard);
    this.#intake.during = (work) => this.#jobs.run(t`Looking through the files…`, work, { signals: [this.#life?.signal] });
    this.#intake.onrefuse = (text) => this.#intake.showError(text);
    this.#intake.onmask = (file) => this.#looking.readMask(file);
    this.#controls.onchange = () => this.#explainAgain().catch(heard);
    this.#display.onstyle = () => this.#painter.repaint().catch(heard);
    this.#display.onlayers = () => this.#showLayers();
    this.#jobs.onchange = (job, quiet) => this.#showJob(job, quiet);
  }

  connectedCallback() {
    // An element that is moved is disconnected and connected again: it keeps what it holds.
    if (this.#life) return;
    this.#life = new AbortController();
    this.#trouble = undefined;
    pool.allow(this, this.#allowed);
    this.#memory.listen(this.#life.signal);
    this.#intake.listen(this, this.#life.signal);
    this.#intake.offerSamples(this.#sampleCount > 0);
    this.#showLayers();
    this.#start(this.#life.signal).catch((error) => cancelled(error) || this.#settle());
  }

  attributeChangedCallback(name, before, value) {
    if (before === value || !this.#life) return;
    const { signal } = this.#life;
    const failed = (error) => cancelled(error) || this.#settle();
    if (name === "models") {
      for (const slot of this.#slots.filter(({ source }) => source.url)) this.#remove(slot);
      this.#trouble = undefined;
      this.#program.then(() => this.#loadManifest(signal)).then(() => this.#tellReady(), failed);
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
    this.#run?.abort(aborted("removed"));
    this.#program?.then(({ images }) => images.close(), heard);
    for (const slot of [...this.#slots]) this.#remove(slot);
    this.#intake.clear();
    this.#cases.close();
    pool.allow(this);
    this.#picture = this.#source = undefined;
    this.#looks.clear();
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
    this.#explainAgain().catch(heard);
  }

  /** The models, `[{ name, state, size, classes: [{ code, title }], answer }]`, `answer` as in the event `result` or null. */
  get results() {
    return this.#slots.map(({ panel, name, state }) => ({
      name,
      state,
      size: panel.description?.size ?? null,
      classes: panel.description?.classes.map(({ code, title }) => ({ code, title })) ?? [],
      answer: panel.prediction ? answer(panel) : null,
    }));
  }

  /** Takes away a model by its name; whether there was one. */
  removeModel(name) {
    const slot = this.#slots.find((known) => known.name === name);
    if (slot) this.#remove(slot);
    return slot !== undefined;
  }

  /** Takes away all that Pellucid keeps in this browser. */
  wipe() {
    return this.#keeping.wipe();
  }

  /** Explains an image: a Blob or File. Anything else is refused in the page, and no earlier image stays beside the answer. */
  open(blob, name = blob?.name ?? t`Image`) {
    return this.#open(isBlob(blob) ? blob : undefined, name);
  }

  /** Adds a model: an `.onnx` Blob or File, and the JSON file beside it where there is one. */
  async addModel(file, sidecar) {
    if (!this.#life) throw new Error(t`The viewer is not in the page.`);
    const slot = this.#enter(file.name?.replace(/\.onnx$/i, "") || t`Model`, { blob: file, card: await sidecar?.text() });
    await this.#prepare(slot);
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
    const models = this.#loadManifest(signal);
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
      this.#trouble = this.#fault(error) ?? this.#trouble;
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

  async #loadManifest(signal) {
    this.#list?.abort(aborted("replaced"));
    const { signal: until } = (this.#list = new AbortController());
    const attribute = this.getAttribute("models");
    if (attribute === "none") return;
    const url = attribute ? new URL(attribute, document.baseURI) : new URL("../models/manifest.json", import.meta.url);
    try {
      const listed = await manifest(url.href, { signal: anyOf([signal, until]) });
      await this.#fetchAll(listed.map(({ name, ...source }) => this.#enter(name, source)));
    } catch (error) {
      this.#trouble ??= this.#fault(error);
      throw error;
    }
  }

  #enter(name, source) {
    const slot = new Slot(name, source, this.#looking.view);
    const { panel } = slot;
    panel.onsnapshot = () => ({ image: this.#name, file: slot.source.blob, opacity: this.#display.opacity, place: this.#display.place, cause: this.#display.cause });
    panel.onfail = (error) => this.#fault(error, name);
    panel.onpick = (code) => this.#controls.choose(code);
    panel.onremove = () => this.#remove(slot);
    panel.onretry = () => this.#fetchAll([slot]).catch(heard);
    panel.onsettings = (card) => {
      panel.corrected = true;
      this.#prepare(slot, { card }).catch(heard);
    };
    this.#looking.take(panel);
    panel.layOut(this.#display.place);
    this.#slots.push(slot);
    this.#panels.append(panel.element);
    this.#painter.bar(panel).catch(heard);
    return slot;
  }

  #remove(slot) {
    const { element } = slot.panel;
    // Whoever works with the keyboard goes on at the neighbour.
    const next = element.contains(element.getRootNode().activeElement) ? element.nextElementSibling : null;
    this.#slots = this.#slots.filter((known) => known !== slot);
    slot.remove();
    (next?.querySelector(".remove") ?? next)?.focus();
    this.#collectClasses();
    if (!this.#jobs.busy && this.#life) this.#settle();
  }

  /** Downloads one model after the other, so that the first one is there early; they are prepared meanwhile. */
  #fetchAll(slots) {
    if (slots.length === 0) return Promise.resolve();
    return this.#jobs.run(t`Loading models…`, (job) => this.#fetchEach(slots, job), { signals: [this.#life?.signal] });
  }

  async #fetchEach(slots, job) {
    const prepared = [];
    for (const slot of slots) {
      if (slot.life.aborted) continue;
      const place = this.#slots.length > 1 ? t`model ${this.#slots.indexOf(slot) + 1} of ${this.#slots.length}` : t`the model`;
      try {
        await slot.load(job.signal, (words, how) => job.say(t`Loading ${place}: ${slot.name}, ${words}`, how));
      } catch {
        continue;
      }
      prepared.push(this.#prepare(slot, { place }).catch(heard));
    }
    await Promise.all(prepared);
  }

  /** Opens a model whose file is there, and shows it the image that is open. */
  #prepare(slot, { place = "model", card } = {}) {
    const work = async (job) => {
      const program = this.#program.then(({ module }) => module);
      await slot.prepare(program, job.signal, card);
      this.#collectClasses();
      if (!this.#picture) return;
      this.#elapsed = undefined;
      await this.#present(slot, anyOf([this.#run.signal, job.signal]));
    };
    return this.#jobs.run(t`Preparing ${place}: ${slot.name}`, work, { signals: [this.#life?.signal, slot.life] });
  }

  #collectClasses() {
    this.#cases.models();
    this.#controls.setClasses(this.#slots.flatMap(({ panel }) => panel.description?.classes ?? []));
  }

  get #ready() {
    return this.#slots.filter((slot) => slot.ready);
  }

  // Images

  /** Images that the person gave: they are put at hand, and the first that may be one is opened. */
  async #take(images) {
    const added = await this.#cases.add(images);
    const first = added.find(({ readable }) => readable);
    if (first) this.#open(first, first.name);
    else if (added.length === 1) {
      this.#run?.abort(aborted("replaced"));
      this.#picture = undefined;
      this.#refuse(sentence(added[0].refused), added[0]);
    }
  }

  /** What the person opened; what goes wrong is said in the page, and told to whoever waits for the promise. */
  #open(source, name) {
    this.#intake.showError();
    const done = this.#compute(t`Reading the image…`, (job) => this.#read(source, name, job));
    done.catch(heard);
    return done;
  }

  /** A job that takes the place of the one before it. */
  async #compute(text, work) {
    this.#run?.abort(aborted("replaced"));
    const run = (this.#run = new AbortController());
    const began = performance.now();
    try {
      return await this.#jobs.run(text, work, { signals: [run.signal, this.#life?.signal] });
    } finally {
      if (run === this.#run) this.#elapsed = performance.now() - began;
      if (!this.#jobs.busy) this.#settle();
    }
  }

  async #read(source, name, job) {
    const { signal } = job;
    this.#picture = undefined;
    try {
      if (!source) throw new Error(t`What the page was given to open is no file: it takes a Blob or File with an image.`);
      const blob = source instanceof Case ? await unless(signal, source.blob()) : source;
      const { images } = await unless(signal, this.#program ?? Promise.reject(new Error(t`The viewer is not in the page.`)));
      const request = isBlob(blob) ? { blob } : { phantom: source.phantom, size: SAMPLE_SIDE };
      const opened = await images.ask("open", request, { signal, keep: true });
      this.#looks.clear();
      const { pixels } = await images.ask("thumbnail", { input: THUMBNAIL, side: THUMBNAIL_SIDE }, { signal });
      this.#whole = await images.ask("whole", { most: SCREEN }, { signal });
      this.#intake.showImage(name, opened, pixels, source.phantom);
      this.#cases.show(source, pixels);
      for (const { panel } of this.#ready) panel.clear();
      this.#picture = opened;
      this.#source = source;
      this.#file = isBlob(blob) ? blob : undefined;
      this.#name = name;
      this.#looking.open(opened);
      this.#display.offerCause(opened.truth !== undefined);
    } catch (error) {
      if (!cancelled(error)) this.#refuse(sentence(error), source);
      throw error;
    }
    job.say(t`Classifying…`);
    await Promise.all(this.#ready.map((slot) => this.#present(slot, signal)));
    signal.throwIfAborted();
  }

  /** What could not be opened must not stand beside the answers to something else. */
  #refuse(text, source) {
    this.#emit("error", { message: text, model: null });
    for (const { panel } of this.#ready) {
      panel.clear();
      panel.rest();
    }
    this.#intake.showNoImage();
    this.#intake.showError(text);
    this.#cases.show();
    if (source instanceof Case) this.#cases.refuse(source, text);
  }

  /** The picture as a model sees it; models that see alike share the work. */
  async #look(input) {
    const { images } = await this.#program;
    if (!this.#looks.has(input)) this.#looks.set(input, images.ask("look", { input, side: CAUSE_SIDE }));
    return this.#looks.get(input);
  }

  /** A mask's file as a network sees it, a byte for each place of its map. */
  async #mask(blob, input) {
    const { images } = await this.#program;
    const { inside } = await images.ask("mask", { blob, input });
    return inside;
  }

  /** Picture, prediction, saliency of one model. What fails is said in its panel: the others go on. */
  async #present(slot, signal) {
    const { model, panel, opened } = slot;
    const [run, source] = [this.#run, this.#source];
    panel.clear();
    panel.stage(t`Classifying`, null);
    try {
      const look = await this.#look(panel.description.input);
      signal.throwIfAborted();
      panel.showPicture(this.#whole, this.#picture);
      panel.showSight(look);
      const prediction = await model.classify(look.tensor, { signal });
      panel.showPrediction(prediction);
      this.#emit("result", answer(panel));
      if (source instanceof Case) this.#cases.tell(source, opened, { prediction });
      await this.#explain(slot, signal);
    } catch (error) {
      // What was replaced has nothing to say any more.
      if (this.#run === run && slot.ready) panel.fail(error);
    }
  }

  /** The map of the chosen class by the chosen method. */
  async #explain(slot, signal) {
    const { model, panel } = slot;
    const { description, prediction } = panel;
    const { methods } = this.#controls;
    const index = panel.classFor(this.#controls.code);
    if (index === null) return panel.withoutMap(t`The model's answer is not a number: it may be damaged, or its settings wrong.`);
    if (index < 0) return panel.withoutMap(t`This model does not know the chosen class.`);
    if (description.noGradient && methods.name !== "occlusion") return panel.withoutMap(sentence(description.noGradient));
    let question;
    try {
      question = this.#controls.question(description, index);
    } catch (error) {
      return panel.withoutMap(sentence(error));
    }
    const called = methods.answer;
    const [given, left] = [new AbortController(), new TimeLeft()];
    const until = anyOf([signal, given.signal]);
    const method = methods.long ? called : undefined;
    panel.ongiveup = () => given.abort(aborted("cancelled"));
    panel.stage(methods.long ? called : t`Computing saliency`, null, { method });
    const progress = ({ done, total }) => {
      if (!method || given.signal.aborted) return;
      panel.stage(t`${called}: ${done} of ${total}`, done / total, { left: left.after(done, total), method });
      this.#emit("progress", { text: called, busy: true, model: panel.name, done, total });
    };
    let answer;
    slot.asking += 1;
    try {
      answer = await model.explain(question, { signal: until, progress });
      await this.#painter.paint(slot, { fresh: { question, answer, words: called }, signal: until });
    } catch (error) {
      if (!given.signal.aborted || signal.aborted) throw error;
    } finally {
      slot.asking -= 1;
    }
    if (given.signal.aborted) this.#givenUp(panel);
    await this.#painter.catchUp(slot);
    signal.throwIfAborted();
    if (given.signal.aborted) return;
    await this.#looking.show(slot);
    this.#tell(panel, question, answer, prediction);
  }

  /** The map before stays, where there is one. */
  #givenUp(panel) {
    if (panel.map) panel.stage();
    else panel.withoutMap(t`Cancelled.`);
  }

  /** An event of the element's own, which does not bubble: `error` and `progress` mean other things higher up. */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** The program and the models are there, as far as they could be opened. */
  #tellReady() {
    this.#emit("ready", { models: this.#ready.map(({ name }) => name) });
    this.#keeping.show();
  }

  /** Tells the page what was computed. */
  #tell({ name, description }, { class: index, against, method }, { values, channels }, { logits, probabilities }) {
    const code = (which) => (which === null ? null : description.classes[which].code);
    const gradient = method.name === "gradient" && against === null ? values : null;
    const detail = { model: name, code: code(index), against: code(against), method, size: description.size, channels, logits, probabilities, attribution: values, gradient };
    this.dispatchEvent(new CustomEvent("pellucid-saliency", { detail, bubbles: true, composed: true }));
  }

  // Display

  /** Another class was chosen. Models that were not done with the image yet start over. */
  async #explainAgain() {
    if (!this.#picture) return;
    const explain = async (slot, signal) => {
      const run = this.#run;
      try {
        await this.#explain(slot, signal);
      } catch (error) {
        if (!cancelled(error)) slot.panel.fail(error);
        else if (this.#run === run) {
          slot.panel.stage();
          await this.#painter.catchUp(slot).catch(heard);
        }
      }
    };
    await this.#compute(t`Computing saliency…`, ({ signal }) =>
      Promise.all(this.#ready.map((slot) => (slot.panel.prediction ? explain(slot, signal) : this.#present(slot, signal)))),
    );
  }

  #showLayers() {
    this.style.setProperty("--overlay", this.#display.opacity);
    this.dataset.place = this.#display.place;
    this.toggleAttribute("data-cause", this.#display.cause);
    for (const { panel } of this.#slots) panel.layOut(this.#display.place);
  }

  // What is going on

  /** Says what a job does; with none, that all is done. */
  #showJob(job, quiet) {
    this.toggleAttribute("data-busy", this.#jobs.busy);
    this.#cancel.hidden = !this.#jobs.stoppable;
    this.#emit("progress", { text: job?.text ?? "", busy: this.#jobs.busy, model: null, done: null, total: null });
    if (job) this.#say(job.text, { quiet });
    else this.#settle();
  }

  /** Says that all is done, and what came out. */
  #settle() {
    if (this.#trouble) return this.#say(this.#trouble);
    if (this.#jobs.stopped) return this.#say(t`Cancelled.`);
    const answers = this.#slots.flatMap(({ panel }) => {
      if (!panel.prediction || panel.prediction.predicted === null) return [];
      const { predicted } = panel.prediction;
      return [`${panel.name}: ${panel.description.classes[predicted].title}, ${said(panel.prediction, predicted)}`];
    });
    if (answers.length === 0) {
      if (this.#slots.length === 0) return this.#say(t`No models are installed beside this page: add your own.`);
      return this.#say(this.#ready.length > 0 ? t`Ready: give it an image.` : t`No model could be opened.`);
    }
    const time = this.#elapsed === undefined ? "" : t` in ${written((this.#elapsed / 1000).toFixed(1))} s`;
    this.#say(t`Computed on this device${time}.`);
    // The panels show the answers; a screen reader is told them.
    this.#status.prepend(h("span", { class: "unseen" }, `${answers.join("; ")}. `));
  }

  /** The line under the controls. Byte counts are `quiet`: a screen reader should not read each of them. */
  #say(text, { quiet = false } = {}) {
    this.#status.setAttribute("aria-live", quiet ? "off" : "polite");
    this.#status.textContent = text;
  }
}

/** What a model says of the image. */
function answer({ name, description, prediction }) {
  const { logits, probabilities, predicted } = prediction;
  const classes = description.classes.map(({ code, title }, index) => ({ code, title, score: logits[index], probability: probabilities?.[index] ?? null }));
  return { model: name, predicted: predicted === null ? null : description.classes[predicted].code, classes };
}

// A second copy of this module, under another address, finds the element defined and leaves it so.
if (!customElements.get("pellucid-viewer")) customElements.define("pellucid-viewer", PellucidViewer);
