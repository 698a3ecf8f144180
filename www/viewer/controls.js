import { h } from "./dom.js";

/** With more classes than this, a list is easier than a row of buttons. */
const ROW = 8;

/**
 * What is explained and how it is shown. `code` is the chosen class's code, or null for each model's own prediction;
 * `onclass()`, `onstyle()` and `onlayers()` tell of changes.
 */
export class Controls {
  code = null;
  style = "magnitude";
  alone = false;
  opacity = 0.8;
  cause = false;

  onclass;
  onstyle;
  onlayers;

  #classes = h("div", { class: "choice", role: "radiogroup", "aria-label": "Class to explain" });
  #known = [];
  #outline = h("input", { type: "checkbox" });
  #offer = h("label", { class: "check cause", title: "The pixels that decide a drawn sample's class", hidden: true }, this.#outline, "outline the cause");

  constructor() {
    const slider = h("input", { type: "range", min: 0, max: 100, value: this.opacity * 100, "aria-label": "Overlay opacity", class: "opacity" });
    slider.oninput = () => {
      this.opacity = slider.value / 100;
      slider.setAttribute("aria-valuetext", `${slider.value} %`);
      this.onlayers?.();
    };
    const style = (value) => {
      this.style = value;
      this.onstyle?.();
    };
    this.#outline.onchange = () => this.#setCause(this.#outline.checked);
    const alone = h("input", { type: "checkbox", class: "alone" });
    alone.onchange = () => {
      this.alone = alone.checked;
      slider.disabled = alone.checked;
      this.onstyle?.();
    };
    const styles = h("div", { class: "choice", role: "radiogroup", "aria-label": "Kind of map" });
    const kinds = { magnitude: ["Magnitude", "How much brightening or darkening a pixel changes the class's score"], signed: ["Signed", "Red: brightening the pixel raises the class's score; blue: it lowers it"] };
    styles.append(...Object.entries(kinds).map(([value, [label, title]]) => pill("style", value, label, title, value === this.style, () => style(value))));
    this.element = h(
      "section",
      { class: "controls", "aria-label": "Display" },
      h("div", { class: "control classes" }, h("span", { class: "label", "aria-hidden": "true" }, "Explain"), this.#classes),
      h("div", { class: "control" }, h("span", { class: "label", "aria-hidden": "true" }, "Map"), styles),
    );
    /** How strongly the map covers the image; stands apart from the rest. */
    this.overlay = h("div", { class: "control overlay" }, h("label", {}, h("span", { class: "label" }, "Overlay"), slider), h("label", { class: "check" }, alone, "without image"), this.#offer);
    this.setClasses([]);
  }

  /** Whether the open image's cause is known and can be outlined. */
  offerCause(known) {
    this.#offer.hidden = !known;
    this.#setCause(known && this.#outline.checked);
  }

  #setCause(shown) {
    this.cause = shown;
    this.onlayers?.();
  }

  /** The classes of all models together, each `{ code, title }`. */
  setClasses(classes) {
    const seen = new Map(classes.map((known) => [known.code, known]));
    this.#known = [...seen.values()];
    if (!seen.has(this.code)) this.code = null;
    this.#draw();
  }

  /** Chooses a class, as the person's click would. */
  choose(code) {
    this.code = code;
    this.#draw();
    this.onclass?.();
  }

  #draw() {
    const choices = [{ code: null, title: "Prediction" }, ...this.#known];
    const hint = (code) => (code === null ? "Each model's own prediction" : undefined);
    if (choices.length <= ROW + 1) {
      const pills = choices.map(({ code, title }) => pill("class", code ?? "", title, hint(code), code === this.code, () => this.choose(code)));
      const focused = this.#classes.getRootNode().activeElement?.closest?.(".choice") === this.#classes;
      this.#classes.replaceChildren(...pills);
      if (focused) this.#classes.querySelector("input:checked")?.focus();
    } else {
      const options = choices.map(({ code, title }) => h("option", { value: code ?? "", selected: code === this.code }, title));
      const list = h("select", { "aria-label": "Class to explain" }, ...options);
      list.onchange = () => this.choose(choices[list.selectedIndex].code);
      this.#classes.replaceChildren(list);
    }
  }
}

function pill(name, value, label, title, checked, onchange) {
  return h("label", { class: "pill", title: title ?? null }, h("input", { type: "radio", name, value, checked, onchange }), h("span", {}, label));
}
