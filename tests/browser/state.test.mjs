// What the viewer says it does is what it does, whatever comes in between.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { before, test } from 'node:test';
import { paths } from './harness.mjs';
import { opened } from './setup.mjs';
import { assertShows } from './viewer.mjs';

let files, pictures, session, viewer, page;
opened({ images: 3 }, (it) => ({ files, pictures, session, page, viewer } = it));

const states = () => viewer.root.locator('.panel').evaluateAll((panels) => panels.map((panel) => panel.dataset.state));
const status = () => viewer.root.getByRole('status').textContent();
/** Forgets the complaints about requests that were broken off on purpose. */
const forgive = () => session.problems.splice(0).filter((problem) => !/\.onnx net::ERR_ABORTED/.test(problem));

test('models that are removed while they load leave nothing behind', async () => {
  await page.route('**/models/*.onnx', () => {});
  await page.reload();
  await viewer.root.getByText(/^Loading model 1 of 2: Standard/).waitFor();
  assert.deepEqual(await states(), ['loading', 'waiting']);
  await viewer.panel('Standard').getByRole('button', { name: 'Remove Standard' }).click();
  await viewer.root.getByText(/^Loading the model: Robust/).waitFor();
  await viewer.panel('Robust').getByRole('button', { name: 'Remove Robust' }).click();
  await viewer.idle();
  assert.equal(await status(), 'No models are installed beside this page: add your own.');
  await page.unroute('**/models/*.onnx');
  assert.deepEqual(forgive(), []);
});

test('what was cancelled is not said of a model that comes later', async () => {
  await page.route('**/models/*.onnx', () => {});
  await page.reload();
  await viewer.root.getByText(/^Loading model 1 of 2: Standard/).waitFor();
  await viewer.root.getByRole('button', { name: 'Cancel' }).click();
  await viewer.idle();
  assert.equal(await status(), 'Cancelled.');
  assert.deepEqual(await states(), ['failed', 'failed']);
  await page.unroute('**/models/*.onnx');
  await viewer.pick(join(paths.site, 'models/standard.onnx'), 'Add your own model');
  await viewer.panel('standard').locator('.about:not(:empty)').waitFor();
  await viewer.idle();
  assert.equal(await status(), 'Ready: give it an image.');
  assert.deepEqual(forgive(), []);
});

test('an element that leaves the page and comes back while it starts holds each model once', async () => {
  await page.reload({ waitUntil: 'commit' });
  await page.waitForFunction(() => document.querySelector('pellucid-viewer')?.shadowRoot);
  await page.evaluate(async () => {
    const viewer = document.querySelector('pellucid-viewer');
    const place = viewer.parentElement;
    for (let turn = 0; turn < 3; turn += 1) {
      viewer.remove();
      await new Promise((done) => setTimeout(done, 30));
      place.append(viewer);
    }
    // Moved, and not away for a moment.
    document.querySelector('footer').before(viewer);
  });
  await viewer.ready();
  await viewer.idle();
  assert.deepEqual(await states(), ['ready', 'ready']);
  // The samples are drawn one after the other, beside the models.
  await viewer.root.locator('.samples button').nth(5).waitFor();
  assert.equal(await viewer.root.locator('.samples button').count(), 6);
  await viewer.drop(pictures[0]);
  assert.equal((await viewer.saliencies()).length, 2);
  forgive();
});

test('settings that do not fit are refused, and the former ones hold', async () => {
  const model = await readFile(join(paths.site, 'models/standard.onnx'));
  const bare = Buffer.from(model);
  // The metadata property that holds the card, under another name of the same length.
  bare.write('somebody.card', bare.indexOf('pellucid.card'));
  await viewer.pick(await files.write('bare.onnx', bare), 'Add your own model');
  await viewer.saliencies(1);
  const panel = viewer.panel('bare');
  const before = await viewer.bars('bare');
  await panel.getByText('Settings are guessed').click();
  await panel.getByLabel('Class names').fill('one, two');
  await panel.getByRole('button', { name: 'Apply' }).click();
  await panel.getByText(/^These settings do not fit the model, and the former ones stay: .*\.$/).waitFor();
  await viewer.idle();
  assert.equal(await panel.getAttribute('data-state'), 'ready');
  assert.deepEqual(await viewer.bars('bare'), before);
  await viewer.drop(pictures[1]);
  await viewer.saliencies(3);
  assert.equal((await viewer.bars('bare')).length, before.length);
  await panel.getByRole('button', { name: 'Remove bare' }).click();
  session.assertQuiet();
});

test('promises tell what became of what was asked', async () => {
  const outcomes = await page.evaluate(async (bytes) => {
    const viewer = document.querySelector('pellucid-viewer');
    const outcome = (promise) => promise.then(() => 'done', ({ name, message }) => `${name}: ${message}`);
    const picture = () => new File([Uint8Array.from(bytes)], 'picture.jpg');
    const replaced = outcome(viewer.open(picture()));
    const done = outcome(viewer.open(picture()));
    const first = [await replaced, await done];
    return [...first, await outcome(viewer.open('picture.jpg')), await outcome(viewer.open(new Blob(['text']))), await outcome(viewer.addModel(new File(['text'], 'no.onnx')))];
  }, [...(await readFile(pictures[2]))]);
  assert.equal(outcomes[0], 'AbortError: replaced');
  assert.equal(outcomes[1], 'done');
  assert.match(outcomes[2], /^Error: What the page was given to open is no file/);
  assert.match(outcomes[3], /^Error: .*not an image/);
  assert.match(outcomes[4], /^Error: .*not an ONNX model/);
  await viewer.panel('no').getByRole('button', { name: 'Remove no' }).click();
  session.assertQuiet();
});

test('the keyboard stays where it was', async () => {
  await viewer.drop(pictures[0]);
  await page.evaluate(() => (window.__saliencies = []));
  await viewer.idle();
  const focused = () => page.evaluate(() => document.activeElement.shadowRoot?.activeElement?.dataset.code);
  const bar = viewer.panel('Standard').locator('.bar').nth(1);
  const code = await bar.getAttribute('data-code');
  await bar.focus();
  await page.keyboard.press('Enter');
  await viewer.saliencies();
  assert.equal(await focused(), code);
  session.assertQuiet();
});

test('of several images each is at hand, from a folder too', async () => {
  const row = (name) => viewer.root.locator('.strip button', { hasText: name }).last();
  const count = () => viewer.root.locator('.strip button').count();
  const before = await count();
  const text = await files.write('notes.txt', 'no image');
  await viewer.drop([pictures[0], text, pictures[1]]);
  await viewer.saliencies();
  await assertShows(viewer, pictures[0]);
  assert.equal(await count(), before + 3);
  await row(basename(pictures[1])).click();
  await viewer.saliencies();
  await assertShows(viewer, pictures[1]);
  assert.equal(await row(basename(pictures[1])).getAttribute('aria-pressed'), 'true');
  assert.equal(await viewer.root.locator('.strip [aria-pressed="true"]').count(), 1);
  await row('notes.txt').click();
  assert.match(await viewer.refusal(), /not an image/);
  assert.equal(await viewer.root.locator('.current').isVisible(), false);
  assert.ok(await row('notes.txt').evaluate((button) => button.hasAttribute('data-refused')));
  assert.match(await row('notes.txt').textContent(), /not an image/);
  await viewer.drop(join(files.folder, 'phantoms/HAM10000_images_part_1'));
  await viewer.saliencies();
  await assertShows(viewer, pictures[0]);
  assert.equal(await count(), before + 6);
  session.assertQuiet();
});
