import { h, icon } from "../dom.js";
import { t } from "../language.js";

/** Two arrows apart: to the full screen. */
export const LARGER = ["M14 4h6v6", "M20 4l-7 7", "M10 20H4v-6", "M4 20l7-7"];

const ICONS = {
  out: ["M5 12h14"],
  in: ["M12 5v14", "M5 12h14"],
  whole: ["M4 9V4h5", "M15 4h5v5", "M20 15v5h-5", "M9 20H4v-5"],
  crop: ["M7 3v14h14", "M3 7h14v14"],
  hide: ["M3 12s3.500-6 9-6 9 6 9 6-3.500 6-9 6-9-6-9-6z", "M12 9.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z"],
  full: LARGER,
  draw: ["M5 15c-3-6 3-11 8-9s8 6 5 10-8 2-9 5"],
  mask: ["M4 5h16v14H4z", "M8 13l3 3 5-6"],
  clear: ["M6 6l12 12", "M18 6L6 18"],
};

/**
 * The buttons over the panels. Told by `onzoom(factor)`, `onwhole()`, `oncrop()`, `onhide(hidden)` while a button is held, `onfull()`,
 * `ondraw(on)`, `onmask(file)` and `onclear()`.
 */
export class Tools {
  onzoom;
  onwhole;
  oncrop;
  onhide;
  onfull;
  ondraw;
  onmask;
  onclear;

  #draw;
  #clear;
  #full;

  constructor(step) {
    // Where a finger points nothing can hover: there a button without a word shows its `short` one.
    const button = (name, label, act, text, short) => h("button", { type: "button", class: "tool", title: label, "aria-label": text ? null : label, onclick: act }, icon(...ICONS[name]), h("span", { class: short ? "short" : null }, text ?? short));
    const hide = button("hide", t`Hides the map while it is held (H)`, null, t`Hold to hide map`);
    const set = (hidden) => {
      hide.setAttribute("aria-pressed", String(hidden));
      this.onhide?.(hidden);
    };
    hide.setAttribute("aria-pressed", "false");
    hide.onpointerdown = (event) => {
      hide.setPointerCapture(event.pointerId);
      set(true);
    };
    hide.onpointerup = hide.onpointercancel = hide.onblur = hide.onkeyup = () => set(false);
    hide.onkeydown = ({ key }) => {
      if (key === " " || key === "Enter") set(true);
    };
    // A long press is no call for a menu.
    hide.oncontextmenu = (event) => event.preventDefault();
    this.#draw = button("draw", t`Draw a region to see how much of the map lies in it`, () => this.#setDrawing(!this.drawing), t`Draw region`);
    this.#draw.setAttribute("aria-pressed", "false");
    const file = h("input", { type: "file", accept: "image/*", hidden: true, class: "mask-file" });
    file.onchange = () => {
      if (file.files[0]) this.onmask?.(file.files[0]);
      file.value = "";
    };
    const mask = button("mask", t`A mask's image, white inside: choose it, or drop it here`, () => file.click(), t`Mask file`);
    mask.dataset.takes = "mask";
    this.#clear = button("clear", t`Remove the region`, () => this.onclear?.(), t`Remove region`);
    this.#clear.hidden = true;
    this.#full = button("full", t`Full screen (F)`, () => this.onfull?.(), null, t`Full screen`);
    this.element = h(
      "div",
      { class: "tools", part: "tools", role: "group", "aria-label": t`Looking at the image` },
      button("out", t`Zoom out (−)`, () => this.onzoom?.(1 / step), null, t`Zoom out`),
      button("in", t`Zoom in (+)`, () => this.onzoom?.(step), null, t`Zoom in`),
      button("whole", t`Whole picture (0)`, () => this.onwhole?.(), null, t`Whole picture`),
      button("crop", t`What the network sees`, () => this.oncrop?.(), null, t`What the network sees`),
      hide,
      this.#draw,
      mask,
      file,
      this.#clear,
      this.#full,
    );
  }

  get drawing() {
    return this.#draw.getAttribute("aria-pressed") === "true";
  }

  /** A region was made, or is there no more. */
  set region(there) {
    this.#clear.hidden = !there;
    if (there) this.#setDrawing(false);
  }

  set full(on) {
    this.#full.setAttribute("aria-label", on ? t`Leave full screen (F)` : t`Full screen (F)`);
    this.#full.title = this.#full.getAttribute("aria-label");
  }

  #setDrawing(on) {
    if (on === this.drawing) return;
    this.#draw.setAttribute("aria-pressed", String(on));
    this.ondraw?.(on);
  }
}
