import { h } from "./dom.mjs";

const NORMALISATIONS = {
  imagenet: { label: "ImageNet mean and deviation", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  none: { label: "none: 0 to 1" },
  symmetric: { label: "−1 to 1", mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
};

/**
 * A form for what a model without a card does not say: input size, normalization, class names. `apply` receives the
 * card's JSON (docs/model-file.md).
 */
export function settingsForm({ size, fixedSize, classes, hasCard, input }, apply) {
  const { mean } = JSON.parse(input);
  const current = Object.entries(NORMALISATIONS).find(([, known]) => String(known.mean ?? null) === String(mean ?? null))?.[0] ?? "imagenet";
  const side = h("input", { type: "number", min: 16, max: 1024, step: 1, value: size, disabled: fixedSize, required: true });
  const normalisation = h("select", {}, ...Object.entries(NORMALISATIONS).map(([value, { label }]) => h("option", { value, selected: value === current }, label)));
  const names = h("input", { type: "text", placeholder: "nevus, melanoma, …", value: hasCard ? classes.map(({ title }) => title).join(", ") : "", autocomplete: "off" });
  const onsubmit = (event) => {
    event.preventDefault();
    const { mean, std } = NORMALISATIONS[normalisation.value];
    const given = names.value.split(",").map((name) => name.trim()).filter(Boolean);
    const preprocessing = { size: Number(side.value) };
    const card = { version: 1, classes: given.map((code) => ({ code })), input: { preprocessing, ...(mean && { mean, std }) } };
    apply(JSON.stringify(card));
  };
  return h(
    "details",
    { class: "settings" },
    h("summary", {}, hasCard ? "Settings" : "Settings are guessed: this model has no card"),
    h(
      "form",
      { onsubmit },
      h("label", {}, "Input size in pixels", side),
      h("label", {}, "Normalization", normalisation),
      h("label", {}, "Class names, in order", names),
      h("button", { type: "submit" }, "Apply"),
    ),
  );
}
