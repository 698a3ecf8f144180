// Methods beyond the gradient: the command line's numbers, progress, and an end at any time.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { explained } from './files.mjs';
import { paths, viewerFolder } from './harness.mjs';
import { opened } from './setup.mjs';

let files, picture, first, session, viewer, page;
opened({ explained: true }, (it) => ({ files, picture, session, page, viewer, found: first } = it));

const MODELS = ['Standard', 'Robust'];
const method = () => viewer.root.getByLabel('Method');
const norm = (values) => Math.hypot(...values);
const difference = (a, b) => norm(a.map((value, index) => value - b[index])) / norm(b);

/** Chooses, and gives the two models' answers to the last choice. */
async function answers(choose) {
  await viewer.idle();
  await page.evaluate(() => (window.__saliencies = []));
  await choose();
  return viewer.saliencies();
}

async function assertCommandLine(found, ...options) {
  const distances = [];
  for (const { model, code, attribution } of found) {
    const native = await explained(files.folder, join(paths.site, 'models', `${model.toLowerCase()}.onnx`), picture, code, ...options);
    assert.equal(attribution.length, native.gradient.length, model);
    distances.push(difference(attribution, [...native.gradient]));
  }
  assert.equal(distances.length, 2);
  // A pre-activation near zero may fall on the other side in another build of the engine; a wrong method is wrong everywhere.
  assert.ok(Math.max(...distances) < 0.05 && Math.min(...distances) < 1e-3, distances.join(', '));
}

const CASES = [
  ['input-x-gradient', {}, ['--method', 'input-x-gradient']],
  ['smoothgrad', { copies: '10', noise: '0.1' }, ['--method', 'smoothgrad', '--samples', '10', '--sigma', '0.1']],
  ['integrated-gradients', { steps: '20', from: 'white' }, ['--method', 'integrated-gradients', '--steps', '20', '--baseline', 'white']],
  ['grad-cam', {}, ['--method', 'grad-cam']],
  ['occlusion', { square: '0.33' }, ['--method', 'occlusion', '--window', '21', '--stride', '11']],
];

for (const [name, parameters, options] of CASES) {
  test(`${name} gives the command line's numbers`, async () => {
    let found = await answers(() => method().selectOption(name));
    for (const [label, value] of Object.entries(parameters)) found = await answers(() => viewer.root.locator('.parameters').getByLabel(label).selectOption(value));
    assert.deepEqual(found.map((answer) => answer.method.name), [name, name]);
    assert.deepEqual(found.map(({ gradient }) => gradient), [null, null]);
    await assertCommandLine(found, ...options);
    session.assertQuiet();
  });
}

test('what speaks for one class rather than another', async () => {
  await answers(() => method().selectOption('gradient'));
  const codes = (await viewer.bars('Standard')).map(({ code }) => code);
  const other = codes.find((code) => !first.some((answer) => answer.code === code));
  const found = await answers(() => viewer.root.getByLabel('Rather than').selectOption(other));
  assert.deepEqual(found.map(({ against }) => against), [other, other]);
  await assertCommandLine(found, '--against', other);
  assert.match(await viewer.panel('Robust').locator('.caption').textContent(), /^Saliency for .* rather than /);
  await viewer.panel('Robust').locator(`.bar[data-code="${other}"]`).click();
  await viewer.panel('Robust').getByText('Here the class is held against itself: choose another one.').waitFor();
  await viewer.root.getByLabel('Rather than').selectOption('');
  await viewer.root.getByLabel('Prediction').check();
  await viewer.saliencies();
  session.assertQuiet();
});

test('a long method tells how far it is, and when it is cancelled the former map stays whole', async () => {
  await answers(() => method().selectOption('integrated-gradients'));
  await answers(() => viewer.root.locator('.parameters').getByLabel('steps').selectOption('200'));
  await answers(() => method().selectOption('grad-cam'));
  const shown = await viewer.map('Standard');
  await method().selectOption('integrated-gradients');
  await viewer.panel('Standard').getByText(/^Integrated gradients: \d+ of \d+$/).waitFor();
  await viewer.root.getByRole('button', { name: 'Cancel' }).click();
  await viewer.idle();
  assert.equal(await viewer.root.getByRole('status').textContent(), 'Cancelled.');
  assert.match(await viewer.panel('Standard').locator('.caption').textContent(), /^Grad-CAM for /);
  assert.deepEqual(await viewer.map('Standard'), shown);
  // The worker may hold another map by now, or be a new one: what is painted anew is still the one that is named.
  await viewer.root.getByLabel('Signed').check();
  await page.waitForFunction(() => document.querySelector('pellucid-viewer').shadowRoot.querySelector('.panel').dataset.style === 'all');
  await viewer.root.getByLabel('Magnitude').check();
  await page.waitForFunction(() => document.querySelector('pellucid-viewer').shadowRoot.querySelector('.panel').dataset.style === 'absolute');
  assert.deepEqual(await viewer.map('Standard'), shown);
  await answers(() => method().selectOption('gradient'));
  session.assertQuiet();
});

