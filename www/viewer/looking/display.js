import { h, list, offer, pill } from "../dom.js";
import { t } from "../language.js";

/** What is shown of a map: its name, and what the numbers at the colour bar then are. */
const SIGNS = {
  absolute: [t`Magnitude`, t`magnitude`],
  all: [t`Signed`, t`+ for the class, − against it`],
  positive: [t`For`, t`for the class`],
  negative: [t`Against`, t`against the class`],
};
const PLACES = { over: [t`Over the image`], beside: [t`Beside it`], alone: [t`Alone`] };
/** The first of each is usual; all can be told apart by the colour-blind. */
const COLOURS = { one: [["blues", t`blue`], ["inferno", t`black to yellow`], ["grey", t`black to white`]], two: [["diverging", t`red for, blue against`], ["purple_green", t`green for, purple against`]] };
const CLIPS = [0, 0.5, 1, 2, 5].map((percent) => [percent, percent === 0 ? t`nothing` : t`${percent} % of the total`]);
const SMOOTHINGS = [0, 1, 2, 4, 8].map((pixels) => [pixels, pixels === 0 ? t`none` : `${pixels} ${pixels === 1 ? t`pixel` : t`pixels`}`]);
const OUTLINES = [[0, t`none`], ...[0.1, 0.25, 0.5, 0.75].map((share) => [share, t`from ${share * 100} % of the strongest colour`])];

/**
 * How maps are shown: none of it changes a number. `onstyle()` tells of what needs maps painted anew, `onlayers()` of what only lays
 * them otherwise.
 */
export class Display {
  sign = "absolute";
  place = "over";
  opacity = 0.8;
  clip = 1;
  smooth = 0;
  outline = 0;
  shared = false;
  cause = false;
  onstyle;
  onlayers;

  #colours = { one: "blues", two: "diverging" };
  #palette = h("select");
  #slider;
  #shared;
  /** The lists, by what they choose. */
  #fields = {};
  #outlineCause = h("input", { type: "checkbox" });
  #offer = h("label", { class: "check cause", hidden: true }, this.#outlineCause, t`outline the cause, the pixels that decide this sample's class`);

