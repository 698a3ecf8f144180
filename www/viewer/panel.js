import { draw, h, icon } from "./dom.js";
import { assumedList, settingsForm } from "./settings.js";
import { cancelled, said, sentence } from "./words.js";

/** Pixels each way of the picture on the screen. The map has the network's own; the browser scales both to the panel. */
export const SCREEN = 512;

/** Models with more classes than this show their most probable ones only. */
const MANY = 8;
const SHOWN_OF_MANY = 5;

const FLAGS = {
  non_finite: "Some gradients are not numbers; they are shown as zero.",
  all_zero: "The gradient is zero everywhere: no pixel changes this class's score.",
  tiny: "The gradient is tiny; what is shown at full contrast may be rounding noise.",
};

/** One model on the page: its name, its saliency over the picture, its probabilities. */
export class Panel {
  #picture = h("canvas", { class: "picture", width: SCREEN, height: SCREEN, "aria-hidden": "true" });
  #map = h("canvas", { class: "map", width: SCREEN, height: SCREEN, role: "img", "aria-label": "No saliency yet" });
  #cause = h("canvas", { class: "cause", "aria-hidden": "true" });
  #legend = h("canvas", { class: "legend", "aria-hidden": "true" });
  #bar = h("progress", { hidden: true, "aria-label": "Progress" });
  #word = h("span", { class: "word" });
  #again = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => this.onretry?.() }, "Try again");
  #caption = h("p", { class: "caption" });
  #note = h("p", { class: "note", hidden: true });
  #bars = h("ol", { class: "bars" });
  #settings = h("div");
  #refused = h("p", { class: "note refused", role: "alert", hidden: true });
  #form;
  #about = h("p", { class: "about" });

  /** What the person asked this panel for: set by whoever owns it. */
  onpick;
  onremove;
  onretry;
  onsettings;

