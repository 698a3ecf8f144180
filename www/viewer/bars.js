import { h } from "./dom.js";
import { t } from "./language.js";
import { said } from "./words.js";

/** Models with more classes than this show their most probable ones only. */
const MANY = 8;
const SHOWN_OF_MANY = 5;

/** What a model says of each class; `onpick(code)` tells which one is to be explained. */
export class Bars {
  element = h("ol", { class: "bars", part: "answers" });
  onpick = () => {};

  clear() {
    this.element.replaceChildren();
  }

  /** A model's answer; `explained` is the number of the class that the map is for. */
  show({ classes }, prediction, explained) {
    const { logits, predicted } = prediction;
    let shown = [...logits.keys()];
    if (shown.length > MANY) {
      shown.sort((a, b) => logits[b] - logits[a]);
      const rest = explained !== undefined && shown.indexOf(explained) >= SHOWN_OF_MANY ? [explained] : [];
      shown = [...shown.slice(0, SHOWN_OF_MANY), ...rest];
    }
    // Whoever chose a class with the keyboard stays on it.
    const active = this.element.getRootNode().activeElement;
    const focused = this.element.contains(active) ? active.dataset.code : undefined;
    const bars = shown.map((index) => this.#bar(classes[index], prediction, index, { predicted: index === predicted, explained: index === explained }));
    this.element.replaceChildren(...bars);
    if (focused !== undefined) bars.find((bar) => bar.firstChild.dataset.code === focused)?.firstChild.focus();
  }

  #bar({ code, title }, prediction, index, { predicted, explained }) {
    const probability = prediction.probabilities?.[index];
    const fill = h("span", { class: "fill" });
    fill.style.inlineSize = `${(probability || 0) * 100}%`;
    const button = h(
      "button",
      { type: "button", class: "bar", title: t`Explain ${title}`, "aria-pressed": String(explained), onclick: () => this.onpick(code) },
      h("span", { class: "title" }, title, predicted ? h("span", { class: "tag" }, t`predicted`) : null),
      h("span", { class: "share" }, said(prediction, index)),
      // A bar's length is a share of a whole.
      probability === undefined ? null : h("span", { class: "track" }, fill),
    );
    button.dataset.code = code;
    button.toggleAttribute("data-predicted", predicted);
    return h("li", {}, button);
  }
}
