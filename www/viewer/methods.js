import { h, list } from "./dom.js";
import { t } from "./language.js";

const BASELINES = [["black", t`black`], ["white", t`white`], ["value:0.5", t`grey`], ["blur:10", t`the image blurred`]];
const shares = (values) => values.map((value) => [value, `${Math.round(value * 100)} %`]);
const counts = (values) => values.map((value) => [value, String(value)]);

/**
 * The methods on offer, by their names on the command line: what they are called, what they show, what the answer is called, and
 * their parameters with what may be chosen and what is usual.
 */
const METHODS = {
  gradient: { label: t`Gradient`, answer: t`Saliency` },
  "input-x-gradient": { label: t`Input × gradient`, hint: t`The gradient times what the network is fed`, answer: t`Input × gradient` },
  smoothgrad: {
    label: t`SmoothGrad`,
    hint: t`The mean gradient of noisy copies of the image`,
    answer: t`SmoothGrad`,
    parameters: { samples: { label: t`copies`, choices: counts([10, 25, 50, 100]), usual: 25 }, sigma: { label: t`noise`, choices: shares([0.05, 0.1, 0.15, 0.2, 0.3]), usual: 0.15 } },
  },
  "integrated-gradients": {
    label: t`Integrated gradients`,
    hint: t`What each pixel adds to the score on the way from an image that shows nothing`,
    answer: t`Integrated gradients`,
    parameters: { steps: { label: t`steps`, choices: counts([20, 50, 100, 200]), usual: 50 }, baseline: { label: t`from`, choices: BASELINES, usual: "black" } },
  },
  "grad-cam": { label: t`Grad-CAM`, hint: t`Where the network's deepest features speak for the class`, answer: t`Grad-CAM` },
  occlusion: {
    label: t`Occlusion`,
    hint: t`How the score falls when a square of the image is covered`,
    answer: t`Occlusion`,
    parameters: { window: { label: t`square`, choices: shares([0.06, 0.12, 0.22, 0.33]), usual: 0.22 }, baseline: { label: t`covered with`, choices: BASELINES, usual: "value:0.5" } },
  },
};

/** Chooses a method and its parameters; `onchange()` tells of another choice. */
export class Methods {
  onchange = () => {};

  #name = "gradient";
  #chosen = Object.fromEntries(Object.entries(METHODS).map(([name, { parameters = {} }]) => [name, Object.fromEntries(Object.entries(parameters).map(([key, { usual }]) => [key, usual]))]));
  #parameters = h("span", { class: "parameters" });
  #hint = h("span", { class: "hint" });
  #names;

  constructor() {
    const names = (this.#names = list(Object.entries(METHODS).map(([name, { label }]) => [name, label]), this.#name, { "aria-label": t`Method` }));
    names.onchange = () => {
      this.#name = names.value;
      this.#offer();
      this.onchange();
    };
    this.element = h("div", { class: "control methods" }, h("label", {}, h("span", { class: "label", "aria-hidden": "true" }, t`Method`), names), this.#parameters, this.#hint);
  }

  get name() {
    return this.#name;
  }

  /** What the map is called. */
  get answer() {
    return METHODS[this.#name].answer;
  }

  /** Whether it takes many runs of the network. */
  get long() {
    return METHODS[this.#name].parameters !== undefined;
  }

  /** What is chosen, as a session keeps it. */
  get settings() {
    return { name: this.#name, ...this.#chosen[this.#name] };
  }

  /** Chooses what a session kept, as far as it is still on offer. */
  set settings({ name, ...parameters }) {
    if (!Object.hasOwn(METHODS, name)) return;
    this.#name = this.#names.value = name;
    for (const [key, { choices }] of Object.entries(METHODS[name].parameters ?? {})) {
      if (choices.some(([value]) => value === parameters[key])) this.#chosen[name][key] = parameters[key];
    }
    this.#offer();
  }

  /** What `Question.method` is for a network of this side. */
  ask(side) {
    const { window: share, ...rest } = this.#chosen[this.#name];
    if (share === undefined) return { name: this.#name, ...rest };
    const window = Math.max(1, Math.round(side * share));
    return { name: this.#name, ...rest, window, stride: Math.ceil(window / 2) };
  }

  #offer() {
    const chosen = this.#chosen[this.#name];
    const fields = Object.entries(METHODS[this.#name].parameters ?? {}).map(([key, { label, choices }]) => {
      const field = list(choices, chosen[key]);
      field.onchange = () => {
        chosen[key] = choices[field.selectedIndex][0];
        this.onchange();
      };
      return h("label", {}, h("span", { class: "label" }, label), field);
    });
    this.#parameters.replaceChildren(...fields);
    this.#hint.textContent = METHODS[this.#name].hint ?? "";
  }
}
