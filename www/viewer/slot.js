import { download } from "./download.js";
import { fetchModel, notAPage } from "./fetching.js";
import { aborted, anyOf, unless } from "./jobs.js";
import { t } from "./language.js";
import { Model } from "./model.js";
import { Panel } from "./panel.js";
import { pool } from "./pool.js";
import { cancelled, megabytes } from "./words.js";

/**
 * The place of one model, from its file to its answers.
 *
 *     waiting → loading → preparing → ready
 *
 * A file that is there already is prepared at once. From each state it may come to `failed`, from which it can be tried again,
 * and to `removed`, from which nothing leads on. The state stands in the panel's `data-state`.
 */
export class Slot {
  /** `url` and `cardUrl`, or `blob` and `card` (a JSON text): what the model is made from. */
  source;
  state = "waiting";
  /** How many questions are being answered: until that is done, no map is painted. */
  asking = 0;
  /** What the strongest colour of its map would stand for by its own scale, 0 where nothing is painted, and what it stands for. */
  scale = 0;
  shown = 0;
  /** Which of the styles that were chosen its map is painted in. */
  painted = -1;
  /** The model as it was opened, `{ description }`: another one after other settings were taken. */
  opened;
  #life = new AbortController();
  #model;

  constructor(name, source, view) {
    this.name = name;
    this.source = source;
    this.panel = new Panel(name, view);
    this.#to("waiting");
  }

  /** Aborted when the model is removed. */
  get life() {
    return this.#life.signal;
  }

  get ready() {
    return this.state === "ready";
  }

  get model() {
    return this.#model;
  }

  /** Downloads the file, if it is not there yet. `say(words)` is told how far it is. */
  async load(signal, say) {
    if (this.source.blob) return;
    this.#to("loading");
    await this.#attempt(async () => {
      const { url, cardUrl, sha256 } = this.source;
      const until = anyOf([signal, this.life]);
      const progress = (done, total) => {
        this.panel.stage(t`Loading ${megabytes(done, total)}`, total ? done / total : null);
        say(megabytes(done, total), { quiet: done > 0 });
      };
      const card = cardUrl && (await notAPage(await download(cardUrl, { signal: until }), cardUrl).text());
      const blob = await fetchModel(url, sha256, { signal: until, progress });
      this.source = { ...this.source, blob, card };
    });
  }

  /**
   * Opens the model. `program` is a promise of the compiled module; `card`, where given, takes the place of the source's own. If
   * the model cannot be opened with it, the former one stays and the error tells why.
   */
  async prepare(program, signal, card = this.source.card) {
    const { panel } = this;
    const former = this.source.card;
    const again = this.ready;
    this.#to("preparing");
    panel.clear();
    panel.stage(t`Preparing`, null);
    await this.#attempt(async () => {
      const until = anyOf([signal, this.life]);
      const module = await unless(until, program);
      this.#model ??= new Model(pool.seat(module, this.source.blob.size));
      let refused;
      try {
        panel.describe(await this.#model.open(this.source.blob, { card, signal: until }));
        this.source.card = card;
      } catch (error) {
        if (!again || until.aborted) throw error;
        refused = error;
        panel.describe(await this.#model.open(this.source.blob, { card: former, signal: until }));
      }
      this.opened = { description: panel.description };
      this.#to("ready");
      panel.refuseSettings(refused);
    });
  }

  remove() {
    this.#to("removed");
    this.#life.abort(aborted("removed"));
    this.#model?.close();
    this.panel.element.remove();
  }

  async #attempt(work) {
    try {
      await work();
    } catch (error) {
      if (this.state !== "removed") {
        // What broke on the way may come through the next time; a file that is no model stays none.
        const retry = this.state === "loading" || cancelled(error);
        this.#to("failed");
        this.panel.fail(error, { retry });
      }
      throw error;
    }
  }

  #to(state) {
    if (this.state === "removed") throw aborted("removed");
    this.state = state;
    this.panel.element.dataset.state = state;
  }
}
