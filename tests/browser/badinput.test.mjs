// What is wrong gets one sentence in its place, and the page goes on.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { png } from './files.mjs';
import { paths, viewerFolder } from './harness.mjs';
import { opened } from './setup.mjs';
import { assertShows } from './viewer.mjs';

let files, picture, session, viewer;
opened({}, (it) => ({ files, picture, session, viewer } = it));

const sentence = /^[A-Z0-9‘“].*[.!?]$/s;

/** Drops a file; the sentence that the page answers with. */
async function refusal(path) {
  await viewer.drop(path);
  const text = await viewer.refusal();
  assert.match(text, sentence);
  assert.equal(text.match(/[.!?]( |$)/g).length, 1, `one sentence: ${text}`);
  await viewer.idle();
  assert.equal(await viewer.root.locator('.panel[data-mapped]').count(), 0, 'no answer to another image is left standing');
  return text;
}

/** The page still explains images, and takes the sentence away. */
async function assertAlive() {
  await viewer.drop(picture);
  await viewer.saliencies();
  await assertShows(viewer, picture);
  assert.equal(await viewer.root.locator('.error').isVisible(), false);
  session.assertQuiet();
}

test('an image that is too large is refused by its size', async () => {
  assert.match(await refusal(await files.write('vast.png', png(20_000, 20_000))), /20000×20000 pixels/);
  await assertAlive();
});

test('an image of one pixel is refused by its size', async () => {
  assert.match(await refusal(await files.write('dot.png', png(1, 1))), /1×1 pixels/);
  await assertAlive();
});

test('an image that breaks off is said to', async () => {
  const bytes = await readFile(picture);
  assert.match(await refusal(await files.write('half.jpg', bytes.subarray(0, bytes.length / 2))), /ends early/);
  const whole = png(300, 200);
  assert.match(await refusal(await files.write('half.png', whole.subarray(0, whole.length - 60))), /ends early|damaged/);
  await assertAlive();
});

test('what is no image is said to be none', async () => {
  assert.match(await refusal(await files.write('notes.txt', 'lesion_id,image_id,dx\n')), /not an image/);
  assert.match(await refusal(await files.write('empty.png', '')), /empty/);
  assert.match(await refusal(await files.write('wrong.png', Buffer.from([0x89, 0x50, 0x4e, 0x47, 1, 2, 3]))), /./);
  assert.match(await refusal(await files.write('alone.json', '{}')), /\.onnx/);
  await assertAlive();
});

