import { h } from "../dom.js";
import { t } from "../language.js";
import { percent, visible } from "../words.js";
import { agreement } from "./case.js";

/** Milliseconds after which rows are put in order again: a thousand of them are not sorted with every answer. */
const SETTLED = 1000;

const AGREEMENT = { agree: t`agree`, differ: t`differ` };

/** All images with every model's answer, one a row, sorted by any column; `onopen(case)` tells which one is wanted. */
export class Table {
  onopen = () => {};

  #head = h("thead");
  #body = h("tbody");
  #rows = new Map();
  #slots = [];
  #sort = { column: "", down: false };
  #later;

  constructor() {
    this.element = h("div", { class: "sheet", role: "region", "aria-label": t`Table of all images`, tabIndex: 0 }, h("table", {}, this.#head, this.#body));
  }

  add(one, number) {
    const open = h("button", { type: "button", class: "open", onclick: () => this.onopen(one) }, visible(one.path));
    const row = h("tr", {}, h("th", { scope: "row" }, open));
    this.#rows.set(one, { row, number });
    this.#body.append(row);
  }

  clear() {
    this.#rows.clear();
    this.#body.replaceChildren();
    this.#sort = { column: "", down: false };
    this.#drawHead();
  }

  /** The models whose answers are shown. */
  set models(slots) {
    this.#slots = slots;
    this.#drawHead();
    for (const one of this.#rows.keys()) this.#fill(one);
    this.#order();
  }

  /** Shows what is known of a case. */
  update(one) {
    this.#fill(one);
    if (this.#sort.column && !this.#later) this.#later = setTimeout(() => this.#order(), SETTLED);
  }

  mark(current) {
    for (const [one, { row }] of this.#rows) {
      if (one === current) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  /** The cases as they are sorted. */
  get sorted() {
    const { column, down } = this.#sort;
    const value = this.#columns().find(({ key }) => key === column)?.value ?? ((one) => this.#rows.get(one).number);
    const rows = [...this.#rows.keys()].map((one) => ({ one, value: value(one), number: this.#rows.get(one).number }));
    rows.sort((a, b) => compared(a.value, b.value, down) || a.number - b.number);
    return rows.map(({ one }) => one);
  }

  #columns() {
    const models = this.#slots.flatMap(({ name, opened }, index) => [
      { key: `class ${index}`, title: name, value: (one) => title(one.answer(opened), opened) },
      { key: `share ${index}`, title: t`probability`, label: t`${name}: probability`, value: (one) => share(one.answer(opened)) },
    ]);
    return [
      { key: "path", title: t`Image`, value: ({ path }) => path },
      ...models,
      ...(this.#slots.length > 1 ? [{ key: "agreement", title: t`Models`, label: t`Whether the models agree`, value: (one) => agreement(one, this.#slots) }] : []),
    ];
  }

  #drawHead() {
    const columns = this.#columns();
    if (!columns.some(({ key }) => key === this.#sort.column)) this.#sort = { column: "", down: false };
    const heads = columns.map(({ key, title, label }) => {
      const sorted = this.#sort.column === key;
      const arrow = h("span", { class: "arrow", "aria-hidden": "true" }, sorted ? (this.#sort.down ? "▼" : "▲") : "");
      const button = h("button", { type: "button", "aria-label": label ?? null, onclick: () => this.#sortBy(key) }, visible(title), arrow);
      button.dataset.column = key;
      return h("th", { scope: "col", "aria-sort": sorted ? (this.#sort.down ? "descending" : "ascending") : "none" }, button);
    });
    this.#head.replaceChildren(h("tr", {}, ...heads));
  }

  #sortBy(column) {
    this.#sort = { column, down: this.#sort.column === column && !this.#sort.down };
    this.#drawHead();
    this.#order();
    this.#head.querySelector(`[data-column="${column}"]`).focus();
  }

  #fill(one) {
    const { row } = this.#rows.get(one);
    const [name] = row.children;
    name.querySelector(".remark")?.remove();
    if (one.remark) name.append(h("small", { class: "remark" }, one.remark));
    if (one.refused) {
      const told = h("td", { colSpan: this.#columns().length - 1, class: one.wanted ? "open-question" : "refused" }, one.refused);
      return row.replaceChildren(...(this.#slots.length > 0 ? [name, told] : [name]));
    }
    const cells = this.#slots.flatMap(({ opened }) => answered(one.answer(opened), opened, one.working));
    const together = agreement(one, this.#slots);
    const last = this.#slots.length > 1 ? [h("td", { class: together ?? null }, together ? AGREEMENT[together] : "–")] : [];
    row.replaceChildren(name, ...cells, ...last);
  }

  /** Puts the rows into their order; the keyboard stays in its row. */
  #order() {
    clearTimeout(this.#later);
    this.#later = undefined;
    const rows = this.sorted.map((one) => this.#rows.get(one).row);
    if (rows.every((row, index) => row === this.#body.children[index])) return;
    const focused = this.#body.getRootNode().activeElement;
    this.#body.append(...rows);
    if (this.#body.contains(focused)) focused.focus({ preventScroll: true });
  }
}

function answered(answer, { description }, working) {
  if (!answer) return [h("td", { colSpan: 2, class: "open-question" }, working ? t`classifying…` : t`waiting`)];
  if (answer.failed) return [h("td", { colSpan: 2, class: "refused" }, answer.failed)];
  const { predicted, probabilities, logits } = answer.prediction;
  if (predicted === null) return [h("td", { colSpan: 2, class: "refused" }, t`The answer is not a number.`)];
  const number = probabilities ? percent(probabilities[predicted]) : t`score ${logits[predicted].toPrecision(4)}`;
  return [h("td", {}, description.classes[predicted].title), h("td", { class: "number" }, number)];
}

function title(answer, { description }) {
  const predicted = answer?.prediction?.predicted;
  return predicted === undefined || predicted === null ? undefined : description.classes[predicted].title;
}

function share(answer) {
  const { predicted, probabilities, logits } = answer?.prediction ?? {};
  return predicted === undefined || predicted === null ? undefined : (probabilities ?? logits)[predicted];
}

/** What has no value stands last, whichever way the others are sorted. */
function compared(a, b, down) {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const order = typeof a === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
  return down ? -order : order;
}
