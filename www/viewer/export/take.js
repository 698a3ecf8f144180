import { h } from "../dom.js";
import { hashOf } from "../hashes.js";
import { t } from "../language.js";
import { sentence } from "../words.js";
import { npy } from "./npy.js";
import { now, save, stem } from "./save.js";
import { captioned, drawn, png } from "./sight.js";
import { tiff } from "./tiff.js";
import { answerInWords, endsInWords, mapInWords, methodInWords, NOTICE } from "./words.js";

/**
 * What can be taken away of a panel: pictures, the clipboard, the raw map. `snapshot()` gives what stands in it at that moment: the panel's
 * own, with the open image's name and the model's file.
 */
export class Take {
  #snapshot;
  #said = h("p", { class: "note", role: "status", hidden: true });

  constructor(name, snapshot) {
    this.#snapshot = snapshot;
    const act = (label, work) => h("button", { type: "button", class: "quiet", onclick: () => this.#do(work) }, label);
    // Only pages that come by HTTPS or from this machine may write to the clipboard.
    const copies = globalThis.ClipboardItem && navigator.clipboard?.write;
    this.element = h(
      "details",
      { class: "take", part: "take", hidden: true },
      h("summary", { "aria-label": t`Save or copy the map of ${name}` }, t`Save or copy`),
      h(
        "div",
        { class: "acts" },
        act(t`Picture`, (shown) => picture(shown).then((blob) => save(blob, `${named(shown)}.png`))),
        act(t`Picture without text`, (shown) => png(drawn({ ...shown.layers, frame: false })).then((blob) => save(blob, `${named(shown)} bare.png`))),
        copies ? act(t`Copy picture`, copy) : null,
        act(t`Raw map (.npy)`, (shown) => save(npy(shown.values, dims(shown)), `${named(shown)}.npy`)),
        act(t`Raw map (TIFF)`, async (shown) => save(tiff(shown.values, [shown.channels, shown.size, shown.size], await told(shown)), `${named(shown)}.tif`)),
      ),
      this.#said,
    );
  }

  set hidden(hidden) {
    this.element.hidden = hidden;
    this.#said.hidden = true;
  }

  async #do(work) {
    this.#say();
    try {
      this.#say(await work(this.#snapshot()));
    } catch (error) {
      this.#say(sentence(error));
    }
  }

  #say(words) {
    this.#said.textContent = words ?? "";
    this.#said.hidden = !words;
  }
}

const dims = ({ channels, size }) => (channels === 1 ? [size, size] : [channels, size, size]);

const named = ({ image, name, question, description }) => `${stem(image)} ${name} ${question.method.name} ${description.classes[question.class].code}`;

/** The map as it is shown, with what it is under it. */
export async function picture(shown) {
  const canvas = drawn({ ...shown.layers, frame: true });
  const date = now();
  const sha = await hashOf(shown.file);
  const answers = answerInWords(shown, 3).map(({ title, said }) => `${title} ${said}`);
  const line = (text, more) => ({ text, size: 15, ...more });
  const lines = [
    line(mapInWords(shown), { size: 18, bold: true }),
    line(`${shown.name}: ${answers.join(", ")}`),
    ...(shown.notes ? [line(shown.notes)] : []),
    line(t`Method: ${methodInWords(shown.question.method)}`),
    line(t`Model file, SHA-256:`, { size: 13, faint: true }),
    line(sha, { size: 13, mono: true, faint: true }),
    line(`${date} · ${NOTICE}`, { size: 13, faint: true }),
  ];
  return png(captioned(canvas, { legend: shown.painted && shown.layers.legend, ends: shown.painted ? endsInWords(shown.painted) : [], how: shown.painted?.how ?? "", lines }));
}

async function copy(shown) {
  try {
    // Made within the click: some browsers forget who asked while they wait.
    await navigator.clipboard.write([new ClipboardItem({ "image/png": picture(shown) })]);
  } catch (error) {
    if (error?.name !== "NotAllowedError") throw error;
    throw new Error(t`The browser does not let this page write to the clipboard: allow it, or save the picture.`);
  }
  return t`The picture is in the clipboard.`;
}

/** What a TIFF tells of itself. */
async function told(shown) {
  const { question, description, name, channels, size } = shown;
  const code = (index) => (index === null ? null : description.classes[index].code);
  const about = { model: name, sha256: await hashOf(shown.file), class: code(question.class), against: code(question.against), method: question.method, shape: [channels, size, size] };
  return { description: ascii(JSON.stringify(about)), software: "Pellucid", date: `${now().replaceAll("-", ":")}:00` };
}

/** JSON in ASCII alone. */
const ascii = (text) => text.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
