import { t } from "../language.js";
import { number } from "../words.js";

/** A map whose largest value is below this holds nothing but the last bits of other numbers. */
const NOTHING = 1e-12;

/** Pixels of a colour bar. */
const LEGEND_WIDTH = 128;

/**
 * Has maps painted as `display` says, each by its own scale or all by the largest. `slots()` are the models; `legend(request)` asks for a
 * colour bar's pixels.
 */
export class Painter {
  #display;
  #slots;
  #legend;
  /** Counts the changes of style: only the latest is painted. */
  #turn = 0;

  constructor({ display, slots, legend }) {
    this.#display = display;
    this.#slots = slots;
    this.#legend = legend;
  }

  /** Another style was chosen. A map that is being computed is painted in it once it is there. */
  async repaint() {
    this.#turn += 1;
    for (const { panel } of this.#slots()) await this.bar(panel);
    for (const slot of this.#slots()) await this.catchUp(slot);
  }

  /** Paints a map that was painted in another style, or by another scale than those it is to share it with, unless the next is on its way. */
  async catchUp(slot) {
    if (!slot.panel.map || slot.asking > 0) return;
    const uneven = this.#display.shared && slot.scale > 0 && this.#painted().some((other) => other.shown !== slot.shown);
    if (uneven || slot.painted !== this.#turn) await this.paint(slot);
  }

  /**
   * Paints a model's map, and the others anew where they share its scale. With a `fresh` answer `{ question, answer, words }` the panel changes
   * to it once that is painted, all at once: nothing ever stands under another one's name.
   */
  async paint(slot, { fresh, signal } = {}) {
    const { model, panel } = slot;
    const { question, map } = fresh ? { question: fresh.question, map: fresh.answer.map } : panel;
    const current = () => (fresh ? !signal?.aborted : panel.map === map);
    const style = this.#display.shown;
    const turn = this.#turn;
    const why = nothing(map);
    if (!why && !model.holds(question)) panel.stage(t`Computing the map again`, null);
    const own = why ? undefined : await this.#ask(slot, question, style, null, signal);
    const others = style.shared && !why ? this.#painted().filter((other) => other !== slot) : [];
    const scale = Math.max(...others.map((other) => other.scale), own?.ownScale ?? 0);
    const painting = own && scale > own.ownScale ? await this.#ask(slot, question, style, scale, signal) : own;
    if (!current()) return;
    if (fresh) panel.showAnswer(fresh);
    panel.stage();
    slot.painted = turn;
    slot.scale = own?.ownScale ?? 0;
    if (why) panel.showNothing(why);
    else this.#show(slot, painting, style);
    for (const other of others) await this.#byScale(other, style, scale);
  }

  #painted() {
    return this.#slots().filter(({ panel, scale, asking }) => panel.map && scale > 0 && asking === 0);
  }

  async #byScale(slot, style, scale) {
    const { panel } = slot;
    const { map, question } = panel;
    if (!map) return;
    const painting = await this.#ask(slot, question, style, scale);
    if (panel.map === map) this.#show(slot, painting, style);
  }

  #show(slot, painting, style) {
    slot.shown = painting.scale;
    slot.panel.showPainting(painting, style);
  }

  #ask({ model }, question, { style }, scale, signal) {
    return model.paint(question, { ...style, scale }, { signal });
  }

  /** The colours of a panel's bar. */
  async bar(panel) {
    const { pixels } = await this.#legend({ colours: this.#display.colours, width: LEGEND_WIDTH });
    panel.showLegend(pixels);
  }
}

/** Why a map is not to be painted: it is zero, or as good as. Nothing where it can be. */
function nothing(map) {
  const most = map.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0);
  if (most >= NOTHING || map.some((value) => !Number.isFinite(value))) return undefined;
  if (most === 0) return t`The map is zero everywhere: by this method no pixel matters to this score.`;
  return t`The map's largest value is ${number(most)}. That is the rounding of other numbers, so it is not drawn.`;
}
