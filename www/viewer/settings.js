import { h, list } from "./dom.js";
import { t } from "./language.js";

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
/** A grey network's: the averages of the three. */
const GREY = { mean: [0.449], std: [0.226] };

/** How pixels are fed: a card's `range`, `mean` and `std`. */
const PIXELS = {
  imagenet: { label: t`0 to 1, ImageNet's mean and deviation`, range: "0..1", ...IMAGENET },
  none: { label: t`0 to 1`, range: "0..1" },
  bytes: { label: t`0 to 255`, range: "0..255" },
  symmetric: { label: t`−1 to 1`, range: "-1..1" },
  grey: { label: t`0 to 1, grey mean and deviation`, range: "0..1", ...GREY },
};

/** What the numbers are that the network answers with: a card's `output.scores`. */
const SCORES = {
  softmax: t`logits of classes that exclude each other`,
  sigmoid: t`logits of independent classes, or one of two`,
  probabilities: "probabilities",
  values: t`other values`,
};

/** Sides that published classifiers take. */
const SIZES = [32, 64, 96, 112, 128, 160, 192, 224, 240, 256, 260, 288, 299, 300, 320, 336, 380, 384, 448, 456, 512, 600];

/** What was assumed of a model, as a list of sentences: the same that `pellucid explain` prints. */
export function assumedList(assumed) {
  return h("ul", { class: "assumed", "aria-label": t`Assumed of this model` }, ...assumed.map(({ text }) => h("li", {}, text)));
}

/**
 * The settings of a model of which not everything is told: input size, range and normalization, layout, what is explained,
 * class names. `apply` receives the card's JSON (docs/model-file.md).
 *
 * Lists and an editable line rather than text fields: where a page has one, Chromium describes the form to its maker's
 * autofill service, and this page causes no request to anyone.
 */
export function settingsForm({ size, fixedSize, channels, classes, named, hasCard, assumed, input, output, outputs }, apply) {
  const fed = JSON.parse(input);
  const answer = JSON.parse(output);
  const sizes = [...new Set([...SIZES, size])].sort((a, b) => a - b);
  const side = list(sizes.map((value) => [value, `${value}×${value}`]), size);
  side.disabled = fixedSize;
  const [pixels, current] = pixelChoices(fed, channels);
  const range = list(Object.entries(pixels).map(([value, { label }]) => [value, label]), current);
  const layout = list([["nchw", t`channels first`], ["nhwc", t`channels last`]], fed.layout);
  const explained = list(outputs.map((name) => [name, name]), answer.name);
  const scores = list(Object.entries(SCORES), answer.scores);
  // What another value's numbers are, the graph tells.
  explained.onchange = () => (scores.disabled = explained.value !== answer.name);
  const names = h("div", { class: "editable", role: "textbox", tabIndex: 0, "aria-label": t`Class names, in order`, "data-placeholder": t`nevus, melanoma, …` });
  names.contentEditable = "true";
  names.textContent = named ? classes.map(({ title }) => title).join(", ") : "";
  names.onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    submit();
  };
  const submit = () => {
    const { range: values, mean, std } = pixels[range.value];
    const given = names.textContent.split(",").map((name) => name.trim()).filter(Boolean);
    const preprocessing = { ...fed.preprocessing, size: Number(side.value) };
    const same = explained.value === answer.name;
    const told = scores.value !== answer.scores || !assumed.some(({ about }) => about === "scores");
    const card = {
      version: 2,
      classes: given.map((code) => ({ code })),
      input: { preprocessing, layout: layout.value, channels, range: values, ...(mean && { mean, std }) },
      output: same ? { ...(told && { scores: scores.value }), ...(outputs.length > 1 && !assumed.some(({ about }) => about === "output") && { name: answer.name }) } : { name: explained.value },
    };
    apply(JSON.stringify(card));
  };
  return h(
    "details",
    { class: "settings" },
    h("summary", {}, hasCard ? t`Settings` : t`Settings are guessed: this model has no card`),
    h(
      "div",
      { class: "fields" },
      h("label", {}, t`Input size in pixels`, side),
      h("label", {}, t`Normalization`, range),
      h("label", {}, t`Layout`, layout),
      h("label", {}, t`Explained value`, explained),
      h("label", {}, t`Its numbers are`, scores),
      h("div", {}, h("span", { "aria-hidden": "true" }, t`Class names, in order`), names),
      h("button", { type: "button", class: "quiet", onclick: submit }, t`Apply`),
    ),
  );
}

/** The ways to feed pixels, with the current one among them, and its name. */
function pixelChoices({ range, mean, std }, channels) {
  const text = (values) => (values ? values.map((value) => value.toFixed(3)).join() : "");
  const spread = (values) => (values?.length === 1 ? Array(3).fill(values[0]) : values);
  const offered = Object.entries(PIXELS).filter(([name]) => name !== (channels === 1 ? "imagenet" : "grey"));
  const same = ([, known]) => known.range === range && text(spread(known.mean)) === text(mean) && text(spread(known.std)) === text(std);
  const found = offered.find(same);
  if (found) return [Object.fromEntries(offered), found[0]];
  const own = { label: t`as this model's card says`, range, mean, std };
  return [Object.fromEntries([...offered, ["own", own]]), "own"];
}
