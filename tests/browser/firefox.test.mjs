// The shortest way through the page in Firefox: an image, two predictions, two maps, and the command line's numbers.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { firefox } from './bidi.mjs';
import { explained, phantoms, scratch } from './files.mjs';
import { paths } from './harness.mjs';
import { serve } from './server.mjs';

const PROGRAM = process.env.FIREFOX ?? ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find(existsSync);
const ELEMENT = 'document.querySelector("pellucid-viewer")';

test('in Firefox an image ends in two predictions and two maps, with the command line’s numbers', { skip: PROGRAM ? false : 'there is no Firefox: `apt-get install firefox-esr`' }, async (context) => {
  const files = await scratch();
  context.after(() => files.remove());
  const pictures = await phantoms(files.folder, 3);
  const server = await serve(paths.pellucid, paths.site);
  context.after(() => server.stop());
  const page = await firefox(PROGRAM, `${server.origin}/`);
  context.after(() => page.close());
  await page.until(`${ELEMENT}?.results?.filter(({ state }) => state === "ready").length === 2 && !${ELEMENT}.busy`);
  await page.value(`(window.maps = [], document.addEventListener("pellucid-saliency", ({ detail }) => window.maps.push({ model: detail.model, code: detail.code, logits: [...detail.logits], probabilities: [...detail.probabilities], gradient: [...detail.gradient] })))`);
  const apart = [];
  for (const picture of pictures) {
    await page.value('window.maps.length = 0');
    await page.pick(`${ELEMENT}.shadowRoot.querySelector("input.image-file")`, [picture]);
    await page.until(`window.maps.length === 2 && !${ELEMENT}.busy`);
    const maps = await page.value('window.maps');
    assert.deepEqual(maps.map(({ model }) => model).sort(), ['Robust', 'Standard']);
    for (const { model, code, logits, probabilities, gradient } of maps) {
      const native = await explained(files.folder, join(paths.site, `models/${model.toLowerCase()}.onnx`), picture, code);
      native.report.classes.forEach(({ logit, probability }, index) => {
        assert.ok(Math.abs(logits[index] - logit) < 1e-4 * (1 + Math.abs(logit)), model);
        assert.ok(Math.abs(probabilities[index] - probability) < 1e-4, model);
      });
      assert.equal(gradient.length, native.gradient.length);
      apart.push(Math.hypot(...gradient.map((value, index) => value - native.gradient[index])) / Math.hypot(...native.gradient));
    }
    const shown = await page.value(`[...${ELEMENT}.shadowRoot.querySelectorAll(".panel[data-mapped] canvas.map")].map((map) => [...map.getContext("2d").getImageData(0, 0, map.width, map.height).data].some((value) => value > 0))`);
    assert.deepEqual(shown, [true, true], 'both maps are painted');
  }
  // A pre-activation near zero may fall on the other side in another build of the engine; a wrong gradient is wrong everywhere.
  assert.ok(Math.max(...apart) < 0.05 && apart.filter((distance) => distance < 1e-3).length * 2 >= apart.length, apart.join(', '));
  await mkdir(paths.pictures, { recursive: true });
  await writeFile(join(paths.pictures, 'firefox.png'), await page.screenshot());
  assert.deepEqual(page.problems, []);
  assert.ok(page.requests.length > 10);
  // `data:` addresses do not leave the machine: Firefox's own style sheets have a font in one.
  assert.deepEqual(page.requests.filter((url) => !url.startsWith(`${server.origin}/`) && !url.startsWith('data:')), []);
});
