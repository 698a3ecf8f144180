// From an image to saliency: every way in, and the same numbers as the command line's.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { explained, png } from './files.mjs';
import { paths } from './harness.mjs';
import { opened } from './setup.mjs';
import { assertShows } from './viewer.mjs';

let files, pictures, session, viewer;
opened({ images: 3 }, (it) => ({ files, pictures, session, viewer } = it));

const manifest = async () => JSON.parse(await readFile(join(paths.site, 'models/manifest.json'), 'utf8'));
const codes = async () => (await viewer.bars('Standard')).map(({ code }) => code);

const norm = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const difference = (a, b) => norm(a.map((value, index) => value - b[index])) / norm(b);

test('an image that is dropped ends in two predictions and two maps', async () => {
  await viewer.drop(pictures[0]);
  const found = await viewer.saliencies();
  await assertShows(viewer, pictures[0]);
  await session.screenshot('explained');
  assert.deepEqual(found.map(({ model }) => model).sort(), ['Robust', 'Standard']);
  for (const { model, code, size, gradient, probabilities } of found) {
    assert.equal(gradient.length, 3 * size * size);
    assert.ok(norm(gradient) > 0);
    assert.ok(Math.abs(probabilities.reduce((a, b) => a + b) - 1) < 1e-5);
    const bars = await viewer.bars(model);
    assert.deepEqual(bars.filter(({ predicted }) => predicted).map((bar) => bar.code), [code], 'the prediction is explained');
    assert.deepEqual(bars.filter((bar) => bar.explained).map((bar) => bar.code), [code]);
    const map = await viewer.map(model);
    assert.equal(map.width, size);
    assert.ok(map.pixels.some((value, index) => index % 4 === 3 && value > 200), 'something is strong');
    assert.ok(map.pixels.some((value, index) => index % 4 === 3 && value < 20), 'something is weak');
  }
  session.assertQuiet();
});

test('picking and pasting the same pixels give the same answers as dropping them', async () => {
  // PNG, because the clipboard holds pixels, not files: what is pasted has been through the browser's encoder.
  const image = await readFile(await session.screenshot('pasted')).then((bytes) => files.write('picture.png', bytes));
  await viewer.drop(image);
  const dropped = await viewer.saliencies();
  await viewer.pick(image);
  const picked = await viewer.saliencies();
  await viewer.paste(await readFile(image));
  const pasted = await viewer.saliencies();
  const sorted = (found) => found.sort((a, b) => a.model.localeCompare(b.model));
  assert.deepEqual(sorted(picked), sorted(dropped));
  assert.deepEqual(sorted(pasted), sorted(dropped));
  session.assertQuiet();
});

/**
 * The reference is `pellucid explain`, which the trainer's tests hold against libtorch and ONNX Runtime. Logits agree
 * tightly. Two builds of an engine may round a pre-activation near zero to either side; that flips the mask of a ReLU and
 * changes the gradient at that place, so most pairs must agree tightly, and all well.
 */
test("logits, gradients and the maps' pixels are the command line's", async () => {
  const classes = await codes();
  const off = [];
  await viewer.root.getByLabel('Alone').check();
  for (const picture of pictures.slice(0, 2)) {
    await viewer.drop(picture);
    await viewer.saliencies();
    for (const target of classes) {
      await viewer.page.evaluate(() => (window.__saliencies = []));
      await viewer.panel('Standard').locator(`.bar[data-code="${target}"]`).click();
      // The class that is shown already is computed again all the same.
      const found = await viewer.saliencies();
      for (const { name, file } of await manifest()) {
        const ours = found.find(({ model }) => model === name);
        const native = await explained(files.folder, join(paths.site, 'models', file), picture, target);
        const label = `${name}, ${target}, ${picture}`;
        assert.equal(ours.code, target);
        native.report.classes.forEach(({ logit, probability }, index) => {
          assert.ok(Math.abs(ours.logits[index] - logit) < 1e-4 * (1 + Math.abs(logit)), label);
          assert.ok(Math.abs(ours.probabilities[index] - probability) < 1e-4, label);
        });
        const relative = difference(ours.gradient, native.gradient);
        off.push(relative);
        assert.ok(relative < 0.05, `${label}: the gradients differ by ${relative}`);
        if (relative < 1e-4) await assertSamePixels(await viewer.map(name), await viewer.decoded(native.map), label);
      }
    }
  }
  await viewer.root.getByLabel('Over the image').check();
  await viewer.root.getByLabel('Prediction').check();
  await viewer.saliencies();
  const tight = off.filter((relative) => relative < 1e-4).length;
  assert.ok(tight * 3 > off.length * 2, `only ${tight} of ${off.length} gradients agree tightly: ${off}`);
  session.assertQuiet();
});

function assertSamePixels(ours, native, label) {
  assert.deepEqual([ours.width, ours.height], [native.width, native.height], label);
  const distances = ours.pixels.map((value, index) => Math.abs(value - native.pixels[index]));
  assert.ok(Math.max(...distances) <= 2, `${label}: a pixel differs by ${Math.max(...distances)} of 255`);
}

