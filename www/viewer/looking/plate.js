import { h, s } from "../dom.js";

/** Pixels of the screen that a finger may move in a tap. */
const STEADY = 5;

/** From so many pixels of the screen per pixel of a map on, its pixels are shown as squares. */
const SQUARES = 10;

/** What one step of a wheel's, as the browser counts it in pixels, does to the zoom. */
const WHEEL = 0.0022;

/** What a key and a button do to it. */
export const STEP = 1.5;

/**
 * The picture on the screen with what lies over it, zoomed and moved by wheel, pointer, fingers and keys.
 *
 * Layers are canvases of any size that are stretched over the picture, or over what a network sees of it (`data-over="crop"`).
 * Whoever owns the plate is told: `onpoint(place, how)` of the pixel pointed at, `onstroke(place, phase)` while a region is drawn,
 * `onkey(event)` of keys that are not the plate's.
 */
export class Plate {
  onpoint = () => {};
  onstroke = () => {};
  onkey = () => {};

  #view;
  #crop;
  #grid = 0;
  #drawing = false;
  #cross;
  #fingers = new Map();
  /** Whether the pointer that is down has moved, and so taps nothing. */
  #moved = false;

  #shade = s("path", { class: "shade", "fill-rule": "evenodd" });
  #frame = s("path", { class: "frame line" });
  #contour = s("path", { class: "contour line" });
  #region = s("path", { class: "region line" });
  #draft = s("path", { class: "region line" });
  #pixel = s("path", { class: "pixel line" });
  #hair = s("path", { class: "hair" });
  #inMap = s("g", {}, this.#contour, this.#region, this.#pixel);
  #inPicture = s("g", {}, this.#shade, this.#frame, this.#draft);
  #lines = s("svg", { class: "lines", "aria-hidden": "true" }, this.#inPicture, this.#inMap, this.#hair);
  #layers = h("div", { class: "layers" });

