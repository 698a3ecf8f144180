import { t } from "../language.js";
import { cancelled } from "../words.js";
import { isFullScreen, toggleFullScreen } from "./fullscreen.js";
import { STEP } from "./plate.js";
import { Region, told } from "./region.js";
import { Tools } from "./tools.js";
import { View } from "./view.js";

/** Lines of a region closer than this many pixels of the picture to the last corner add nothing. */
const APART = 0.5;

const HOW_TO_DRAW = t`Draw around the region with the pointer, or set corners with the arrow keys and Enter and close it with the space bar.`;

/**
 * What the person does with the pictures, in all panels at once: zooming, pointing, drawing a region, hiding the maps.
 *
 * `slots()` are the models; `mask(file, input)` reads a mask as a network sees it; `say(words)` tells how to go on (nothing:
 * that all is done) and `refuse(error)` what cannot be done.
 */
export class Looking {
  view = new View();
  tools = new Tools(STEP);

  #host;
  #results;
  #slots;
  #mask;
  #say;
  #refuse;
  #place;
  #region;
  #corners = [];
  /** The plate that was used last. */
  #plate;

  constructor({ host, results, slots, mask, say, refuse }) {
    this.#host = host;
    this.#results = results;
    this.#slots = slots;
    this.#mask = mask;
    this.#say = say;
    this.#refuse = refuse;
    this.view.onchange = () => this.#eachPlate((plate) => plate.draw());
    const { tools, view } = this;
    const middle = (box) => ({ x: box.width / 2, y: box.height / 2 });
    tools.onzoom = (factor) => this.#withBox((box) => view.zoomAt(factor, middle(box), box));
    tools.onwhole = () => view.whole();
    tools.oncrop = () => this.#withBox((box) => view.show(this.#crop(), box));
    tools.onhide = (hidden) => this.#hide(hidden);
    tools.onfull = () => this.#full(results);
    tools.ondraw = (on) => this.#draw(on);
    tools.onmask = (file) => this.readMask(file);
    tools.onclear = () => this.#use(undefined);
  }

  /** Another picture is open, of this size. */
  open({ width, height }) {
    this.#place = undefined;
    this.#use(undefined);
    this.view.open(width, height);
    for (const { panel } of this.#slots()) panel.pointAt(undefined);
  }

  /** Listens to a panel. */
  take(panel) {
    panel.onenlarge = () => this.#full(panel.element);
    for (const plate of panel.plates) {
      plate.onpoint = (place, how) => {
        this.#plate = plate;
        this.#point(place, how === "key" ? panel : undefined);
      };
      plate.onstroke = (place, phase) => this.#stroke(place, phase);
      plate.onkey = (event) => this.#key(event, panel);
      plate.drawing = this.tools.drawing;
      const { element } = plate;
      element.addEventListener("keyup", ({ key }) => key.toLowerCase() === "h" && this.#hide(false));
      element.addEventListener("blur", () => this.#hide(false));
    }
    for (const element of [panel.element, this.#results]) element.addEventListener("fullscreenchange", () => this.#settle());
  }

  /** A model's map is another one: what is said of it has to be said anew. */
  async show(slot) {
    slot.panel.pointAt(this.#place);
    await this.#tell(slot);
  }

  /** Takes a mask's file for the region. */
  readMask(file) {
    if (this.#slots().some(({ panel }) => panel.sight)) this.#use(Region.from(file));
    else this.#refuse(new Error(t`A mask belongs to an image: open that first.`));
  }

  #crop() {
    const seen = this.#slots().find(({ panel }) => panel.sight);
    return seen ? seen.panel.sight.crop : [0, 0, this.view.width, this.view.height];
  }

  #withBox(act) {
    const plates = this.#slots().flatMap(({ panel }) => panel.plates);
    const visible = (plate) => plate?.element.isConnected && plate.box.width > 0;
    const plate = visible(this.#plate) ? this.#plate : plates.find(visible);
    if (plate) act(plate.box);
  }

  #eachPlate(act) {
    for (const { panel } of this.#slots()) for (const plate of panel.plates) act(plate);
  }

  #hide(hidden) {
    this.#host.toggleAttribute("data-hide-map", hidden);
  }

  #full(element) {
    toggleFullScreen(element).catch((error) => this.#refuse(error));
  }

  #settle() {
    this.tools.full = isFullScreen(this.#results);
  }

  #point(place, spoken) {
    this.#place = place;
    for (const { panel } of this.#slots()) panel.pointAt(place, panel === spoken);
  }

  #key(event, panel) {
    const key = event.key.toLowerCase();
    if (key === "h") this.#hide(true);
    else if (key === "f") this.#full(panel.element);
    else if (key === " " && this.tools.drawing) this.#close();
    else return;
    event.preventDefault();
  }

  // Regions

  #draw(on) {
    if (!on) this.#close();
    else this.#use(undefined);
    this.#say(on ? HOW_TO_DRAW : undefined);
    this.#eachPlate((plate) => (plate.drawing = on));
  }

  #stroke(place, phase) {
    const last = this.#corners.at(-1);
    const apart = !last || Math.hypot(place.x - last.x, place.y - last.y) >= APART;
    if (apart) this.#corners.push(place);
    this.#eachPlate((plate) => (plate.draft = this.#corners));
    // A tap sets a corner; a line that was drawn is closed where the pointer is let go.
    if (phase === "end" && this.#corners.length > 8) this.#close();
  }

  #close() {
    const corners = this.#corners;
    this.#corners = [];
    this.#eachPlate((plate) => (plate.draft = []));
    if (corners.length >= 3) this.#use(Region.drawn(corners));
  }

  #use(region) {
    this.#region = region;
    this.#corners = [];
    this.#eachPlate((plate) => (plate.draft = []));
    this.tools.region = region !== undefined;
    for (const slot of this.#slots()) this.#tell(slot);
  }

  /** Says what the region holds of a model's map. */
  async #tell(slot) {
    const { panel, model } = slot;
    const [region, { sight, map }] = [this.#region, panel];
    if (!region || !sight) return panel.showRegion();
    try {
      const inside = await region.over(sight, (file) => this.#mask(file, panel.description.input));
      const current = () => this.#region === region && panel.sight === sight && panel.map === map;
      if (!current()) return;
      panel.showRegion(inside);
      if (!map || slot.asking > 0) return;
      const share = await model.inside(panel.question, inside);
      if (current()) panel.showRegion(inside, told(share, inside));
    } catch (error) {
      if (cancelled(error)) return;
      if (this.#region === region) this.#use(undefined);
      this.#refuse(error);
    }
  }
}