  constructor() {
    const slider = (this.#slider = h("input", { type: "range", min: 0, max: 100, value: this.opacity * 100, "aria-label": t`Overlay opacity`, class: "opacity" }));
    slider.oninput = () => {
      this.opacity = slider.value / 100;
      slider.setAttribute("aria-valuetext", `${slider.value} %`);
      this.onlayers?.();
    };
    const signs = this.#pills(t`Kind of map`, SIGNS, "sign", () => this.#offerColours());
    const places = this.#pills(t`Where the map is shown`, PLACES, "place", () => (slider.disabled = this.place !== "over"));
    const shared = (this.#shared = h("input", { type: "checkbox" }));
    shared.onchange = () => {
      this.shared = shared.checked;
      this.onstyle?.();
    };
    this.#palette.onchange = () => {
      this.#colours[this.#ways] = this.#palette.value;
      this.onstyle?.();
    };
    this.#outlineCause.onchange = () => this.#setCause(this.#outlineCause.checked);
    this.#offerColours();
    this.element = h(
      "section",
      { class: "controls display", part: "display", "aria-label": t`How maps are shown` },
      h("div", { class: "control" }, h("span", { class: "label", "aria-hidden": "true" }, t`Map`), signs),
      h("div", { class: "control" }, places),
      h("div", { class: "control" }, h("label", {}, h("span", { class: "label" }, t`Overlay`), slider), this.#offer),
      h(
        "details",
        { class: "more" },
        h("summary", {}, t`Colours, scale, smoothing`),
        h(
          "div",
          { class: "fields" },
          h("label", {}, t`Colours`, this.#palette),
          h("label", {}, t`Clip`, this.#number(CLIPS, "clip")),
          h("label", {}, t`Smoothing`, this.#number(SMOOTHINGS, "smooth")),
          h("label", {}, t`Outline`, this.#number(OUTLINES, "outline")),
          h("label", { class: "check" }, shared, t`same scale for all models`),
          h("p", {}, t`They change the picture only: the cross-hair, the shares and the distribution tell the raw values, summed over the colour channels.`),
        ),
      ),
    );
  }

  /** What `Style` is, but for a scale that maps share. */
  get style() {
    return { sign: this.sign, colours: this.colours, clip: this.clip, smooth: this.smooth, alone: this.place !== "over", scale: null };
  }

  /** All that a painting is shown by, as it is now. */
  get shown() {
    return { style: this.style, signed: this.signed, how: this.#how, outline: this.outline, shared: this.shared };
  }

  /** What the numbers at a colour bar are. */
  get #how() {
    const clipped = this.clip > 0 && !this.shared && t`${this.clip} % clipped`;
    const smoothed = this.smooth > 0 && t`smoothed by ${this.smooth} ${this.smooth === 1 ? t`pixel` : t`pixels`}`;
    return [SIGNS[this.sign][1], clipped, smoothed, this.shared && t`one scale for all`].filter(Boolean).join(", ");
  }

  /** What is chosen, as a session keeps it. */
  get settings() {
    const { sign, place, opacity, clip, smooth, outline, shared } = this;
    return { sign, place, opacity, clip, smooth, outline, shared, colours: { ...this.#colours } };
  }

  /** Chooses what a session kept, as far as it is still on offer. */
  set settings({ sign, place, opacity, shared, colours, ...numbers }) {
    if (Object.hasOwn(SIGNS, sign)) this.sign = sign;
    if (Object.hasOwn(PLACES, place)) this.place = place;
    if (typeof opacity === "number" && opacity >= 0 && opacity <= 1) this.opacity = opacity;
    this.shared = shared === true;
    for (const [key, choices] of Object.entries({ clip: CLIPS, smooth: SMOOTHINGS, outline: OUTLINES })) {
      const index = choices.findIndex(([value]) => value === numbers[key]);
      if (index < 0) continue;
      this[key] = choices[index][0];
      this.#fields[key].selectedIndex = index;
    }
    for (const ways of ["one", "two"]) if (COLOURS[ways].some(([name]) => name === colours?.[ways])) this.#colours[ways] = colours[ways];
    for (const key of ["sign", "place"]) this.element.querySelector(`input[name="${key}"][value="${this[key]}"]`).checked = true;
    this.#slider.value = this.opacity * 100;
    this.#slider.disabled = this.place !== "over";
    this.#shared.checked = this.shared;
    this.#offerColours();
    this.onlayers?.();
    this.onstyle?.();
  }

  get colours() {
    return this.#colours[this.#ways];
  }

  get signed() {
    return this.sign === "all";
  }

  /** Whether the open image's cause is known and can be outlined. */
  offerCause(known) {
    this.#offer.hidden = !known;
    this.#setCause(known && this.#outlineCause.checked);
  }

  get #ways() {
    return this.signed ? "two" : "one";
  }

  #setCause(shown) {
    this.cause = shown;
    this.onlayers?.();
  }

  #offerColours() {
    offer(this.#palette, COLOURS[this.#ways], this.colours);
  }

  #pills(label, choices, key, then) {
    const choose = (value) => {
      this[key] = value;
      then();
      this.onlayers?.();
      this.onstyle?.();
    };
    const pills = Object.entries(choices).map(([value, [text]]) => pill(key, value, text, undefined, value === this[key], () => choose(value)));
    return h("div", { class: "choice", role: "radiogroup", "aria-label": label }, ...pills);
  }

  #number(choices, key) {
    const field = (this.#fields[key] = list(choices, this[key]));
    field.onchange = () => {
      this[key] = choices[field.selectedIndex][0];
      this.onstyle?.();
    };
    return field;
  }
}
