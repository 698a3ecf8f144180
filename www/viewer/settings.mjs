import { h } from "./dom.mjs";

const NORMALISATIONS = {
  imagenet: { label: "ImageNet mean and deviation", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  none: { label: "none: 0 to 1" },
  symmetric: { label: "−1 to 1", mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
};

/** Sides that published classifiers take. */
const SIZES = [32, 64, 96, 112, 128, 160, 192, 224, 240, 256, 260, 288, 299, 300, 320, 336, 380, 384, 448, 456, 512, 600];

/**
 * The settings of a model without a card: input size, normalization, class names. `apply` receives the card's JSON
 * (docs/model-file.md).
 *
 * Lists and an editable line rather than text fields: where a page has one, Chromium describes the form to its maker's
 * autofill service, and this page causes no request to anyone.
 */
export function settingsForm({ size, fixedSize, classes, hasCard, input }, apply) {
  const { mean } = JSON.parse(input);
  const same = ([, known]) => String(known.mean) === String(mean ?? undefined);
  const [current] = Object.entries(NORMALISATIONS).find(same) ?? ["imagenet"];
  const sizes = [...new Set([...SIZES, size])].sort((a, b) => a - b);
  const side = list(sizes.map((value) => [value, `${value}×${value}`]), size);
  side.disabled = fixedSize;
  const normalisation = list(Object.entries(NORMALISATIONS).map(([value, { label }]) => [value, label]), current);
  const names = h("div", { class: "editable", role: "textbox", tabIndex: 0, "aria-label": "Class names, in order", "data-placeholder": "nevus, melanoma, …" });
  names.contentEditable = "true";
  names.textContent = hasCard ? classes.map(({ title }) => title).join(", ") : "";
  names.onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    submit();
  };
  const submit = () => {
    const { mean, std } = NORMALISATIONS[normalisation.value];
    const given = names.textContent.split(",").map((name) => name.trim()).filter(Boolean);
    const preprocessing = { size: Number(side.value) };
    const card = { version: 1, classes: given.map((code) => ({ code })), input: { preprocessing, ...(mean && { mean, std }) } };
    apply(JSON.stringify(card));
  };
  return h(
    "details",
    { class: "settings" },
    h("summary", {}, hasCard ? "Settings" : "Settings are guessed: this model has no card"),
    h(
      "div",
      { class: "fields" },
      h("label", {}, "Input size in pixels", side),
      h("label", {}, "Normalization", normalisation),
      h("div", {}, h("span", { "aria-hidden": "true" }, "Class names, in order"), names),
      h("button", { type: "button", class: "quiet", onclick: submit }, "Apply"),
    ),
  );
}

function list(choices, current) {
  return h("select", {}, ...choices.map(([value, label]) => h("option", { value, selected: value === current }, label)));
}