  constructor(view, label) {
    this.#view = view;
    this.element = h("div", { class: "plate", tabIndex: 0, role: "application", "aria-label": label }, this.#layers, this.#lines);
    const { element } = this;
    new ResizeObserver(() => this.draw()).observe(element);
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    element.onpointerdown = (event) => this.#down(event);
    element.onpointermove = (event) => this.#move(event);
    element.onpointerup = (event) => this.#up(event);
    element.onpointercancel = (event) => this.#leave(event);
    element.onkeydown = (event) => this.#key(event);
  }

  /** Size on the screen. */
  get box() {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  put(...canvases) {
    this.#layers.append(...canvases);
    this.draw();
  }

  /** What the network sees, `[left, top, width, height]`, and the side of its maps; nothing where that is not known. */
  sees(crop, grid) {
    this.#crop = crop;
    this.#grid = grid;
    this.draw();
  }

  /** Whether pointers draw a region rather than move the picture. */
  set drawing(on) {
    this.#drawing = on;
    this.element.toggleAttribute("data-drawing", on);
    this.draw();
  }

  /** The cross-hair at a pixel of the picture, or none. */
  set cross(place) {
    this.#cross = place;
    this.draw();
  }

  /** A path of the map's pixels to outline. */
  set contour(path) {
    this.#contour.setAttribute("d", path);
  }

  /** A path of the map's pixels that make the region. */
  set region(path) {
    this.#region.setAttribute("d", path);
  }

  /** The line that is being drawn, in pixels of the picture. */
  set draft(points) {
    this.#draft.setAttribute("d", points.map(({ x, y }, index) => `${index ? "L" : "M"}${x} ${y}`).join(""));
  }

  /** Lays everything where the view wants it. */
  draw() {
    const { scale, left, top } = this.#view.place(this.box);
    const { width, height } = this.#view;
    const crop = this.#crop ?? [0, 0, width, height];
    const cell = this.#grid ? (crop[2] * scale) / this.#grid : 0;
    for (const canvas of this.#layers.children) {
      const [x, y, w, h] = canvas.dataset.over === "crop" ? crop : [0, 0, width, height];
      Object.assign(canvas.style, { left: `${left + x * scale}px`, top: `${top + y * scale}px`, width: `${w * scale}px`, height: `${h * scale}px` });
    }
    this.#layers.toggleAttribute("data-squares", cell >= SQUARES);
    // One finger scrolls the page until there is something to move.
    this.element.toggleAttribute("data-movable", this.#view.zoom > 1 || this.#drawing);
    this.#inPicture.setAttribute("transform", `translate(${left} ${top}) scale(${scale})`);
    const [x, y, w, h] = crop;
    const partial = w < width || h < height;
    this.#shade.setAttribute("d", partial ? `M0 0H${width}V${height}H0ZM${x} ${y}h${w}v${h}h${-w}Z` : "");
    this.#frame.setAttribute("d", partial ? `M${x} ${y}h${w}v${h}h${-w}Z` : "");
    if (this.#grid) this.#inMap.setAttribute("transform", `translate(${left + x * scale} ${top + y * scale}) scale(${(w * scale) / this.#grid} ${(h * scale) / this.#grid})`);
    this.#drawCross({ scale, left, top }, cell);
  }

  #drawCross({ scale, left, top }, cell) {
    if (!this.#cross) {
      this.#hair.setAttribute("d", "");
      this.#pixel.setAttribute("d", "");
      return;
    }
    const { width, height } = this.box;
    const [x, y] = [left + this.#cross.x * scale, top + this.#cross.y * scale];
    // The middle stays free.
    const gap = Math.max(7, cell * 0.75);
    this.#hair.setAttribute("d", `M0 ${y}H${x - gap}M${x + gap} ${y}H${width}M${x} 0V${y - gap}M${x} ${y + gap}V${height}`);
    const at = this.#grid && mapPixel(this.#cross, this.#crop, this.#grid);
    this.#pixel.setAttribute("d", at && cell >= 3 ? `M${at.x} ${at.y}h1v1h-1Z` : "");
  }

  // Pointers

  #placeOf(event) {
    const { left, top } = this.element.getBoundingClientRect();
    return { x: event.clientX - left - this.element.clientLeft, y: event.clientY - top - this.element.clientTop };
  }

  #inside(event) {
    const { x, y } = this.#view.toPicture(this.#placeOf(event), this.box);
    return { x: Math.min(Math.max(x, 0), this.#view.width - 1e-6), y: Math.min(Math.max(y, 0), this.#view.height - 1e-6) };
  }

  #wheel(event) {
    const factor = Math.exp(-event.deltaY * WHEEL * (event.deltaMode === 1 ? 20 : event.ctrlKey ? 4 : 1));
    // The whole picture is there: the wheel is the page's again.
    if (factor < 1 && this.#view.zoom === 1 && !event.ctrlKey) return;
    event.preventDefault();
    this.#view.zoomAt(factor, this.#placeOf(event), this.box);
  }

  #down(event) {
    if (event.button !== 0) return;
    this.#fingers.set(event.pointerId, this.#placeOf(event));
    this.element.setPointerCapture(event.pointerId);
    this.#moved = this.#fingers.size > 1;
    if (this.#drawing && this.#fingers.size === 1) this.onstroke(this.#inside(event), "begin");
  }

  #move(event) {
    const before = this.#fingers.get(event.pointerId);
    const now = this.#placeOf(event);
    if (!before) {
      if (event.pointerType === "mouse" && !this.#drawing) this.onpoint(this.#inside(event), "pointer");
      return;
    }
    if (!this.#moved && Math.hypot(now.x - before.x, now.y - before.y) < STEADY) return;
    this.#moved = true;
    this.#fingers.set(event.pointerId, now);
    const others = [...this.#fingers.entries()].filter(([id]) => id !== event.pointerId);
    if (others.length > 0) return this.#pinch(before, now, others[0][1]);
    if (this.#drawing) this.onstroke(this.#inside(event), "go on");
    else this.#view.pan(now.x - before.x, now.y - before.y, this.box);
  }

  #pinch(before, now, other) {
    const apart = (a) => Math.hypot(a.x - other.x, a.y - other.y);
    const middle = (a) => ({ x: (a.x + other.x) / 2, y: (a.y + other.y) / 2 });
    if (apart(before) > 0) this.#view.zoomAt(apart(now) / apart(before), middle(before), this.box);
    this.#view.pan(middle(now).x - middle(before).x, middle(now).y - middle(before).y, this.box);
  }

  #up(event) {
    if (!this.#fingers.has(event.pointerId)) return;
    if (this.#drawing) this.onstroke(this.#inside(event), "end");
    else if (!this.#moved) this.onpoint(this.#inside(event), "pointer");
    this.#leave(event);
  }

  #leave(event) {
    this.#fingers.delete(event.pointerId);
  }

  // Keys

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = this.#view;
    const crop = this.#crop ?? [0, 0, width, height];
    const far = event.shiftKey ? 10 : 1;
    const [stepX, stepY] = [(crop[2] / (this.#grid || 100)) * far, (crop[3] / (this.#grid || 100)) * far];
    const moves = { ArrowLeft: [-stepX, 0], ArrowRight: [stepX, 0], ArrowUp: [0, -stepY], ArrowDown: [0, stepY] };
    const middle = () => {
      if (!this.#cross) return { x: this.box.width / 2, y: this.box.height / 2 };
      const { scale, left, top } = this.#view.place(this.box);
      return { x: left + this.#cross.x * scale, y: top + this.#cross.y * scale };
    };
    if (event.key in moves) {
      const [dx, dy] = moves[event.key];
      const from = this.#cross ?? { x: crop[0] + crop[2] / 2 - dx, y: crop[1] + crop[3] / 2 - dy };
      const place = { x: Math.min(Math.max(from.x + dx, 0), width - 1e-6), y: Math.min(Math.max(from.y + dy, 0), height - 1e-6) };
      this.onpoint(place, "key");
      this.#view.reveal(place, this.box);
    } else if (event.key === "+" || event.key === "=") this.#view.zoomAt(STEP, middle(), this.box);
    else if (event.key === "-") this.#view.zoomAt(1 / STEP, middle(), this.box);
    else if (event.key === "0") this.#view.whole();
    else if (event.key === "Enter" && this.#drawing && this.#cross) this.onstroke(this.#cross, "corner");
    else return this.onkey(event);
    event.preventDefault();
  }
}

/** The pixel of a map that covers a place of the picture; none where the network does not see it. */
export function mapPixel({ x, y }, crop, grid) {
  if (!crop) return undefined;
  const [left, top, width, height] = crop;
  const at = { x: Math.floor(((x - left) / width) * grid), y: Math.floor(((y - top) / height) * grid) };
  return at.x >= 0 && at.y >= 0 && at.x < grid && at.y < grid ? at : undefined;
}
