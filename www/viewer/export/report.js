import { h } from "../dom.js";
import { hashOf } from "../hashes.js";
import { language, t } from "../language.js";
import { visible } from "../words.js";
import { now } from "./save.js";
import { drawn } from "./sight.js";
import { answerInWords, endsInWords, mapInWords, methodInWords, NOTICE } from "./words.js";

/** More classes than these are not told one by one. */
const TOLD = 8;

/**
 * Prints what the panels show as one page: the image, each model's map and answer, what is known of it and what was assumed. `shown` are
 * the panels' snapshots, `source` the image's file where there is one, `host` the element whose frame the page is made in.
 *
 * The page has a document of its own, so that a host's page is not printed with it.
 */
export async function printReport(shown, source, host) {
  const frame = h("iframe", { class: "printed", tabIndex: -1, "aria-hidden": "true", title: t`Report` });
  host.querySelector("iframe.printed")?.remove();
  const made = await report(shown, source);
  host.append(frame);
  const paper = frame.contentDocument;
  paper.title = `Pellucid ${shown[0].image}`;
  paper.documentElement.lang = language;
  const style = h("link", { rel: "stylesheet", href: new URL("report.css", import.meta.url).href });
  const dressed = new Promise((resolve) => (style.onload = style.onerror = resolve));
  paper.head.append(paper.adoptNode(style));
  paper.body.append(paper.adoptNode(made));
  await dressed;
  frame.contentWindow.print();
}

/** The report as an element. */
async function report(shown, source) {
  const [{ image, shape, layers }] = shown;
  const hashes = await Promise.all([source ? hashOf(source) : "", ...shown.map(({ file }) => hashOf(file))]);
  const facts = [
    [t`Image`, visible(image)],
    [t`Size`, t`${shape.width}×${shape.height} pixels`],
    source ? ["SHA-256", hashes[0]] : [t`Origin`, t`drawn by this program`],
    [t`Date`, now()],
  ];
  return h(
    "main",
    { class: shown.length > 2 ? "many" : "" },
    h("header", {}, h("h1", {}, t`Pellucid: what classifiers look at`), h("p", { class: "notice" }, NOTICE)),
    h("section", { class: "image" }, copy(layers.picture.canvas), h("dl", {}, ...facts.flatMap(([term, fact]) => [h("dt", {}, term), h("dd", {}, fact)]))),
    h("div", { class: "models" }, ...shown.map((one, index) => model(one, hashes[index + 1]))),
    h("footer", {}, t`A map shows what the network reacts to, not whether it is right. Computed in the browser; no image left it.`),
  );
}

function model(shown, hash) {
  const { name, description, painted, notes, share, assumed, layers, question } = shown;
  const answers = answerInWords(shown, TOLD);
  const rest = description.classes.length - answers.length;
  const legend = painted && layers.legend ? [h("div", { class: "legend" }, copy(layers.legend), h("p", { class: "ends" }, ...endsInWords(painted).map((end) => h("span", {}, end))), h("p", { class: "how" }, painted.how))] : [];
  const facts = [
    ...(question ? [[t`Method`, methodInWords(question.method)]] : []),
    [t`Model file, SHA-256`, hash],
    [t`Trained`, description.training || t`The file does not tell.`],
    [t`Input`, t`${description.size}×${description.size} pixels, ${description.channels === 1 ? t`grey` : t`colour`}`],
    [t`Assumed`, assumed.length > 0 ? assumed.join(" ") : t`nothing: the file tells all`],
  ];
  return h(
    "article",
    {},
    h("h2", {}, name),
    drawn({ ...layers, place: layers.map ? layers.place : "over", frame: true }),
    h("p", { class: "caption" }, question ? mapInWords(shown) : t`No map`),
    ...legend,
    notes ? h("p", { class: "note" }, notes) : null,
    share ? h("p", { class: "note" }, share) : null,
    h(
      "table",
      {},
      h("tbody", {}, ...answers.map(({ title, said, predicted }) => h("tr", { class: predicted ? "predicted" : null }, h("th", { scope: "row" }, title), h("td", {}, said)))),
    ),
    rest > 0 ? h("p", {}, t`and ${rest} more classes`) : null,
    h("dl", {}, ...facts.flatMap(([term, fact]) => [h("dt", {}, term), h("dd", {}, fact)])),
  );
}

function copy(canvas) {
  const other = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  other.getContext("2d").drawImage(canvas, 0, 0);
  return other;
}
