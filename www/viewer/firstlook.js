/**
 * A first look at the stand-alone page, in four steps: what one sees, the two networks held against each other, where they look, what can be taken away.
 *
 * It is a card below the viewer that covers nothing for good: the page can be used meanwhile. It is offered where there are a standard and a robust network and drawn
 * samples to show it with, and not again once somebody has gone through it or skipped it.
 */
import { h } from "./dom.js";
import { t } from "./language.js";

/** Where it is kept that it was seen. */
const SEEN = "pellucid-first-look";

const STEPS = [
  {
    title: t`What you see`,
    text: t`A drawn picture, and two networks that were taught to tell such pictures apart. Under each stands what it answers; the colours show which pixels its answer hangs on.`,
    part: "panels",
    enter: ({ root }) => root.querySelector(".current").hidden && root.querySelector(".samples button")?.click(),
  },
  {
    title: t`Standard against robust`,
    text: t`Both saw the same pictures. The robust one was also shown small changes that are made to mislead it: it often looks at larger, quieter patches, the standard one at scattered pixels. Look whether that holds here.`,
    part: "pictures",
  },
  {
    title: t`Where it looks`,
    text: t`Of a drawn picture it is known what decides: that is outlined now. Does the map lie within? A network may be right for a wrong reason. Other classes, methods and colours are above the pictures.`,
    part: "pictures",
    enter: ({ root }) => outline(root, true),
    leave: ({ root }) => outline(root, false),
  },
  {
    title: t`Take it away`,
    text: t`Under each picture the map can be saved, as a picture or as numbers; at the end of the page are a report and the whole session. Now choose an image of your own: it never leaves this page.`,
    part: "take",
  },
];

/** Outlines what decides a sample's class, or does not. */
function outline(root, wanted) {
  const box = root.querySelector(".check.cause:not([hidden]) input");
  if (box && box.checked !== wanted) box.click();
}

/** Whether it is to be offered for these models. */
function wanted(viewer, models) {
  const both = [/standard/i, /robust/i].every((kind) => models.some((name) => kind.test(name)));
  const fresh = viewer.samples > 0 && viewer.shadowRoot.querySelector(".current").hidden && !viewer.busy;
  return both && fresh && !seen();
}

function seen() {
  try {
    return localStorage.getItem(SEEN) !== null;
  } catch {
    // Without storage it would come each time.
    return true;
  }
}

/** Offers the first look in `main`, once the samples are drawn. */
export async function firstLook(viewer, main, models) {
  const root = viewer.shadowRoot;
  while (viewer.isConnected && viewer.samples > 0 && !root.querySelector(".samples button")) await new Promise((resolve) => setTimeout(resolve, 100));
  if (wanted(viewer, models)) new FirstLook(viewer).offer(main);
}

class FirstLook {
  #viewer;
  #step = -1;
  #count = h("p", { class: "count" });
  #title = h("h2", { id: "first-look" }, t`New here?`);
  #text = h("p", {}, t`Four short steps show what this page does, with a drawn picture.`);
  #next = h("button", { type: "button", class: "next", onclick: () => this.#go(1) }, t`Show me`);
  #back = h("button", { type: "button", hidden: true, onclick: () => this.#go(-1) }, t`Back`);
  #skip = h("button", { type: "button", onclick: () => this.#end() }, t`Skip`);
  #card = h(
    "section",
    { class: "first-look", "aria-labelledby": "first-look", onkeydown: ({ key }) => void (key === "Escape" && this.#end()) },
    // Each step is read as it comes.
    h("div", { "aria-live": "polite" }, this.#count, this.#title, this.#text),
    h("div", { class: "acts" }, this.#skip, this.#back, this.#next),
  );

  constructor(viewer) {
    this.#viewer = viewer;
  }

  offer(main) {
    main.append(this.#card);
    document.documentElement.toggleAttribute("data-first-look", true);
    this.#makeRoom();
  }

  get #scene() {
    return { root: this.#viewer.shadowRoot };
  }

  #go(by) {
    STEPS[this.#step]?.leave?.(this.#scene);
    this.#step += by;
    const step = STEPS[this.#step];
    if (!step) return this.#end();
    this.#count.textContent = t`Step ${this.#step + 1} of ${STEPS.length}`;
    this.#title.textContent = step.title;
    this.#text.textContent = step.text;
    const last = this.#step === STEPS.length - 1;
    this.#next.textContent = last ? t`Done` : t`Next`;
    this.#skip.hidden = last;
    // The button that was pressed may be the one that goes.
    this.#back.hidden = this.#step === 0;
    if (this.#back.hidden && by < 0) this.#next.focus();
    this.#makeRoom();
    step.enter?.(this.#scene);
    this.#viewer.dataset.look = step.part;
    this.#viewer.shadowRoot.querySelector(`[part~="${step.part}"]`)?.scrollIntoView({ block: "nearest" });
  }

  /** What is brought into sight must not lie behind the card. */
  #makeRoom() {
    document.documentElement.style.setProperty("--card", `${this.#card.offsetHeight + 32}px`);
  }

  #end() {
    STEPS[this.#step]?.leave?.(this.#scene);
    try {
      localStorage.setItem(SEEN, "seen");
    } catch {
      // Without storage nothing is kept.
    }
    delete this.#viewer.dataset.look;
    document.documentElement.toggleAttribute("data-first-look", false);
    this.#card.remove();
    this.#viewer.shadowRoot.querySelector(".primary").focus();
  }
}