test('the comparison with the command line can fail: another class has another gradient', async () => {
  const [first, second] = await codes();
  const { file } = (await manifest())[0];
  const of = (target) => explained(files.folder, join(paths.site, 'models', file), pictures[0], target);
  assert.ok(difference((await of(first)).gradient, (await of(second)).gradient) > 0.2);
});

test('a drawn sample is explained, and its cause can be outlined', async () => {
  const before = session.requests.length;
  await viewer.root.locator('.samples button').first().click();
  await viewer.saliencies();
  assert.match(await viewer.current(), /^Sample 1: /);
  await viewer.root.getByLabel(/^outline the cause/).check();
  assert.equal(await viewer.panel('Standard').locator('canvas.cause').evaluate((canvas) => getComputedStyle(canvas).visibility), 'visible');
  await viewer.drop(pictures[1]);
  await viewer.saliencies();
  assert.equal(await viewer.panel('Standard').locator('canvas.cause').evaluate((canvas) => getComputedStyle(canvas).visibility), 'hidden');
  assert.deepEqual(session.requests.slice(before), [], 'images and samples cost no request');
});

test('once loaded, the page works without any network', async () => {
  await session.context.setOffline(true);
  await viewer.drop(pictures[2]);
  const offline = await viewer.saliencies();
  await session.context.setOffline(false);
  await viewer.drop(pictures[2]);
  const byModel = (found) => found.sort((a, b) => a.model.localeCompare(b.model));
  assert.deepEqual(byModel(offline), byModel(await viewer.saliencies()));
  session.assertQuiet();
});

test('a model of one’s own is added, with its sidecar, used and removed', async () => {
  const [{ file }] = await manifest();
  const model = await files.write('own.onnx', await readFile(join(paths.site, 'models', file)));
  const card = { version: 1, classes: [{ code: 'x', name: 'ex' }, { code: 'y' }, { code: 'z' }], input: { preprocessing: { size: 64, crop: 'stretch' } } };
  await viewer.drop(pictures[0]);
  await viewer.saliencies();
  await viewer.drop([model, await files.write('own.json', JSON.stringify(card))]);
  const [found] = await viewer.saliencies(1);
  assert.equal(found.model, 'own');
  assert.deepEqual((await viewer.bars('own')).map(({ code }) => code), ['x', 'y', 'z']);
  await viewer.panel('own').getByRole('button', { name: 'Remove own' }).click();
  assert.equal(await viewer.panel('own').count(), 0);
  session.assertQuiet();
});

test('a model without a card is used with guessed settings, which can be corrected', async () => {
  const [{ file }] = await manifest();
  const model = join(files.folder, 'bare.onnx');
  await files.write('bare.onnx', withoutCard(await readFile(join(paths.site, 'models', file))));
  await viewer.drop(pictures[0]);
  await viewer.saliencies();
  await viewer.pick(model, 'Add your own model');
  const [guessed] = await viewer.saliencies(1);
  const panel = viewer.panel('bare');
  await panel.getByText('Settings are guessed').click();
  await panel.getByLabel('Normalization').selectOption('imagenet');
  await panel.getByLabel('Class names').fill('one, two, three');
  await panel.getByRole('button', { name: 'Apply' }).click();
  const [corrected] = await viewer.saliencies(1);
  assert.notDeepEqual(corrected.logits, guessed.logits);
  assert.deepEqual((await viewer.bars('bare')).map(({ code }) => code), ['one', 'two', 'three']);
  await viewer.panel('bare').getByRole('button', { name: 'Remove bare' }).click();
  session.assertQuiet();
});

/** Renames the metadata property that holds the card: the same length, so the protobuf message stays whole. */
function withoutCard(bytes) {
  const at = bytes.indexOf('pellucid.card');
  assert.ok(at > 0);
  const changed = Buffer.from(bytes);
  changed.write('somebody.card', at);
  return changed;
}

test('a new image takes the place of the one before, even while that is being computed', async () => {
  const first = await files.write('first.png', png(700, 700));
  for (const second of pictures) {
    await viewer.drop(first);
    await viewer.drop(second);
    // The first one may be done before the second comes, or be broken off at any point.
    await viewer.root.locator('.current .name').getByText(basename(second), { exact: true }).waitFor();
    await viewer.idle();
    await assertShows(viewer, second);
    const shown = await viewer.bars('Standard');
    const { report } = await explained(files.folder, join(paths.site, 'models', (await manifest())[0].file), second, shown[0].code);
    const winner = report.classes[report.predicted];
    assert.equal(shown.find(({ predicted }) => predicted).code, winner.code);
    assert.ok(Math.abs(parseFloat(shown.find(({ predicted }) => predicted).share) / 100 - winner.probability) < 0.002);
  }
  session.assertQuiet();
});
