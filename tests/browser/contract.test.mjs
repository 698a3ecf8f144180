// Models without a card: page and command line feed them alike, read them alike, and say the same of what they assume.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { explained } from './files.mjs';
import { opened } from './setup.mjs';

/** Small networks; what their names say is all that is unusual of them. */
const CASES = ['one-logit', 'ends-in-softmax', 'nhwc', 'output-n-k-1-1'];
const folder = join(import.meta.dirname, 'cases');

let files, picture, session, viewer;
opened({ explained: true }, (it) => ({ files, picture, session, viewer } = it));

const near = (a, b, label) => assert.ok(Math.abs(a - b) < 1e-4 * (1 + Math.abs(b)), `${label}: ${a} for ${b}`);

/** `[H, W, C]` as `[C, H, W]`. */
const channelsFirst = (values) => values.map((_, index) => values[(index % (values.length / 3)) * 3 + Math.floor(index / (values.length / 3))]);

const sentences = (name) => viewer.panel(name).locator('.assumed li').allTextContents();

for (const name of CASES) {
  test(`${name}: the same numbers and the same sentences as the command line`, async () => {
    await viewer.drop(join(folder, `${name}.onnx`));
    const [first] = await viewer.saliencies(1);
    for (const code of [first.code, ...(name === 'one-logit' ? ['0', '1'] : [])]) {
      await viewer.panel(name).locator(`.bar[data-code="${code}"]`).click();
      const found = (await viewer.saliencies(1)).find(({ model }) => model === name);
      const native = await explained(files.folder, join(folder, `${name}.onnx`), picture, code);
      assert.equal(found.code, code);
      native.report.classes.forEach(({ logit, probability }, index) => {
        near(found.logits[index], logit, `${name}, logit ${index}`);
        near(found.probabilities[index], probability, `${name}, probability ${index}`);
      });
      const gradient = name === 'nhwc' ? channelsFirst([...native.gradient]) : [...native.gradient];
      const norm = Math.hypot(...gradient);
      const distance = Math.hypot(...gradient.map((value, index) => value - found.gradient[index]));
      assert.ok(norm > 0 && distance < 1e-3 * norm, `${name}: the gradients differ by ${distance / norm}`);
      assert.deepEqual(await sentences(name), native.report.assumed.map(({ text }) => text));
    }
    assert.ok((await sentences(name)).length > 0);
    await viewer.panel(name).getByRole('button', { name: `Remove ${name}` }).click();
    await viewer.root.getByLabel('Prediction').check();
    await viewer.idle();
    await viewer.page.evaluate(() => (window.__saliencies = []));
    session.assertQuiet();
  });
}

test('the settings choose another value and say that it is no percentage', async () => {
  await viewer.drop(join(folder, 'ends-in-softmax.onnx'));
  await viewer.saliencies(1);
  const panel = viewer.panel('ends-in-softmax');
  await panel.getByText('Settings are guessed').click();
  const values = await panel.getByLabel('Explained value').locator('option').allTextContents();
  assert.equal(values.length, 2, 'the score before the Softmax, and the output');
  await panel.getByLabel('Its numbers are').selectOption('values');
  await panel.getByRole('button', { name: 'Apply' }).click();
  await viewer.idle();
  const shares = (await viewer.bars('ends-in-softmax')).map(({ share }) => share);
  assert.ok(shares.length > 0 && shares.every((share) => !share.includes('%')), String(shares));
  await panel.getByRole('button', { name: 'Remove ends-in-softmax' }).click();
  await viewer.page.evaluate(() => (window.__saliencies = []));
  session.assertQuiet();
});

test('what is no file is refused, and no earlier or drawn image stands under its name', async () => {
  for (const given of ['undefined', 'null', '"lesion.jpg"', '({ phantom: 3 })', '({ name: "lesion.jpg", phantom: 1 })', 'new ArrayBuffer(8)']) {
    await viewer.drop(picture);
    await viewer.saliencies();
    const said = await viewer.page.evaluate(`document.querySelector('pellucid-viewer').open(${given}, 'lesion.jpg').catch(String)`);
    assert.match(said, /no file/, given);
    await viewer.idle();
    assert.match(await viewer.refusal(), /no file/, given);
    assert.equal(await viewer.root.locator('.panel[data-shown], .panel[data-mapped]').count(), 0, given);
    assert.equal(await viewer.root.locator('.current').isVisible(), false, given);
  }
  // A file of a frame's own is a file.
  await viewer.page.evaluate(() => {
    const frame = document.body.appendChild(document.createElement('iframe'));
    const canvas = Object.assign(document.createElement('canvas'), { width: 80, height: 80 });
    const { promise, resolve } = Promise.withResolvers();
    canvas.toBlob(async (blob) => {
      const foreign = new frame.contentWindow.Blob([await blob.arrayBuffer()]);
      await document.querySelector('pellucid-viewer').open(foreign, 'foreign.png');
      frame.remove();
      resolve();
    });
    return promise;
  });
  await viewer.saliencies();
  assert.equal(await viewer.current(), 'foreign.png');
  session.assertQuiet();
});
