/** What the stand-alone page does beside the viewer: it speaks the reader's language, shows around who is new, and can be opened again without a network. */
import { firstLook } from "./firstlook.js";
import { CHOICE, language, translated } from "./language.js";

/** What no page has asked for by the time that it is ready, and may need without a network. */
const LATER = ["worker.js", "pellucid_viewer.js", "export/report.css", "icon.svg", "language/de.js"];

const here = (name) => new URL(name, import.meta.url).href;

/** What belongs to the page: what it loaded, but for models. */
function own() {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name.split("#")[0]);
  const page = location.href.split(/[?#]/)[0];
  return [...new Set([page, ...loaded.filter((url) => !/\.onnx$/i.test(url)), ...LATER.map(here)])];
}

/** Has the browser keep the page's files, where it may: on pages that come by HTTPS or from the same machine. */
async function stayWithoutNetwork() {
  if (!navigator.serviceWorker) return;
  const root = new URL("../pellucid-offline.js", import.meta.url);
  await navigator.serviceWorker.register(root);
  const { active } = await navigator.serviceWorker.ready;
  navigator.serviceWorker.addEventListener("message", ({ data }) => document.documentElement.toggleAttribute("data-kept", data.kept === true));
  active.postMessage({ keep: own() });
}

/** Says the page's own words in the reader's language. */
function translate() {
  document.documentElement.lang = language;
  document.title = translated(document.title);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { currentNode: text } = texts;
    const words = text.textContent.trim().replace(/\s+/g, " ");
    const [before, after] = [/^\s/.test(text.textContent) ? " " : "", /\s$/.test(text.textContent) ? " " : ""];
    if (words && language !== "en") text.textContent = before + translated(words) + after;
  }
}

/** The person may choose the language; the page is loaded anew for that, which closes what is open. */
function offerLanguages() {
  const field = document.querySelector("select.language");
  // Where there is little room the picture comes first.
  if (matchMedia("(max-width: 560px)").matches) document.querySelector("footer.about").prepend(field);
  field.value = language;
  field.hidden = false;
  field.setAttribute("aria-label", translated("Language"));
  field.onchange = () => {
    try {
      localStorage.setItem(CHOICE, field.value);
    } catch {
      // Without storage the choice holds for this time.
    }
    const address = new URL(location.href);
    address.searchParams.set("lang", field.value);
    location.replace(address);
  };
}

translate();
offerLanguages();

const viewer = document.querySelector("pellucid-viewer");
// Where it cannot be, the page is as it was without it.
viewer.addEventListener("ready", () => stayWithoutNetwork().catch(() => {}), { once: true });
viewer.addEventListener("ready", ({ detail }) => firstLook(viewer, document.querySelector("main"), detail.models), { once: true });
