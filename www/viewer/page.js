/** What the stand-alone page does beside the viewer: it can be opened again without a network. */

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

const viewer = document.querySelector("pellucid-viewer");
// Where it cannot be, the page is as it was without it.
viewer.addEventListener("ready", () => stayWithoutNetwork().catch(() => {}), { once: true });