test('a long method that is cancelled is ended in the middle, and the model answers again', async () => {
  await answers(() => method().selectOption('smoothgrad'));
  const before = await answers(() => viewer.root.locator('.parameters').getByLabel('copies').selectOption('10'));
  await answers(() => viewer.root.locator('.parameters').getByLabel('noise').selectOption('0.3'));
  await viewer.root.locator('.parameters').getByLabel('copies').selectOption('100');
  await viewer.panel('Standard').getByText(/^SmoothGrad: \d+ of \d+$/).waitFor();
  const ended = new Promise((done) => page.workers().forEach((worker) => worker.on('close', done)));
  await viewer.root.getByRole('button', { name: 'Cancel' }).click();
  // The computation is over when its worker is: nothing goes on behind the page.
  await ended;
  await viewer.idle();
  assert.equal(await viewer.root.getByRole('status').textContent(), 'Cancelled.');
  await page.evaluate(() => (window.__saliencies = []));
  await answers(() => viewer.root.locator('.parameters').getByLabel('copies').selectOption('10'));
  const after = await answers(() => viewer.root.locator('.parameters').getByLabel('noise').selectOption(String(before[0].method.sigma)));
  const named = (found) => Object.fromEntries(found.map(({ model, attribution }) => [model, attribution]));
  assert.deepEqual(named(after), named(before));
  await answers(() => method().selectOption('gradient'));
  session.assertQuiet();
});

test('a long method tells how long it takes still, once a tenth is done', async () => {
  const told = await page.evaluate(async (folder) => {
    const { TimeLeft } = await import(`/${folder}/timeleft.js`);
    const tell = (total, ...steps) => {
      const left = new TimeLeft();
      return steps.map(([done, at]) => left.after(done, total, at));
    };
    // The first step lies behind another matter of unknown length, and does not count.
    return [tell(50, [1, 60_000], [4, 63_000], [5, 64_000], [40, 99_000], [49, 108_000], [50, 109_000]), tell(1000, [1, 0], [99, 98_000], [100, 99_000], [500, 998_000])];
  }, viewerFolder());
  assert.deepEqual(told[0], ['', '', 'about 45 s left', 'about 10 s left', 'about 1 s left', '']);
  assert.deepEqual(told[1], ['', '', 'about 15 min left', 'about 17 min left']);
  // In the page: every text of a run, with how far it was.
  await answers(() => method().selectOption('smoothgrad'));
  await page.evaluate(() => {
    const panel = document.querySelector('pellucid-viewer').shadowRoot.querySelector('.panel');
    window.__left = [];
    const look = () => window.__left.push([panel.querySelector('.word').textContent, panel.querySelector('.time-left').textContent]);
    window.__watch = new MutationObserver(look);
    window.__watch.observe(panel.querySelector('.stage'), { subtree: true, childList: true, characterData: true });
  });
  await answers(() => viewer.root.locator('.parameters').getByLabel('copies').selectOption('50'));
  const seen = await page.evaluate(() => (window.__watch.disconnect(), window.__left));
  const steps = seen.map(([word, left]) => [Number(/^SmoothGrad: (\d+) of /.exec(word)?.[1]), left]).filter(([done]) => done);
  assert.ok(steps.length > 20, `${steps.length}`);
  for (const [done, left] of steps) assert.match(left, done < 6 || done >= 50 ? /^$|^about/ : /^about \d+ (s|min) left$/, `at ${done}`);
  assert.ok(steps.filter(([done]) => done < 5).every(([, left]) => left === ''));
  assert.equal(await viewer.panel('Standard').locator('.time-left').textContent(), '');
  await answers(() => method().selectOption('gradient'));
  session.assertQuiet();
});

