// The JavaScript of docs/differentiate.md, run as it stands there.

import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { explained, npyOf, pellucid, scratch } from './files.mjs';
import { paths } from './harness.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** The only block of that language in a page of the documentation. */
async function block(page, language) {
  const text = await readFile(join(here, '../../docs', page), 'utf8');
  const blocks = [...text.matchAll(new RegExp('^```' + language + '\\n(.*?)^```', 'gms'))].map((match) => match[1]);
  assert.equal(blocks.length, 1, `${page} has ${blocks.length} blocks of ${language}`);
  return blocks[0];
}

test('onnxruntime-web runs a differentiated file as documented', async (context) => {
  const files = await scratch();
  // Beside the tests, so that Node.js finds the package.
  const module = join(here, `documented-${process.pid}.tmp.mjs`);
  context.after(() => Promise.all([files.remove(), rm(module, { force: true })]));
  await writeFile(module, await block('differentiate.md', 'js'));
  const { gradient } = await import(pathToFileURL(module).href);

  const plain = join(paths.site, 'models/robust.onnx');
  const differentiated = join(files.folder, 'model-grad.onnx');
  await pellucid('differentiate', plain, '-o', differentiated);
  const dims = [1, 3, 64, 64];
  const distances = [];
  for (const phase of [0, 1, 2, 3]) {
    const image = Float32Array.from({ length: 3 * 64 * 64 }, (_, index) => 0.5 + 0.4 * Math.sin(0.37 * index + phase));
    const answer = await gradient(new Uint8Array(await readFile(differentiated)), image, dims);
    const input = await files.write('image.npy', npyOf(image, dims));
    const ours = await explained(files.folder, plain, input, 'mel');
    assert.equal(answer.grad.length, ours.gradient.length);
    const size = Math.hypot(...ours.gradient);
    assert.ok(size > 0);
    distances.push(Math.hypot(...ours.gradient.map((value, index) => value - answer.grad[index])) / size);
  }
  // A pre-activation near zero may fall on the other side in another engine and moves the gradient of that one image
  // (docs/architecture.md); a wrong gradient is wrong on every image.
  assert.ok(Math.min(...distances) < 1e-4, distances.join(', '));
});