test('a picture of another kind is named for what it is', async () => {
  const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
  assert.match(await refusal(await files.write('IMG_0042.heic', heic)), /a HEIC image, .* save it as JPEG/);
  assert.match(await refusal(await files.write('page.jpg', '<!DOCTYPE html><html></html>')), /a web page and not an image/);
  assert.match(await refusal(await files.write('weights.h5', Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'))), /HDF5 .* neither an image nor an ONNX model/);
  await assertAlive();
});

test('a JPEG without its end is shown, and its file is said to be odd', async () => {
  const jpeg = fileURLToPath(new URL('../../shared/images/src/cases/jpeg-without-end-marker.jpg', import.meta.url));
  await viewer.drop(jpeg);
  await viewer.saliencies();
  assert.match(await viewer.root.locator('.current .note').textContent(), /^The end of the file is missing.*\.$/);
  await assertAlive();
  assert.equal(await viewer.root.locator('.current .note').textContent(), '');
});

/** Adds a model; the sentence in its panel. The panel is then removed. */
async function modelRefusal(name, bytes) {
  await viewer.drop(await files.write(`${name}.onnx`, bytes));
  const panel = viewer.panel(name);
  await viewer.page.waitForFunction((wanted) => {
    const panels = [...document.querySelector('pellucid-viewer').shadowRoot.querySelectorAll('.panel')];
    return panels.find((panel) => panel.querySelector('h3').textContent === wanted)?.hasAttribute('data-failed');
  }, name);
  const text = await panel.locator('.word').textContent();
  assert.match(text, sentence);
  await panel.getByRole('button', { name: `Remove ${name}` }).click();
  return text;
}

test('a file that is no model is refused where its panel would be', async () => {
  const model = await readFile(join(paths.site, 'models/standard.onnx'));
  assert.match(await modelRefusal('photograph', await readFile(picture)), /not an ONNX model/);
  assert.match(await modelRefusal('nothing', Buffer.alloc(0)), /not an ONNX model/);
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n';
  assert.match(await modelRefusal('pointer', Buffer.from(pointer)), /Git LFS pointer.*git lfs pull/);
  assert.match(await modelRefusal('half', model.subarray(0, model.length / 2)), /not an ONNX model/);
  await assertAlive();
});

test('a model with two inputs is refused by their names', async () => {
  assert.match(await modelRefusal('pair', twoInputs()), /2 inputs \(left, right\)/);
  await assertAlive();
});

/** An ONNX model that adds two images, written byte by byte after onnx.proto (field numbers as there). */
function twoInputs() {
  const field = (number, data) => Buffer.concat([Buffer.from([(number << 3) | 2, data.length]), data]);
  const text = (number, value) => field(number, Buffer.from(value));
  const varint = (number, value) => Buffer.from([number << 3, value]);
  const dims = [1, 3, 8, 8].map((size) => field(1, varint(1, size)));
  const float = field(1, Buffer.concat([varint(1, 1), field(2, Buffer.concat(dims))]));
  const value = (number, name) => field(number, Buffer.concat([text(1, name), field(2, float)]));
  const node = field(1, Buffer.concat([text(1, 'left'), text(1, 'right'), text(2, 'sum'), text(4, 'Add')]));
  const graph = Buffer.concat([node, text(2, 'pair'), value(11, 'left'), value(11, 'right'), value(12, 'sum')]);
  return Buffer.concat([varint(1, 8), field(7, graph), field(8, varint(2, 17))]);
}

test('a worker whose WebAssembly traps is replaced and tries once more, and the page says so where that traps too', async () => {
  // No image is known that traps; here WebAssembly is handed a picture at an address beyond its memory.
  const { page } = session;
  const trap = 'Picture.decode = () => Object.assign(Picture.phantom(0, 32), { __wbg_ptr: 0xfffffff0 });';
  const those = () => Promise.all(page.workers().map((worker) => worker.evaluate(async ([folder, trap]) => new Function('Picture', trap)((await import(`/${folder}/pellucid_viewer.js`)).Picture), [viewerFolder(), trap])));
  await those();
  await viewer.drop(picture);
  await viewer.saliencies();
  await assertShows(viewer, picture);
  await those();
  await page.route('**/pellucid_viewer.js', async (route) => {
    const response = await route.fetch();
    return route.fulfill({ response, body: `${await response.text()}\n${trap}` });
  });
  assert.match(await refusal(picture), /stopped unexpectedly \(it reached beyond its memory\) and was restarted/);
  // A worker that is loading still gets its file.
  await page.unrouteAll({ behavior: 'wait' });
  // The worker that is there now still traps; the one that takes its place does not.
  await assertAlive();
});

test('a trap is told in plain words, whatever the browser calls it', async () => {
  const told = await session.page.evaluate(async (folder) => {
    const { Trap } = await import(`/${folder}/queue.js`);
    const traps = ['unreachable', 'Unreachable code should not be executed', 'Maximum call stack size exceeded', 'divide by zero'];
    return traps.map((why) => new Trap(why, 0).message);
  }, viewerFolder());
  const reasons = ['it met something that the viewer was not made for', 'it met something that the viewer was not made for', 'it went too deep', 'divide by zero'];
  assert.deepEqual(told.map((message) => /\((.*)\)/.exec(message)[1]), reasons);
});
