// Controls, keyboard and phone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opened } from './setup.mjs';

let files, picture, session, viewer;
opened({ explained: true }, (it) => ({ files, picture, session, viewer } = it));

test('the class selector explains that class for both models, and goes back to the predictions', async () => {
  const bars = await viewer.bars('Standard');
  const other = bars.find(({ predicted }) => !predicted).code;
  const before = await viewer.map('Standard');
  await viewer.root.locator(`input[name="class"][value="${other}"]`).check();
  const found = await viewer.saliencies();
  assert.deepEqual(found.map(({ code }) => code), [other, other]);
  assert.notDeepEqual(await viewer.map('Standard'), before);
  for (const name of ['Standard', 'Robust']) {
    const marked = (await viewer.bars(name)).filter(({ explained }) => explained);
    assert.deepEqual(marked.map(({ code }) => code), [other]);
  }
  await viewer.root.getByLabel('Prediction').check();
  await viewer.saliencies();
  assert.deepEqual(await viewer.map('Standard'), before);
  session.assertQuiet();
});

test('the overlay’s opacity is what the slider says', async () => {
  const slider = viewer.root.getByLabel('Overlay opacity');
  const opacity = () => viewer.panel('Robust').locator('canvas.map').evaluate((canvas) => getComputedStyle(canvas).opacity);
  for (const value of ['0', '40', '100']) {
    await slider.fill(value);
    assert.equal(Number(await opacity()), Number(value) / 100);
  }
  await slider.fill('80');
});

test('the kinds of map differ, and without the image the map is opaque', async () => {
  const magnitude = await viewer.map('Robust');
  const changed = async (act) => {
    const before = await viewer.panel('Robust').locator('canvas.map').evaluate((canvas) => canvas.toDataURL());
    await act();
    await viewer.page.waitForFunction((old) => {
      const maps = document.querySelector('pellucid-viewer').shadowRoot.querySelectorAll('canvas.map');
      return maps[1].toDataURL() !== old;
    }, before);
    return viewer.map('Robust');
  };
  const redder = ({ pixels }) => pixels.some((value, index) => index % 4 === 0 && value > pixels[index + 2] + 60 && pixels[index + 3] > 100);
  const signed = await changed(() => viewer.root.getByLabel('Signed').check());
  assert.ok(redder(signed) && !redder(magnitude), 'only signed maps are red somewhere');
  const alone = await changed(() => viewer.root.getByLabel('Alone').check());
  assert.ok(alone.pixels.every((value, index) => index % 4 !== 3 || value === 255));
  await changed(() => viewer.root.getByLabel('Over the image').check());
  assert.deepEqual(await changed(() => viewer.root.getByLabel('Magnitude').check()), magnitude);
  session.assertQuiet();
});

test('everything can be reached and used by keyboard, and is announced', async () => {
  const { page } = viewer;
  await page.locator('a.promise').focus();
  const reached = [];
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    const name = await page.evaluate(() => {
      const active = document.activeElement?.shadowRoot?.activeElement;
      return active && (active.getAttribute('aria-label') || active.closest('label')?.textContent || active.textContent).trim();
    });
    if (name) reached.push(name);
  }
  for (const wanted of ['Choose images', 'Sample 1: ', 'Prediction', 'Magnitude', 'Overlay opacity', 'Over the image', 'Remove Standard', 'Add your own model']) {
    assert.ok(reached.some((name) => name.startsWith(wanted)), `${wanted} among ${reached}`);
  }
  await viewer.root.locator('.samples button').nth(1).focus();
  await page.keyboard.press('Enter');
  await viewer.saliencies();
  const status = viewer.root.getByRole('status');
  assert.match(await status.textContent(), /Standard: .*%; Robust: .*%/);
  assert.equal(await status.getAttribute('aria-live'), 'polite');
  assert.match(await viewer.panel('Standard').locator('canvas.map').getAttribute('aria-label'), /^Where Standard looks for /);
});

test('on a phone nothing sticks out, and the models stay side by side', async () => {
  await viewer.page.setViewportSize({ width: 390, height: 844 });
  await session.screenshot('phone', { fullPage: true });
  const { scroll, inner } = await viewer.page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, inner: window.innerWidth }));
  assert.equal(scroll, inner);
  const [left, right] = [await viewer.panel('Standard').boundingBox(), await viewer.panel('Robust').boundingBox()];
  assert.equal(left.y, right.y);
  assert.ok(left.x + left.width <= right.x);
  await viewer.page.setViewportSize({ width: 1280, height: 900 });
});

test('dark mode is legible', async () => {
  await viewer.page.emulateMedia({ colorScheme: 'dark' });
  await session.screenshot('dark');
  const contrast = await viewer.panel('Standard').locator('h3').evaluate((title) => {
    const luminance = (colour) => {
      const [r, g, b] = colour.match(/[\d.]+/g).map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const [text, ground] = [getComputedStyle(title).color, getComputedStyle(title.closest('.panel')).backgroundColor].map(luminance);
    return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
  });
  // WCAG 2.2, success criterion 1.4.6.
  assert.ok(contrast >= 7, `contrast ${contrast}`);
  await viewer.page.emulateMedia({ colorScheme: 'light' });
});

test('loading can be cancelled and taken up again', async () => {
  const { page } = viewer;
  await page.route('**/models/*.onnx', () => {});
  await page.reload();
  const status = viewer.root.getByRole('status');
  await viewer.root.getByText(/^Loading model 1 of 2: Standard/).waitFor();
  await viewer.root.getByRole('button', { name: 'Cancel' }).click();
  await viewer.idle();
  assert.equal(await status.textContent(), 'Cancelled.');
  await page.unroute('**/models/*.onnx');
  for (const name of ['Standard', 'Robust']) await viewer.panel(name).getByRole('button', { name: 'Try again' }).click();
  await viewer.ready();
  await viewer.drop(picture);
  await viewer.saliencies();
  assert.deepEqual(session.problems.splice(0).filter((problem) => !problem.includes('.onnx net::ERR_ABORTED')), []);
});