  constructor(name) {
    this.name = name;
    const close = icon("M6 6l12 12", "M18 6L6 18");
    const remove = { type: "button", class: "remove", title: `Remove ${name}`, "aria-label": `Remove ${name}`, onclick: () => this.onremove?.() };
    this.element = h(
      "article",
      { class: "panel", "aria-label": name },
      h("header", {}, h("div", {}, h("h3", {}, name), this.#about), h("button", remove, close)),
      h(
        "div",
        { class: "plate" },
        this.#picture,
        this.#map,
        this.#cause,
        h("div", { class: "stage" }, this.#word, this.#bar, this.#again),
      ),
      h("div", { class: "key" }, this.#caption, this.#legend),
      this.#note,
      this.#bars,
      this.#settings,
      this.#refused,
    );
    this.stage("Waiting");
  }

  /** Says what is going on, over the plate; `fraction` moves the bar, `null` lets it wander. No words: nothing is. */
  stage(words, fraction) {
    this.element.toggleAttribute("data-busy", fraction !== undefined);
    this.#word.textContent = words ?? "";
    this.#word.parentElement.hidden = !words;
    this.#bar.hidden = fraction === undefined;
    if (typeof fraction === "number") this.#bar.value = fraction;
    else this.#bar.removeAttribute("value");
    this.#again.hidden = true;
    this.#word.removeAttribute("role");
  }

  /** Says what went wrong, in place of the picture. */
  fail(error, { retry = false } = {}) {
    this.stage("");
    this.#word.setAttribute("role", "alert");
    this.#word.textContent = cancelled(error) ? "Cancelled." : sentence(error);
    this.#word.parentElement.hidden = false;
    this.element.toggleAttribute("data-failed", !cancelled(error));
    this.#again.hidden = !retry;
  }

  /** Shows what is known of the model once it is open. */
  describe(description) {
    this.description = description;
    this.element.removeAttribute("data-failed");
    this.#about.textContent = description.training || `${description.size}×${description.size} pixels, ${description.classes.length} classes`;
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
    this.#refused.textContent = error ? `These settings do not fit the model, and the former ones stay: ${sentence(error)}` : "";
    this.#refused.hidden = !error;
  }

  /** The model waits for an image. */
  rest() {
    this.stage("Ready for an image");
  }

  /** Takes the former image's answers away. */
  clear() {
    this.prediction = undefined;
    this.explained = undefined;
    this.element.removeAttribute("data-failed");
    this.element.removeAttribute("data-shown");
    this.element.removeAttribute("data-mapped");
    this.#note.hidden = true;
    this.#caption.textContent = "";
    this.#bars.replaceChildren();
    this.#map.setAttribute("aria-label", "No saliency yet");
  }

  /** The picture, and the outline of what decides its class where that is known. */
  showPicture({ pixels, cause }) {
    draw(this.#picture, pixels);
    if (cause) draw(this.#cause, cause);
    this.element.toggleAttribute("data-shown", true);
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

  showMap(index, { pixels, scale, flag }, style) {
    this.explained = index;
    const { title } = this.description.classes[index];
    draw(this.#map, pixels);
    this.element.toggleAttribute("data-mapped", true);
    this.element.dataset.style = style;
    this.#map.setAttribute("aria-label", `Where ${this.name} looks for ${title}`);
    this.#caption.replaceChildren("Saliency for ", h("strong", {}, title));
    this.#caption.title = `The strongest colour stands for a gradient of ${scale.toPrecision(3)} per unit of input.`;
    this.#say(FLAGS[flag]);
    this.#drawBars();
  }

  showLegend(pixels) {
    this.#legend.width = pixels.length / 4;
    this.#legend.height = 1;
    this.#legend.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels), pixels.length / 4, 1), 0, 0);
  }

  /** There is a prediction, but no map, and this is why. */
  withoutMap(why) {
    this.stage();
    this.explained = undefined;
    this.element.removeAttribute("data-mapped");
    this.#caption.textContent = "";
    this.#say(why);
    this.#drawBars();
  }

  #say(note) {
    this.#note.textContent = note ?? "";
    this.#note.hidden = !note;
  }

  #drawBars() {
    const { logits, probabilities, predicted } = this.prediction;
    let shown = [...logits.keys()];
    if (shown.length > MANY) {
      shown.sort((a, b) => logits[b] - logits[a]);
      const rest = this.explained !== undefined && shown.indexOf(this.explained) >= SHOWN_OF_MANY ? [this.explained] : [];
      shown = [...shown.slice(0, SHOWN_OF_MANY), ...rest];
    }
    // Whoever chose a class with the keyboard stays on it.
    const focused = this.#bars.contains(this.#bars.getRootNode().activeElement) ? this.#bars.getRootNode().activeElement.dataset.code : undefined;
    const bars = shown.map((index) => this.#barOf(index, index === predicted));
    this.#bars.replaceChildren(...bars);
    if (focused !== undefined) bars.find((bar) => bar.firstChild.dataset.code === focused)?.firstChild.focus();
  }

  #barOf(index, predicted) {
    const { code, title } = this.description.classes[index];
    const probability = this.prediction.probabilities?.[index];
    const fill = h("span", { class: "fill" });
    fill.style.inlineSize = `${(probability || 0) * 100}%`;
    const button = h(
      "button",
      {
        type: "button",
        class: "bar",
        title: `Explain ${title}`,
        "aria-pressed": String(index === this.explained),
        onclick: () => this.onpick?.(code),
      },
      h("span", { class: "title" }, title, predicted ? h("span", { class: "tag" }, "predicted") : null),
      h("span", { class: "share" }, said(this.prediction, index)),
      // A bar's length is a share of a whole.
      probability === undefined ? null : h("span", { class: "track" }, fill),
    );
    button.dataset.code = code;
    button.toggleAttribute("data-predicted", predicted);
    return h("li", {}, button);
  }
}
