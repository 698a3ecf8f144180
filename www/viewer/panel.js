import { aboutModel } from "./about.js";
import { draw, h, icon } from "./dom.js";
import { Bars } from "./bars.js";
import { Take } from "./export/take.js";
import { t } from "./language.js";
import { edges } from "./looking/edges.js";
import { histogram } from "./looking/histogram.js";
import { mapPixel, Plate } from "./looking/plate.js";
import { outline } from "./looking/region.js";
import { LARGER } from "./looking/tools.js";
import { assumedList, settingsForm } from "./settings.js";
import { cancelled, number, sentence } from "./words.js";

/** A copy of what a canvas shows now. */
function duplicate(canvas) {
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  copy.getContext("2d").drawImage(canvas, 0, 0);
  return copy;
}

const HINT = t`Point at the image, tap it, or press arrow keys on it to read the map's values.`;

/** Aspects of a picture that a plate takes; narrower and wider ones leave room at their sides. */
const [NARROWEST, WIDEST] = [0.8, 1.6];

const FLAGS = {
  non_finite: t`Some values are not numbers; they are shown as zero.`,
  all_zero: t`Nothing of the kind that is shown is in this map.`,
  tiny: t`The map's values are tiny: what is shown at full contrast may be rounding noise.`,
};

/** One model on the page: its name, its saliency over the picture, its probabilities. */
export class Panel {
  #picture = h("canvas", { class: "picture", "aria-hidden": "true" });
  #map = h("canvas", { class: "map", "data-over": "crop", role: "img", "aria-label": t`No saliency yet` });
  #cause = h("canvas", { class: "cause", "data-over": "crop", "aria-hidden": "true" });
  #legend = h("canvas", { class: "legend", role: "img" });
  #ends = h("span", { class: "ends", "aria-hidden": "true" });
  /** What the bar's numbers are. */
  #how = h("span", { class: "how" });
  #bar = h("progress", { hidden: true, "aria-label": t`Progress` });
  #word = h("span", { class: "word" });
  /** How long it takes still. */
  #left = h("span", { class: "time-left" });
  #giveUp = h("button", { type: "button", class: "give-up", hidden: true, onclick: () => this.ongiveup?.() }, icon("M6 6l12 12", "M18 6L6 18"));
  #again = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => this.onretry?.() }, t`Try again`);
  #caption = h("p", { class: "caption" });
  #reading = h("p", { class: "reading" });
  #share = h("p", { class: "note share-inside", "aria-live": "polite", hidden: true });
  #figures = h("details", { class: "figures", hidden: true }, h("summary", {}, t`Distribution of the map`));
  #note = h("p", { class: "note", hidden: true });
  #bars = new Bars();
  #card = h("div", { class: "card-words" });
  #settings = h("div", { class: "settings-of" });
  #refused = h("p", { class: "note refused", role: "alert", hidden: true });
  #form;
  #about = h("p", { class: "about" });
  #sides;
  #remark;
  #flag;
  #take;
  /** The paths of the map's pixels that are outlined: the strongest, and the region. */
  #contour = "";
  #region = "";
  /** What its bar's numbers are, `{ scale, signed, how }`; nothing where no map is painted. */
  #painted;
  /** What the map is called. */
  #words;
  #shape;

  /** What the network sees of the picture, `{ crop, grid }`: a rectangle of it, and the side of its maps. */
  sight;
  /** The question whose answer is shown. */
  question;
  /** The map's raw values, one per pixel of the network's input, summed over the channels; nothing where there is none. */
  map;
  /** The two plates: for the picture, and for the map where that stands beside it. */
  plates;

  /** The method's raw answer, `[channels, H, W]`, and the number of channels. */
  answer;

  /** What the person asked this panel for: set by whoever owns it. */
  onpick;
  onremove;
  onretry;
  ongiveup;
  onfail;
  onsettings;
  onenlarge;
  /** Asked for what the panel itself does not know of what it shows: `{ image, file, opacity, place, cause }`. */
  onsnapshot;

