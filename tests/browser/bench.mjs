// How long the page's WebAssembly takes in a real Chromium, on one thread, beside onnxruntime-web in the same page: prints JSON.
//
//     node bench.mjs MODEL GRADIENT ROUNDS
//
// Both are files below the site, such as models/resnet18.onnx, and what `pellucid differentiate` makes of it. Environment as for the
// tests (see `run.mjs`). The network is opened as the page's worker does it; a round takes a new image, and each contestant in turn
// classifies it and then asks for the gradient of one class. onnxruntime-web runs the network for the one, and for the other the
// differentiated network, which computes both.

import { cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { launch, paths, viewerFolder } from './harness.mjs';

const [model, gradient, rounds] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const contestants = [
  { variant: 'relaxed-simd', binary: 'pellucid_viewer_relaxed_bg.wasm' },
  { variant: 'simd128', binary: 'pellucid_viewer_bg.wasm' },
  { variant: "relaxed-simd, tract's convolutions", binary: 'pellucid_viewer_relaxed_bg.wasm', stock: true },
  { variant: 'onnxruntime-web' },
];
const ORT = 'bench-onnxruntime-web';

/** Runs in the page. Times in seconds, one per round. */
async function measure({ folder, contestants, model, gradient, rounds, ort }) {
  const bytes = async (path) => new Uint8Array(await (await fetch(`/${path}`)).arrayBuffer());
  const seconds = async (work) => {
    const begun = performance.now();
    const answer = await work();
    return [(performance.now() - begun) / 1000, answer];
  };

  /** The page's own way. Each has an instance of WebAssembly to itself: another query is another module. */
  async function ours({ binary, stock }, index) {
    const viewer = await import(`/${folder}/pellucid_viewer.js?${index}`);
    await viewer.default({ module_or_path: await WebAssembly.compileStreaming(fetch(`/${folder}/${binary}`)) });
    viewer.ownConvolutions(stock !== true);
    const file = await bytes(model);
    const [open, classifier] = await seconds(() => new viewer.Classifier(file, undefined));
    return {
      open,
      side: classifier.describe().size,
      forward: (image) => classifier.classify(image).logits,
      gradient: () => classifier.gradient(7),
    };
  }

  async function theirs() {
    const runtime = await import(`/${ort}/ort.wasm.min.mjs`);
    runtime.env.wasm.numThreads = 1;
    runtime.env.wasm.wasmPaths = `/${ort}/`;
    const options = { executionProviders: ['wasm'] };
    const [plain, both] = [await bytes(model), await bytes(gradient)];
    const [open, sessions] = await seconds(async () => [
      await runtime.InferenceSession.create(plain, options),
      await runtime.InferenceSession.create(both, options),
    ]);
    const [alone, pair] = sessions;
    const feed = (image) => {
      const side = Math.round(Math.sqrt(image.length / 3));
      return { [alone.inputNames[0]]: new runtime.Tensor('float32', image, [1, 3, side, side]) };
    };
    let classes;
    return {
      open,
      forward: async (image) => {
        const { data } = (await alone.run(feed(image)))[alone.outputNames[0]];
        classes = data.length;
        return data;
      },
      // Forward and gradient at once: what it has computed before does not count.
      whole: async (image) => {
        const cotangent = new Float32Array(classes);
        cotangent[7] = 1;
        return (await pair.run({ ...feed(image), cotangent: new runtime.Tensor('float32', cotangent, [1, classes]) })).grad.data;
      },
    };
  }

  const opened = [];
  for (const [index, contestant] of contestants.entries()) {
    opened.push(contestant.binary ? await ours(contestant, index) : await theirs());
  }
  const { side } = opened[0];
  const times = opened.map(() => ({ forward: [], both: [], answers: undefined }));
  // The first rounds find code that is not compiled at its best yet, and do not count.
  const WARM = 2;
  for (let round = 0; round < rounds + WARM; round += 1) {
    const image = Float32Array.from({ length: 3 * side * side }, (_, index) => ((index * (round + 7)) % 251) / 250);
    for (const [index, contestant] of opened.entries()) {
      const [forward, logits] = await seconds(() => contestant.forward(image));
      const [rest, slope] = await seconds(() => (contestant.whole ?? contestant.gradient)(image));
      if (!logits.every(Number.isFinite) || !slope.some((value) => value !== 0)) throw new Error('no numbers, or no gradient');
      times[index].answers = { logits: [...logits], slope: Float32Array.from(slope) };
      if (round < WARM) continue;
      times[index].forward.push(forward);
      times[index].both.push(contestant.whole ? rest : forward + rest);
    }
  }
  /** How far two lists of numbers are apart, relative to the second. */
  const apart = (one, other) => {
    const norm = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    return norm([...one].map((value, index) => value - other[index])) / norm([...other]);
  };
  const reference = times.at(-1).answers;
  return times.map(({ forward, both, answers }, index) => ({
    open: opened[index].open,
    forward,
    both,
    logits: apart(answers.logits, reference.logits),
    slope: apart(answers.slope, reference.slope),
  }));
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const ortFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
await cp(ortFolder, join(paths.site, ORT), { recursive: true, filter: (path) => !path.endsWith('.map') });
// A page without rules of its own: the site's forbids what onnxruntime-web loads itself with.
const session = await launch({ path: `/${ORT}/ort.wasm.min.mjs` });
try {
  const measured = await session.page.evaluate(measure, { folder: viewerFolder(), contestants, model, gradient, rounds, ort: ORT });
  const theirs = measured.at(-1);
  const answer = measured.map(({ open, forward, both, logits, slope }, index) => ({
    variant: contestants[index].variant,
    open,
    forward: median(forward),
    gradient: median(both),
    least: [Math.min(...forward), Math.min(...both)],
    ratio: median(both.map((seconds, round) => seconds / forward[round])),
    // Within a round one comes right after the other: what disturbs the machine disturbs both.
    against: [median(forward.map((seconds, round) => seconds / theirs.forward[round])), median(both.map((seconds, round) => seconds / theirs.both[round]))],
    apart: [logits, slope],
  }));
  console.log(JSON.stringify(answer));
} finally {
  await session.close();
}
