// On a phone, with fingers; and every control for those who do not see, or do not point.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { phantoms, scratch } from './files.mjs';
import { launch } from './harness.mjs';
import { Viewer } from './viewer.mjs';

let files, picture, session, viewer, page, devtools;
before(async () => {
  files = await scratch();
  [picture] = await phantoms(files.folder, 1);
  session = await launch({ viewport: { width: 390, height: 844 }, touch: true });
  ({ page } = session);
  devtools = await page.context().newCDPSession(page);
  viewer = new Viewer(session);
  await viewer.ready();
  await viewer.pick(picture);
  await viewer.saliencies();
});
after(async () => {
  await session?.close();
  await files?.remove();
});

/** Fingers on the screen, as the browser's own events. */
async function touch(type, ...points) {
  await devtools.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
}

/** Everything that can be used now: its role's text, name and size. */
const controls = () =>
  viewer.root.evaluate((host) =>
    [...host.shadowRoot.querySelectorAll('button, select, input, summary, [tabindex="0"], a[href]'), ...document.querySelectorAll('a[href], button')]
      .filter((element) => element.checkVisibility({ checkVisibilityCSS: true }))
      .map((element) => {
        const label = element.closest('label');
        const target = element.type === 'radio' || element.type === 'checkbox' ? label : element;
        const { width, height } = target.getBoundingClientRect();
        const name = (element.getAttribute('aria-label') ?? label?.textContent ?? element.textContent ?? '').trim();
        return { what: `${element.localName} ${element.className}`, name, width, height };
      }),
  );

test('the picture and the answer come first, and what is chosen is folded', async () => {
  await page.evaluate(() => window.scrollTo(0, 0));
  await session.screenshot('phone-first');
  const bottom = (box) => box.y + box.height;
  const [plate, answer] = [await viewer.plate('Standard').boundingBox(), await viewer.panel('Standard').locator('.bars').boundingBox()];
  assert.ok(bottom(plate) <= answer.y && answer.y - bottom(plate) < 40, 'the answer stands right under the picture');
  assert.ok(bottom(answer) <= 844, `the answer is seen without scrolling: ${bottom(answer)}`);
  const tools = await viewer.root.getByRole('group', { name: 'Looking at the image' }).boundingBox();
  assert.ok(tools.y >= bottom(await viewer.panel('Standard').boundingBox()), 'the tools lie below');
  assert.equal(await viewer.root.getByLabel('Method').isVisible(), false);
  const samples = viewer.root.getByRole('button', { name: 'Drawn samples' });
  assert.equal(await samples.getAttribute('aria-expanded'), 'false');
  await samples.tap();
  await viewer.root.locator('.samples button').nth(2).tap();
  await viewer.saliencies();
  assert.match(await viewer.current(), /^Sample 3: /);
  await samples.tap();
  assert.equal(await viewer.root.locator('.samples').isVisible(), false);
  await viewer.pick(picture);
  await viewer.saliencies();
  session.assertQuiet();
});

test('what a button is for is written on it where nothing can hover', async () => {
  const silent = await viewer.root.evaluate((host) =>
    [...host.shadowRoot.querySelectorAll('.tool')]
      .filter((tool) => tool.checkVisibility())
      .filter((tool) => ![...tool.querySelectorAll('span')].some((word) => word.textContent && word.checkVisibility() && word.getBoundingClientRect().width > 10))
      .map((tool) => tool.title),
  );
  assert.deepEqual(silent, []);
});

test('every control has a name, and a size that a finger hits', async () => {
  await viewer.root.getByRole('button', { name: 'Class, method, colours' }).tap();
  await viewer.root.getByText('Colours, scale, smoothing').tap();
  await viewer.root.getByRole('button', { name: 'Drawn samples' }).tap();
  await session.screenshot('phone-open', { fullPage: true });
  const found = await controls();
  assert.ok(found.length > 30, `only ${found.length}`);
  assert.deepEqual(found.filter(({ name }) => name === ''), []);
  assert.deepEqual(found.filter(({ height, width }) => height < 44 || width < 44), []);
  const { scroll, inner } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, inner: window.innerWidth }));
  assert.equal(scroll, inner, 'nothing sticks out');
  await viewer.root.getByText('Colours, scale, smoothing').tap();
  for (const name of ['Class, method, colours', 'Drawn samples']) await viewer.root.getByRole('button', { name }).tap();
  session.assertQuiet();
});

test('two fingers zoom, one moves, and a tap reads', async () => {
  await viewer.plate('Standard').scrollIntoViewIfNeeded();
  const { x, y, width, height } = await viewer.plate('Standard').boundingBox();
  const [middleX, middleY] = [x + width / 2, y + height / 2];
  const before = await viewer.rect('Robust', 'picture');
  await touch('touchStart', [middleX - 15, middleY], [middleX + 15, middleY]);
  for (const apart of [20, 30, 40, 45]) await touch('touchMove', [middleX - apart, middleY], [middleX + apart, middleY]);
  await touch('touchEnd');
  const zoomed = await viewer.rect('Robust', 'picture');
  const zoom = zoomed.width / before.width;
  assert.ok(zoom > 2.2 && zoom < 3.2, `zoomed ${zoom} times`);
  await touch('touchStart', [middleX, middleY]);
  for (const step of [10, 20, 30]) await touch('touchMove', [middleX + step, middleY]);
  await touch('touchEnd');
  const moved = await viewer.rect('Robust', 'picture');
  assert.ok(Math.abs(moved.x - zoomed.x - 30) < 8, `moved by ${moved.x - zoomed.x}`);
  await page.touchscreen.tap(middleX, middleY);
  const [ours, theirs] = [await viewer.reading('Standard'), await viewer.reading('Robust')];
  assert.ok(ours.x > 0 && ours.x < 80, ours.text);
  assert.deepEqual([theirs.x, theirs.y], [ours.x, ours.y]);
  await viewer.root.getByRole('button', { name: 'Whole picture' }).tap();
  assert.deepEqual(await viewer.rect('Robust', 'picture'), { ...before, y: (await viewer.rect('Robust', 'picture')).y });
  session.assertQuiet();
});

test('the focus can be seen on every control', async () => {
  const { root } = viewer;
  await root.getByRole('button', { name: 'Choose images' }).focus();
  const missed = [];
  const seen = new Set();
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    const focused = await root.evaluate((host) => {
      const active = host.shadowRoot.activeElement;
      if (!active) return null;
      const shown = active.closest('.pill')?.querySelector('span') ?? active;
      const { outlineStyle, outlineWidth } = getComputedStyle(shown);
      return { name: active.getAttribute('aria-label') ?? active.textContent, outline: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1 };
    });
    if (!focused) break;
    seen.add(focused.name);
    if (!focused.outline) missed.push(focused.name);
  }
  assert.ok(seen.size > 15, [...seen].join(', '));
  assert.deepEqual(missed, []);
});
