import { h, list, offer, pill } from "./dom.js";
import { t } from "./language.js";
import { Methods } from "./methods.js";

/** With more classes than this, a list is easier than a row of buttons. */
const ROW = 8;

/** What is explained: a class, or what speaks for it rather than for another, and by which method. `onchange()` tells of another choice. */
export class Controls {
  /** The chosen class's code, or null for each model's own prediction. */
  code = null;
  /** The code of the class that it is held against, or null. */
  against = null;
  methods = new Methods();
  onchange;

  #classes = h("div", { class: "choice", role: "radiogroup", "aria-label": t`Class to explain` });
  #others = h("select", { "aria-label": t`Rather than` });
  #margin = h("span", { class: "hint", hidden: true }, t`By how much its score lies above the other's`);
  #known = [];
  /** The classes that a session asks for, until a model knows them or the person chooses. */
  #wanted;

  constructor() {
    this.methods.onchange = () => this.onchange?.();
    this.#others.onchange = () => {
      this.against = this.#others.value || null;
      this.#margin.hidden = this.against === null;
      this.#wanted = undefined;
      this.onchange?.();
    };
    this.element = h(
      "section",
      { class: "controls", part: "controls", "aria-label": t`What is explained` },
      h("div", { class: "control classes" }, h("span", { class: "label", "aria-hidden": "true" }, t`Explain`), this.#classes),
      h("div", { class: "control" }, h("label", {}, h("span", { class: "label", "aria-hidden": "true" }, t`rather than`), this.#others), this.#margin),
      this.methods.element,
    );
    this.setClasses([]);
  }

  /** The question for a model, where `index` is the number of its class that is explained. */
  question(description, index) {
    const against = this.against === null ? null : description.classes.findIndex(({ code }) => code === this.against);
    if (against === -1) throw new Error(t`This model does not know the class that the chosen one is held against.`);
    if (against === index) throw new Error(t`Here the class is held against itself: choose another one.`);
    return { class: index, against, method: this.methods.ask(description.size) };
  }

  /** What is chosen, as a session keeps it. */
  get settings() {
    return { code: this.code, against: this.against, method: this.methods.settings };
  }

  /** Chooses what a session kept: a class once a model knows it. */
  set settings({ code, against, method }) {
    const text = (value) => (typeof value === "string" ? value : null);
    if (method) this.methods.settings = method;
    this.#wanted = { code: text(code), against: text(against) };
    this.setClasses(this.#known);
  }

  /** The classes of all models together, each `{ code, title }`. */
  setClasses(classes) {
    const seen = new Map(classes.map((known) => [known.code, known]));
    this.#known = [...seen.values()];
    const { code, against } = this.#wanted ?? {};
    if (this.#wanted && [code, against].every((wanted) => wanted === null || seen.has(wanted))) {
      Object.assign(this, { code, against });
      this.#wanted = undefined;
    }
    if (!seen.has(this.code)) this.code = null;
    if (!seen.has(this.against)) this.against = null;
    this.#draw();
  }

  /** Chooses a class, as the person's click would. */
  choose(code) {
    this.#wanted = undefined;
    this.code = code;
    this.#draw();
    this.onchange?.();
  }

  #draw() {
    const choices = [{ code: null, title: t`Prediction` }, ...this.#known];
    offer(this.#others, [["", "–"], ...this.#known.map(({ code, title }) => [code, title])], this.against ?? "");
    this.#others.disabled = this.#known.length < 2;
    this.#margin.hidden = this.against === null;
    const hint = (code) => (code === null ? t`Each model's own prediction` : undefined);
    if (choices.length <= ROW + 1) {
      const pills = choices.map(({ code, title }) => pill("class", code ?? "", title, hint(code), code === this.code, () => this.choose(code)));
      const focused = this.#classes.getRootNode().activeElement?.closest?.(".choice") === this.#classes;
      this.#classes.replaceChildren(...pills);
      if (focused) this.#classes.querySelector("input:checked")?.focus();
    } else {
      const field = list(choices.map(({ code, title }) => [code ?? "", title]), this.code ?? "", { "aria-label": t`Class to explain` });
      field.onchange = () => this.choose(choices[field.selectedIndex].code);
      this.#classes.replaceChildren(field);
    }
  }
}
