// What axe finds on the page in its main states, light and dark, large and small: nothing.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { opened } from './setup.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let files, pictures, session, viewer, page;
opened({ images: 3, limit: 30_000 }, (it) => ({ files, pictures, session, page, viewer } = it));

/** What axe finds, as lines; the number of rules that held shows that it looked. */
async function found() {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  assert.ok(passes.length > 15, `only ${passes.length} rules applied`);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.flat().join(' ')}: ${failureSummary.replaceAll('\n', ' ')}`));
}

/** Fails where axe finds something, in either scheme, large or small. */
async function assertSound() {
  const everywhere = {};
  for (const colorScheme of ['light', 'dark']) {
    for (const [width, height] of [[1280, 900], [390, 844]]) {
      // Nothing is judged in the middle of a transition.
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize({ width, height });
      for (const line of await found()) (everywhere[line] ??= []).push(`${colorScheme} ${width}`);
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  assert.deepEqual(everywhere, {});
}

test('before there is an image', assertSound);

test('with an image explained, and everything unfolded', async () => {
  await viewer.drop(pictures[0]);
  await viewer.saliencies();
  for (const details of await viewer.root.locator('details').all()) await details.evaluate((element) => (element.open = true));
  await viewer.root.getByRole('img', { name: /^How often/ }).first().waitFor();
  await viewer.root.locator('.fold').evaluateAll((folds) => folds.forEach((fold) => fold.getAttribute('aria-expanded') === 'false' && fold.click()));
  await viewer.plate('Standard').focus();
  await page.keyboard.press('ArrowRight');
  await assertSound();
});

test('with many images, one of them refused, and the round stopped', async () => {
  await viewer.drop([...pictures, await files.write('no image.png', 'text'), await files.write('locked.zip', 'text')]);
  await viewer.root.getByRole('button', { name: 'Stop' }).click();
  await viewer.done();
  await assertSound();
  await viewer.root.getByRole('button', { name: 'Go on' }).click();
  await viewer.done();
  await viewer.root.locator('.strip button', { hasText: 'locked.zip' }).click();
  await viewer.refusal();
  await assertSound();
});

test('with a model that could not be opened', async () => {
  await viewer.pick(await files.write('no.onnx', 'text'), 'Add your own model');
  await viewer.panel('no').locator('[role="alert"]').first().waitFor();
  await assertSound();
});

test('it would find a text that is too faint, and a button without a name', async () => {
  const { root } = viewer;
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await root.locator('.sampling h3').evaluate((title) => (title.style.color = '#999'));
  await root.locator('.primary').evaluate((button) => button.replaceChildren());
  const rules = (await found()).map((line) => line.split(':')[0]);
  assert.deepEqual([...new Set(rules)].sort(), ['button-name', 'color-contrast']);
});
