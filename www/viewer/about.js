import { h } from "./dom.js";
import { t, written } from "./language.js";
import { visible } from "./words.js";

/** The folded words on a model: what it was trained on, how well it does, what it is for. Nothing where its card tells nothing. */
export function aboutModel(about) {
  const sentences = about ? facts(about) : [];
  if (sentences.length === 0) return undefined;
  return h("details", { class: "about-model" }, h("summary", {}, t`About this model`), ...sentences.map((text) => h("p", {}, text)));
}

function facts(about) {
  return [training(about), accuracy(about), visible(about.intended_use), license(about)].filter((text) => text);
}

function training({ data, images, attack }) {
  if (!data) return "";
  const shown = images > 0 ? t`Trained on ${images} different images: ${known(data)}.` : t`Trained on ${known(data)}.`;
  const kind = attack ? t`Robust: it was trained on images that were altered to mislead it (${attack}).` : t`Standard: it was trained on images as they are.`;
  return `${shown} ${kind}`;
}

/** A set of images in words. */
function known(data) {
  if (data.startsWith("phantom")) return t`drawings of skin lesions, no photographs`;
  if (data.startsWith("ham10000")) return t`dermoscopic photographs of the HAM10000 collection`;
  return visible(data);
}

function accuracy({ clean, attacked }) {
  const share = ({ value }) => written((100 * value).toFixed(1));
  const note = (figure) => (figure.note ? ` (${visible(figure.note)})` : "");
  const parts = [];
  if (clean) parts.push(t`On images that it had not seen ${share(clean)} % of its answers were right${note(clean)}.`);
  if (attacked) parts.push(t`Where these were altered to mislead it ${share(attacked)} % were${note(attacked)}.`);
  return parts.join(" ");
}

function license({ license, attribution }) {
  const parts = [];
  if (license) parts.push(t`Licence of the weights: ${visible(license)}.`);
  if (attribution) parts.push(visible(attribution));
  return parts.join(" ");
}
