import { draw, h } from "../dom.js";
import { t } from "../language.js";
import { said, visible } from "../words.js";
import { inWords } from "./recorded.js";

/** Of more models than this, the table alone tells everything. */
const TOLD = 3;

/**
 * The images at hand, each with its small picture and what the models say; `onopen(case)` tells which one is wanted.
 *
 * One stop of the Tab key: arrow keys, Home and End go from one to the next.
 */
export class Strip {
  element = h("ol", { class: "strip", "aria-label": t`Images at hand`, hidden: true });
  onopen = () => {};

  #rows = new Map();
  /** The one that the Tab key stops at. */
  #tabbed;

  constructor() {
    this.element.onkeydown = (event) => this.#key(event);
  }

  add(one) {
    const canvas = h("canvas", { "aria-hidden": "true" });
    const told = h("span", { class: "told" });
    const where = one.folder ? h("small", {}, visible(one.folder)) : null;
    const words = h("span", { class: "words" }, h("span", { class: "name" }, visible(one.name)), where, told);
    const button = h("button", { type: "button", "aria-pressed": "false", tabIndex: this.#rows.size === 0 ? 0 : -1, onclick: () => this.onopen(one) }, canvas, words);
    // A row that is gone to by keys is the one that Tab comes back to.
    button.onfocus = () => this.#stop(button);
    if (this.#rows.size === 0) this.#tabbed = button;
    this.#rows.set(one, { button, canvas, told });
    this.element.append(h("li", {}, button));
  }

  clear() {
    this.#rows.clear();
    this.element.replaceChildren();
  }

  /** Shows what is known of a case. */
  update(one, slots) {
    const { button, told } = this.#rows.get(one);
    button.toggleAttribute("data-refused", one.refused !== undefined && !one.wanted);
    button.toggleAttribute("data-wanted", one.wanted);
    button.toggleAttribute("data-working", one.working);
    const recorded = one.wanted ? (one.recorded ?? []).slice(0, TOLD).map((answer) => t`Recorded of ${visible(answer.name ?? t`a model`)}: ${inWords(answer)}`) : [];
    told.replaceChildren(...(one.refused ? [one.refused, ...recorded] : lines(one, slots)).map((line) => h("span", {}, line)));
    if (one.remark) told.append(h("span", { class: "remark" }, one.remark));
  }

  thumbnail(one, pixels) {
    const row = this.#rows.get(one);
    if (row) draw(row.canvas, pixels);
  }

  /** Marks the one that the page shows, if it shows one of them. */
  mark(current) {
    for (const [one, { button }] of this.#rows) button.setAttribute("aria-pressed", String(one === current));
    const button = this.#rows.get(current)?.button;
    if (!button) return;
    this.#stop(button);
    const [strip, row] = [this.element, button.parentElement];
    // Within the strip alone: the page stays where it is.
    if (row.offsetTop < strip.scrollTop || row.offsetTop + row.offsetHeight > strip.scrollTop + strip.clientHeight) strip.scrollTop = row.offsetTop;
    if (row.offsetLeft < strip.scrollLeft || row.offsetLeft + row.offsetWidth > strip.scrollLeft + strip.clientWidth) strip.scrollLeft = row.offsetLeft;
  }

  #stop(wanted) {
    if (this.#tabbed) this.#tabbed.tabIndex = -1;
    this.#tabbed = wanted;
    wanted.tabIndex = 0;
  }

  #key(event) {
    const buttons = [...this.#rows.values()].map(({ button }) => button);
    const at = buttons.indexOf(event.target);
    const steps = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    buttons[Math.min(Math.max(steps[event.key], 0), buttons.length - 1)].focus();
  }
}

function lines(one, slots) {
  if (slots.every(({ opened }) => !one.answer(opened))) return [one.working ? t`Classifying…` : t`Waiting`];
  const told = slots.slice(0, TOLD).map(({ name, opened }) => `${name}: ${inShort(one.answer(opened), opened)}`);
  return slots.length > TOLD ? [...told, t`and ${slots.length - TOLD} more`] : told;
}

/** A model's answer in a few words. */
export function inShort(answer, { description }) {
  if (!answer) return "…";
  if (answer.failed) return answer.failed;
  const { predicted } = answer.prediction;
  if (predicted === null) return t`not a number`;
  const score = answer.prediction.probabilities ? "" : "score ";
  // A number and its unit stay on one line.
  return `${description.classes[predicted].title}, ${score}${said(answer.prediction, predicted).replaceAll(" ", "\u00a0")}`;
}
