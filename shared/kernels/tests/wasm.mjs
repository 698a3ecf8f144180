// The kernels in WebAssembly: held to float64, and timed layer by layer.
//
//     for features in +simd128 +simd128,+relaxed-simd; do
//       RUSTFLAGS="-C target-feature=$features" cargo build -p pellucid-kernels --example wasm --target wasm32-unknown-unknown --profile site
//       node --experimental-wasm-relaxed-simd shared/kernels/tests/wasm.mjs target/wasm32-unknown-unknown/site/examples/wasm.wasm
//     done
//
// With `--time` it prints milliseconds of processor time, the least of some rounds, instead.

import { readFile } from 'node:fs/promises';
import process from 'node:process';

const [file, mode] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(await readFile(file), {});
const { error, prepare, once, peak } = instance.exports;

if (mode !== '--time') {
  let worst = 0;
  for (let seed = 0; seed < 10; seed += 1) worst = Math.max(worst, error(seed, 40));
  console.log(`the largest error is ${worst.toFixed(3)} of what is allowed`);
  process.exit(worst < 1 ? 0 : 1);
}

const kinds = ['decisions', 'gradient', 'transposed'];
// kind, channels, filters, side, window, stride, groups
const layers = [
  [0, 64, 64, 56, 3, 1, 1], [0, 128, 128, 28, 3, 1, 1], [0, 256, 256, 14, 3, 1, 1], [0, 512, 512, 7, 3, 1, 1],
  [1, 64, 64, 56, 3, 1, 1], [1, 128, 128, 28, 3, 1, 1], [1, 256, 256, 14, 3, 1, 1], [1, 512, 512, 7, 3, 1, 1],
  [0, 3, 64, 224, 7, 2, 1], [0, 64, 128, 56, 3, 2, 1], [0, 128, 256, 28, 3, 2, 1], [0, 256, 512, 14, 3, 2, 1], [0, 64, 128, 56, 1, 2, 1],
  [2, 3, 64, 224, 7, 2, 1], [2, 64, 128, 56, 3, 2, 1], [2, 128, 256, 28, 3, 2, 1], [2, 256, 512, 14, 3, 2, 1], [2, 64, 128, 56, 1, 2, 1],
  [0, 64, 256, 56, 1, 1, 1], [0, 256, 64, 56, 1, 1, 1], [0, 1024, 256, 14, 1, 1, 1], [0, 96, 24, 56, 1, 1, 1],
  [0, 96, 96, 112, 3, 2, 96], [0, 144, 144, 56, 3, 1, 144], [0, 240, 240, 28, 5, 1, 240], [2, 144, 144, 56, 3, 2, 144],
];
/** Milliseconds of processor time that something takes. */
function timed(work) {
  const begun = process.cpuUsage().user;
  work();
  return (process.cpuUsage().user - begun) / 1e3;
}

const rounds = 1e6;
for (const layer of layers) {
  const prepared = prepare(...layer);
  let fastest = 0;
  let least = Infinity;
  let products = 0;
  for (let round = 0; round < 25; round += 1) {
    least = Math.min(least, timed(() => { products = once(prepared); }));
    // The machine as it is at that moment.
    fastest = Math.max(fastest, rounds * 48 / 1e6 / timed(() => peak(rounds, 1e-9)));
  }
  const [kind, ...sizes] = layer;
  console.log(`${kinds[kind].padEnd(11)} ${sizes.join(' ').padEnd(24)} ${least.toFixed(2).padStart(7)} ms  ${(products / least / 1e6).toFixed(1).padStart(6)} G/s of ${fastest.toFixed(1)}`);
}
