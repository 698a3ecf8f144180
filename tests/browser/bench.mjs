// How long the page's WebAssembly takes in a real Chromium, on one thread: prints JSON.
//
//     node bench.mjs MODEL ROUNDS     MODEL is a file below the site, such as models/resnet18.onnx
//
// Environment as for the tests (see `run.mjs`). The network is opened as the page's worker does it; a round takes a new
// image, classifies it, and asks for the gradient of one class.

import process from 'node:process';
import { launch, viewerFolder } from './harness.mjs';

const [model, rounds] = [process.argv[2], Number(process.argv[3])];
const variants = { 'relaxed-simd': 'pellucid_viewer_relaxed_bg.wasm', simd128: 'pellucid_viewer_bg.wasm' };

/** Runs in the page. Times in seconds, one per round. */
async function measure({ folder, binary, model, rounds }) {
  const { default: start, Classifier } = await import(`/${folder}/pellucid_viewer.js`);
  await start({ module_or_path: await WebAssembly.compileStreaming(fetch(`/${folder}/${binary}`)) });
  const bytes = new Uint8Array(await (await fetch(`/${model}`)).arrayBuffer());
  let begun = performance.now();
  const since = () => (performance.now() - begun) / 1000;
  const classifier = new Classifier(bytes, undefined);
  const open = since();
  const side = classifier.describe().size;
  const forward = [];
  const both = [];
  // The first round finds code that is not compiled at its best yet, and does not count.
  for (let round = 0; round <= rounds; round += 1) {
    const image = Float32Array.from({ length: 3 * side * side }, (_, index) => ((index * (round + 7)) % 251) / 250);
    begun = performance.now();
    const { logits } = classifier.classify(image);
    const classified = since();
    const gradient = classifier.gradient(7);
    const explained = since();
    if (!logits.every(Number.isFinite) || !gradient.some((value) => value !== 0)) throw new Error('no numbers, or no gradient');
    if (round === 0) continue;
    forward.push(classified);
    both.push(explained);
  }
  return { open, forward, both };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const answer = [];
for (const [variant, binary] of Object.entries(variants)) {
  // A page of its own for each: an instance of WebAssembly keeps its memory as long as its page.
  const session = await launch();
  try {
    const { open, forward, both } = await session.page.evaluate(measure, { folder: viewerFolder(), binary, model, rounds });
    const ratio = median(both.map((seconds, round) => seconds / forward[round]));
    answer.push({ variant, open, forward: median(forward), gradient: median(both), ratio });
  } finally {
    await session.close();
  }
}
console.log(JSON.stringify(answer));