  constructor(name, view) {
    this.name = name;
    const keys = t`Arrow keys move the cross-hair, plus and minus zoom, 0 shows the whole picture, H held hides the map`;
    this.plates = [new Plate(view, t`Image of ${name}. ${keys}`), new Plate(view, t`Map of ${name}. ${keys}`)];
    const [front, side] = this.plates;
    front.put(this.#picture, this.#map, this.#cause);
    side.element.classList.add("side");
    const larger = icon(...LARGER);
    const enlarge = { type: "button", class: "enlarge", title: t`Show ${name} on the full screen`, "aria-label": t`Enlarge ${name}`, onclick: () => this.onenlarge?.() };
    this.#sides = h("div", { class: "plates", part: "pictures" }, front.element, side.element, h("button", enlarge, larger), h("div", { class: "stage" }, this.#word, this.#bar, this.#left, this.#giveUp, this.#again));
    this.#bars.onpick = (code) => this.onpick?.(code);
    this.#figures.ontoggle = () => this.#drawFigures();
    const close = icon("M6 6l12 12", "M18 6L6 18");
    const remove = { type: "button", class: "remove", title: t`Remove ${name}`, "aria-label": t`Remove ${name}`, onclick: () => this.onremove?.() };
    this.#take = new Take(name, () => this.snapshot());
    this.element = h(
      "article",
      { class: "panel", part: "panel", "aria-label": name },
      h("header", {}, h("div", {}, h("h3", {}, name), this.#about), h("button", remove, close)),
      this.#sides,
      this.#reading,
      h("div", { class: "key" }, this.#caption, h("div", { class: "scale" }, this.#legend, this.#ends, this.#how)),
      this.#share,
      this.#note,
      this.#bars.element,
      this.#figures,
      this.#take.element,
      this.#card,
      this.#settings,
      this.#refused,
    );
    this.stage(t`Waiting`);
  }

  /**
   * Says what is going on, over the plate; `fraction` moves the bar, `null` lets it wander. No words: nothing is. `left` says how long it takes still, and
   * `method` is what may be given up.
   */
  stage(words, fraction, { left = "", method } = {}) {
    // Whoever works with the keyboard goes on at the picture; what is hidden has lost the focus before it can be asked for.
    if (!method && this.element.getRootNode().activeElement === this.#giveUp) this.plates[0].element.focus();
    this.element.toggleAttribute("data-busy", fraction !== undefined);
    this.#word.textContent = words ?? "";
    this.#word.parentElement.hidden = !words;
    this.#bar.hidden = fraction === undefined;
    if (typeof fraction === "number") this.#bar.value = fraction;
    else this.#bar.removeAttribute("value");
    this.#again.hidden = true;
    this.#left.textContent = left;
    this.#giveUp.hidden = !method;
    if (method) this.#giveUp.title = t`Give up ${method} of ${this.name}`;
    this.#giveUp.setAttribute("aria-label", this.#giveUp.title);
    this.#word.removeAttribute("role");
  }

  /** Says what went wrong, in place of the picture. */
  fail(error, { retry = false } = {}) {
    this.stage("");
    this.onfail?.(error);
    this.#word.setAttribute("role", "alert");
    this.#word.textContent = cancelled(error) ? t`Cancelled.` : sentence(error);
    this.#word.parentElement.hidden = false;
    this.element.toggleAttribute("data-failed", !cancelled(error));
    this.#again.hidden = !retry;
  }

  /** Shows what is known of the model once it is open. */
  describe(description) {
    this.description = description;
    this.element.removeAttribute("data-failed");
    this.#about.textContent = description.training || t`${description.size}×${description.size} pixels, ${description.classes.length} classes`;
    this.#card.replaceChildren(...[aboutModel(description.about)].filter(Boolean));
    this.#assume();
    this.rest();
  }

  /** Shows what was assumed of the model, and the settings that correct it. */
  #assume() {
    const { description } = this;
    const ofAnswer = this.prediction?.assumed;
    const assumed = [...description.assumed, ...(ofAnswer ? [ofAnswer] : [])];
    const form = !description.hasCard || this.corrected || assumed.length > 0;
    if (!this.#settings.firstChild || !ofAnswer) this.#form = form && settingsForm(description, (card) => this.onsettings?.(card));
    this.#settings.replaceChildren(...(assumed.length > 0 ? [assumedList(assumed)] : []), ...(this.#form ? [this.#form] : []));
  }

  /** Says why settings were not taken; those before them still hold. */
  refuseSettings(error) {
    this.#refused.textContent = error ? t`These settings do not fit the model, and the former ones stay: ${sentence(error)}` : "";
    this.#refused.hidden = !error;
  }

  /** The model waits for an image. */
  rest() {
    this.stage(t`Ready for an image`);
  }

  /** Takes the former image's answers away. */
  clear() {
    this.prediction = undefined;
    this.sight = undefined;
    this.element.removeAttribute("data-failed");
    this.element.removeAttribute("data-shown");
    this.#bars.clear();
    this.#forget();
  }

  #forget() {
    this.explained = undefined;
    this.question = undefined;
    this.map = undefined;
    this.answer = undefined;
    this.#painted = undefined;
    this.#contour = "";
    this.#take.hidden = true;
    this.element.removeAttribute("data-mapped");
    this.#remark = this.#flag = undefined;
    this.#sayNotes();
    this.#caption.textContent = "";
    this.#share.hidden = true;
    this.#figures.hidden = true;
    this.#map.setAttribute("aria-label", t`No saliency yet`);
    for (const plate of this.plates) plate.contour = "";
  }

  /** The whole picture `{ width, height, pixels }`, `shape` its own width and height. */
  showPicture({ width, pixels }, shape) {
    draw(this.#picture, pixels, width);
    this.#shape = shape;
    const aspect = Math.min(Math.max(shape.width / shape.height, NARROWEST), WIDEST);
    this.#sides.style.setProperty("--aspect", aspect);
    this.element.toggleAttribute("data-shown", true);
  }

  /** What the network sees of it, and the outline of what decides its class where that is known. */
  showSight({ crop, cause }) {
    this.sight = { crop, grid: this.description.size };
    if (cause) draw(this.#cause, cause);
    for (const plate of this.plates) plate.sees(crop, this.description.size);
  }

  showPrediction(prediction) {
    this.prediction = prediction;
    if (prediction.assumed) this.#assume();
    this.#drawBars();
  }

  /** The number of the class that a choice means for this model: its own prediction where nothing is chosen. */
  classFor(code) {
    return code === null ? this.prediction.predicted : this.description.classes.findIndex((known) => known.code === code);
  }

  /** The answer to a question; `words` says what its map is called. */
  showAnswer({ question, answer: { map, remark, values, channels }, words }) {
    const { class: index, against } = question;
    this.answer = { values, channels };
    this.#words = words;
    this.#painted = undefined;
    this.#take.hidden = false;
    this.question = question;
    this.explained = index;
    this.map = map;
    const title = (which) => this.description.classes[which].title;
    const than = against === null ? "" : t` rather than ${title(against)}`;
    this.#remark = remark;
    this.#flag = undefined;
    this.#caption.replaceChildren(t`${words} for `, h("strong", {}, title(index)), than);
    this.#map.setAttribute("aria-label", t`Where ${this.name} looks for ${title(index)}${than}`);
    this.#figures.hidden = false;
    this.#drawFigures();
    this.#drawBars();
  }

  /** A map that is not painted, and why. */
  showNothing(why) {
    this.element.removeAttribute("data-mapped");
    this.#contour = "";
    this.#painted = undefined;
    for (const plate of this.plates) plate.contour = "";
    this.#flag = why;
    this.#sayNotes();
  }

  /** The map as it is to be seen. */
  showPainting({ pixels, strengths, scale, flag }, { style, signed, how, outline: from }) {
    draw(this.#map, pixels);
    this.element.toggleAttribute("data-mapped", true);
    this.element.dataset.style = style.sign;
    const grid = this.sight.grid;
    const path = from > 0 ? edges(grid, grid, (x, y) => Math.abs(strengths[y * grid + x]) >= from) : "";
    for (const plate of this.plates) plate.contour = path;
    this.#contour = path;
    this.#painted = { scale, signed, how };
    const ends = signed ? [-scale, 0, scale] : [0, scale / 2, scale];
    this.#ends.replaceChildren(...ends.map((value) => h("span", {}, number(value))));
    this.#legend.setAttribute("aria-label", t`Colours from ${number(ends[0])} to ${number(scale)}`);
    this.#how.textContent = how;
    this.#flag = FLAGS[flag];
    this.#sayNotes();
  }

  showLegend(pixels) {
    draw(this.#legend, pixels, pixels.length / 4);
  }

  /** Puts the map on the picture, or beside it. */
  layOut(place) {
    const [front, side] = this.plates;
    (place === "beside" ? side : front).put(this.#map);
    front.put(this.#cause);
  }

  /** There is a prediction, but no map, and this is why. */
  withoutMap(why) {
    this.stage();
    this.#forget();
    this.#flag = why;
    this.#sayNotes();
    this.#drawBars();
  }

  /** The cross-hair at a pixel of the picture, and in words what is there; `spoken` to a screen reader too. */
  pointAt(place, spoken = false) {
    for (const plate of this.plates) plate.cross = place;
    this.#reading.setAttribute("aria-live", spoken ? "polite" : "off");
    this.#reading.textContent = place ? this.#read(place) : this.map ? HINT : "";
    this.#reading.toggleAttribute("data-hint", !place);
  }

  #read(place) {
    const where = `x ${Math.floor(place.x)}, y ${Math.floor(place.y)}`;
    if (!this.sight) return where;
    const { crop, grid } = this.sight;
    const at = mapPixel(place, crop, grid);
    if (!at) return t`${where}: outside what the network sees`;
    if (!this.map) return where;
    return t`${where} · map ${at.x}, ${at.y}: raw value ${number(this.map[at.y * grid + at.x], 6)}`;
  }

  /** A region, a byte for each pixel of the map, and what it holds in words; nothing takes both away. */
  showRegion(inside, words) {
    const path = inside ? outline(inside, this.sight.grid) : "";
    for (const plate of this.plates) plate.region = path;
    this.#region = path;
    this.#share.textContent = words ?? "";
    this.#share.hidden = !words;
  }

  /** All that is shown at this moment, as `export/` takes it; nothing before there is an answer. Without a map there is no `question`. */
  snapshot() {
    const { name, description, prediction, question, sight } = this;
    if (!prediction || !sight) return undefined;
    const { image, file, opacity, place, cause } = this.onsnapshot();
    const { width, height } = this.#shape;
    const copied = (canvas) => (canvas.width > 0 && canvas.height > 0 ? duplicate(canvas) : undefined);
    const layers = {
      picture: { canvas: copied(this.#picture), width: this.#picture.width, height: this.#picture.height, fullWidth: width, fullHeight: height },
      map: this.#painted && copied(this.#map),
      cause: cause ? copied(this.#cause) : undefined,
      legend: copied(this.#legend),
      crop: sight.crop,
      grid: sight.grid,
      contour: this.#contour,
      region: this.#region,
      opacity,
      place,
    };
    const notes = [this.#flag, this.#remark].filter(Boolean).join(" ");
    const share = this.#share.hidden ? "" : this.#share.textContent;
    const assumed = [...description.assumed, ...(prediction.assumed ? [prediction.assumed] : [])].map(({ text }) => text);
    return { image, file, name, description, prediction, question, words: this.#words, ...this.answer, size: description.size, painted: this.#painted, notes, share, assumed, layers, shape: this.#shape };
  }

  #drawFigures() {
    if (this.#figures.open && this.map) this.#figures.replaceChildren(this.#figures.firstChild, histogram(this.map));
  }

  #sayNotes() {
    const notes = [this.#flag, this.#remark].filter(Boolean).join(" ");
    this.#note.textContent = notes;
    this.#note.hidden = !notes;
  }

  #drawBars() {
    this.#bars.show(this.description, this.prediction, this.explained);
  }
}
