// Where models come from: the site's list with its hashes, what the browser keeps, and files in half precision.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { explained, phantoms, scratch } from './files.mjs';
import { halved } from './half.mjs';
import { launch, paths } from './harness.mjs';
import { quirky } from './quirky.mjs';
import { Viewer } from './viewer.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

let files, picture, robust, standard;
before(async () => {
  files = await scratch();
  [picture] = await phantoms(files.folder, 1);
  [robust, standard] = await Promise.all(['robust', 'standard'].map((name) => readFile(join(paths.site, `models/${name}.onnx`))));
});
after(() => files?.remove());

/** Opens the page over a manifest of these entries, in a browser that keeps what it is given or in one that does not. */
async function open(context, entries, { offline = true } = {}) {
  const pages = { '/models/manifest.json': JSON.stringify(entries) };
  const session = await launch({ server: await quirky(paths.site, 'plain', pages), offline });
  context.after(() => session.close());
  return { session, page: session.page, viewer: new Viewer(session), pages };
}

const downloads = (session) => session.requests.filter((url) => url.endsWith('.onnx')).map((url) => url.split('/').pop());

test('a model is held to its hash, kept under it, and not asked for again', async (context) => {
  const entries = [
    { name: 'Standard', file: 'standard.onnx', sha256: sha256(standard) },
    { name: 'Robust', file: 'robust.onnx' },
  ];
  const { session, page, viewer } = await open(context, entries);
  await viewer.ready();
  assert.deepEqual(downloads(session).sort(), ['robust.onnx', 'standard.onnx']);
  const kept = () => page.evaluate(async () => (await (await caches.open('pellucid-models')).keys()).map(({ url }) => url.split('/').pop()));
  await page.waitForFunction(async () => (await (await caches.open('pellucid-models')).keys()).length === 1);
  assert.deepEqual(await kept(), [sha256(standard)]);
  session.requests.splice(0);
  await page.reload();
  await viewer.ready();
  // One without a hash may have changed meanwhile.
  assert.deepEqual(downloads(session), ['robust.onnx']);
  // What is kept and was damaged is downloaded again.
  await page.evaluate(async () => {
    const cache = await caches.open('pellucid-models');
    const [request] = await cache.keys();
    await cache.put(request, new Response('damaged'));
  });
  session.requests.splice(0);
  await page.reload();
  await viewer.ready();
  assert.deepEqual(downloads(session).sort(), ['robust.onnx', 'standard.onnx']);
  session.assertQuiet();
});

test('a file with another hash is refused and never kept, and the other model answers', async (context) => {
  const entries = [
    { name: 'Wrong', file: 'standard.onnx', sha256: sha256(robust) },
    { name: 'Robust', file: 'robust.onnx', sha256: sha256(robust) },
  ];
  const { session, page, viewer } = await open(context, entries);
  const word = viewer.panel('Wrong').locator('.word[role="alert"]');
  await word.waitFor();
  assert.match(await word.textContent(), /^The model standard\.onnx is not the file that the site's list of models means: its SHA-256 begins with [0-9a-f]{12} and not with [0-9a-f]{12}\./);
  assert.equal(await viewer.panel('Wrong').getAttribute('data-state'), 'failed');
  await viewer.ready(1);
  await viewer.drop(picture);
  const answers = await viewer.saliencies(1);
  assert.deepEqual(answers.map(({ model }) => model), ['Robust']);
  assert.deepEqual(await page.evaluate(async () => (await (await caches.open('pellucid-models')).keys()).map(({ url }) => url.split('/').pop())), [sha256(robust)]);
  session.assertQuiet();
});

test('a hash that is none is said of the list', async (context) => {
  const { viewer } = await open(context, [{ name: 'Robust', file: 'robust.onnx', sha256: 'abc' }]);
  await viewer.root.getByText('The "sha256" of model 1 in the list of models (manifest.json) is no SHA-256').waitFor();
});

test('what was not used for longest goes first when there is no more room', async (context) => {
  const { page, viewer } = await open(context, [{ name: 'Robust', file: 'robust.onnx' }]);
  await viewer.ready(1);
  const left = await page.evaluate(async () => {
    const folder = document.querySelector('link[rel="stylesheet"]').href.replace('page.css', '');
    const { keep, kept } = await import(`${folder}kept.js`);
    const { sha256 } = await import(`${folder}sha256.js`);
    const pause = () => new Promise((done) => setTimeout(done, 5));
    const all = await Promise.all(['a', 'b', 'c', 'd'].map(async (letter) => {
      const blob = new Blob([letter.repeat(100)]);
      return [letter, await sha256(blob), blob];
    }));
    const [a, b, c, d] = all;
    const there = async () => {
      const keys = await (await caches.open('pellucid-models')).keys();
      return all.filter(([, hash]) => keys.some(({ url }) => url.endsWith(hash))).map(([letter]) => letter).join('');
    };
    const steps = [];
    for (const [, hash, blob] of [a, b, c]) await keep(hash, blob, 300).then(pause);
    steps.push(await there());
    // `a` is used again: `b` is the oldest now.
    await kept(a[1]);
    await pause();
    await keep(d[1], d[2], 300);
    steps.push(await there());
    // Larger than all the room there is: it is not kept, and nothing goes for it.
    await keep('0'.repeat(64), new Blob(['x'.repeat(301)]), 300);
    steps.push(await there());
    return steps;
  });
  assert.deepEqual(left, ['abc', 'acd', 'acd']);
});

test('where the browser gives no store the models come all the same, each time', async (context) => {
  const { session, page, viewer } = await open(context, [{ name: 'Robust', file: 'robust.onnx', sha256: sha256(robust) }], { offline: false });
  for (let visit = 0; visit < 2; visit += 1) {
    await viewer.ready(1);
    await viewer.idle();
    await viewer.root.getByText('This browser keeps no model and no image.').waitFor();
    // What is on its way is not broken off.
    await viewer.root.locator('.samples button').nth(5).waitFor();
    assert.deepEqual(downloads(session), ['robust.onnx']);
    session.assertQuiet();
    if (visit > 0) break;
    session.requests.splice(0);
    await page.reload();
  }
});

test('a file in half precision answers as the command line says of the same file', async (context) => {
  const bytes = halved(robust);
  assert.ok(bytes.length < robust.length * 0.55, `${bytes.length} of ${robust.length} bytes`);
  const path = await files.write('half.onnx', bytes);
  const { session, viewer } = await open(context, []);
  await viewer.root.getByText('No models are installed').waitFor();
  await viewer.pick(path, 'Add your own model');
  await viewer.ready(1);
  await viewer.drop(picture);
  const [answer] = await viewer.saliencies(1);
  const { report, gradient } = await explained(files.folder, path, picture, answer.code);
  const full = await explained(files.folder, join(paths.site, 'models/robust.onnx'), picture, answer.code);
  const apart = (a, b) => Math.hypot(...a.map((value, index) => value - b[index])) / Math.hypot(...b);
  assert.equal(answer.gradient.length, gradient.length);
  assert.ok(apart(answer.gradient, gradient) < 1e-3, `the map is ${apart(answer.gradient, gradient)} off`);
  // It is another network than the one that it was made of: weights were rounded.
  assert.ok(apart(full.gradient, gradient) > 1e-5);
  assert.ok(report.classes.every(({ probability }, index) => Math.abs(probability - answer.probabilities[index]) < 1e-4), JSON.stringify(report.classes));
  session.assertQuiet();
});