test('one model’s long method is given up in its own picture, and the other goes on', async () => {
  await answers(() => method().selectOption('smoothgrad'));
  await viewer.idle();
  await page.evaluate(() => (window.__saliencies = []));
  const giveUp = viewer.panel('Standard').getByRole('button', { name: 'Give up SmoothGrad of Standard' });
  const begun = viewer.panel('Standard').getByText(/^SmoothGrad: \d+ of \d+$/).waitFor();
  await viewer.root.locator('.parameters').getByLabel('copies').selectOption('100');
  await begun;
  await giveUp.focus();
  await page.keyboard.press('Enter');
  await giveUp.waitFor({ state: 'hidden' });
  assert.equal(await viewer.plate('Standard').evaluate((plate) => plate.getRootNode().activeElement === plate), true);
  const [robust, ...others] = await viewer.saliencies(1);
  assert.deepEqual([robust.model, robust.method.samples, others], ['Robust', 100, []]);
  assert.match(await viewer.panel('Standard').locator('.caption').textContent(), /^SmoothGrad for /);
  assert.equal(await viewer.panel('Standard').getAttribute('data-busy'), null);
  // With a new image there is no map that could stay.
  await viewer.drop(picture);
  await viewer.panel('Robust').getByText(/^SmoothGrad: \d+ of \d+$/).waitFor();
  await viewer.panel('Robust').getByRole('button', { name: /^Give up/ }).click();
  await viewer.panel('Robust').locator('.note', { hasText: 'Cancelled.' }).waitFor();
  await viewer.idle();
  assert.equal(await viewer.panel('Robust').getAttribute('data-mapped'), null);
  assert.equal(await viewer.panel('Standard').getAttribute('data-mapped'), '');
  assert.equal(await viewer.panel('Robust').locator('.bar').count() > 0, true);
  await answers(() => method().selectOption('gradient'));
  session.assertQuiet();
});

test('a style that is chosen while a map is computed holds for the map that comes, or for the one that stays', async () => {
  const style = () => viewer.panel('Standard').getAttribute('data-style');
  await answers(() => method().selectOption('gradient'));
  await answers(async () => {
    await method().selectOption('integrated-gradients');
    await viewer.root.getByLabel('Signed').check();
  });
  assert.match(await viewer.panel('Standard').locator('.caption').textContent(), /^Integrated gradients for /);
  assert.equal(await style(), 'all');
  const steps = (count) => viewer.root.locator('.parameters').getByLabel('steps').selectOption(count);
  await answers(() => steps('20'));
  await page.evaluate(() => (window.__saliencies = []));
  // Ten times as long as the map that stays, so that it is met at work on a fast machine too; both ends of the way are asked beside the 200 steps.
  const begun = viewer.panel('Standard').getByText(/^Integrated gradients: \d+ of 202$/).waitFor();
  await steps('200');
  await begun;
  await viewer.root.getByLabel('Magnitude').check();
  await viewer.root.getByRole('button', { name: 'Cancel' }).click();
  await page.waitForFunction(() => document.querySelector('pellucid-viewer').shadowRoot.querySelector('.panel').dataset.style === 'absolute');
  await viewer.idle();
  assert.equal(await viewer.root.locator('[part="status"]').textContent(), 'Cancelled.');
  assert.deepEqual(await page.evaluate(() => window.__saliencies.filter(({ model }) => model === 'Standard')), []);
  assert.match(await viewer.panel('Standard').locator('.caption').textContent(), /^Integrated gradients for /);
  await answers(() => method().selectOption('gradient'));
  session.assertQuiet();
});

for (const [name, wanted] of Object.entries({
  'constant-scores': /^The map is zero everywhere: by this method no pixel matters to this score\.$/,
  'next-to-nothing': /^The map's largest value is .*e−\d+\. That is the rounding of other numbers, so it is not drawn\./,
})) {
  test(`${name}: said in a sentence, and not painted as noise`, async () => {
    await viewer.drop(join(import.meta.dirname, 'cases', `${name}.onnx`));
    await viewer.panel(name).getByText(wanted).waitFor();
    await viewer.idle();
    assert.equal(await viewer.panel(name).getAttribute('data-mapped'), null);
    assert.equal(await viewer.panel(name).locator('canvas.map').evaluate((canvas) => getComputedStyle(canvas).visibility), 'hidden');
    await viewer.root.getByLabel('Signed').check();
    await viewer.root.getByLabel('Magnitude').check();
    await viewer.idle();
    assert.equal(await viewer.panel(name).getAttribute('data-mapped'), null);
    await viewer.panel(name).getByRole('button', { name: `Remove ${name}` }).click();
    session.assertQuiet();
  });
}
