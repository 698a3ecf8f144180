// What a model's card says, in words.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opened } from './setup.mjs';

let viewer;
opened({}, (it) => ({ viewer } = it));

test('what a network was trained on, how well it does and against what it stands is told', async () => {
  const words = viewer.root.locator('.panel details.about-model');
  assert.equal(await words.count(), 2);
  const [standard, robust] = await words.allTextContents();
  assert.match(standard, /Trained on 66 different images: drawings of skin lesions, no photographs\. Standard:/);
  assert.match(robust, /Robust: .*\(L2, ε = 0\.5\)\./);
  for (const text of [standard, robust]) assert.match(text, /On images that it had not seen \d+\.\d % of its answers were right \(\d+ images\)\./);
  assert.match(robust, /Where these were altered to mislead it \d+\.\d % were \(PGD/);
});
