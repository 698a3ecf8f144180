// Looking closely: zooming, pointing and measuring, in both models at the same place.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { explained, mask, png } from './files.mjs';
import { paths } from './harness.mjs';
import { opened } from './setup.mjs';

let files, picture, found, session, viewer, page;
opened({ explained: true }, (it) => ({ files, picture, session, page, viewer, found } = it));

const MODELS = ['Standard', 'Robust'];
/** Sides of the picture and of the networks' input. */
const [PICTURE, GRID] = [160, 64];
const centre = ({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 });
const tool = (name) => viewer.root.getByRole('button', { name });
const near = (a, b, off, label = '') => assert.ok(Math.abs(a - b) <= off, `${label}: ${a} for ${b}`);

/** The window's place of a pixel of the picture in a model's plate. */
async function placeOf(name, x, y) {
  const rect = await viewer.rect(name, 'picture');
  return [rect.x + (x / PICTURE) * rect.width, rect.y + (y / PICTURE) * rect.height];
}

/** The attribution of the map's pixel, its channels summed in float32. */
function summed(values, column, row) {
  const size = GRID * GRID;
  return Array.from({ length: values.length / size }, (_, channel) => values[channel * size + row * GRID + column]).reduce((sum, value) => Math.fround(sum + value));
}

test('zooming one picture zooms all, about the place pointed at', async () => {
  const before = Object.fromEntries(await Promise.all(MODELS.map(async (name) => [name, await viewer.rect(name, 'picture')])));
  const [x, y] = await placeOf('Standard', 40, 120);
  await page.mouse.move(x, y);
  await page.mouse.wheel(0, -400);
  const after = await viewer.rect('Standard', 'picture');
  const zoom = after.width / before.Standard.width;
  assert.ok(zoom > 1.5, `zoomed ${zoom} times`);
  near((x - after.x) / after.width, 0.25, 0.01, 'the place stays');
  near((y - after.y) / after.height, 0.75, 0.01, 'the place stays');
  const other = await viewer.rect('Robust', 'picture');
  near(other.width / before.Robust.width, zoom, 0.01, 'the other model');
  near((x - after.x) / after.width, (centre(before.Robust).x + (x - centre(before.Standard).x) - other.x) / other.width, 0.01, 'at the same place');
  for (const name of MODELS) assert.deepEqual(await viewer.rect(name, 'map'), await viewer.rect(name, 'picture'), 'the map lies on the picture');
  await page.mouse.down();
  await page.mouse.move(x + 60, y - 30, { steps: 4 });
  await page.mouse.up();
  const moved = await viewer.rect('Standard', 'picture');
  near(moved.x - after.x, 60, 1, 'dragged');
  near(moved.y - after.y, -30, 1, 'dragged');
  await tool('Whole picture').click();
  assert.deepEqual(await viewer.rect('Standard', 'picture'), before.Standard);
  await tool('Zoom in').click();
  assert.ok((await viewer.rect('Robust', 'picture')).width > before.Robust.width * 1.4);
  await tool('Zoom out').click();
  session.assertQuiet();
});

test('the cross-hair tells the command line’s value at the same pixel in every panel', async () => {
  const native = Object.fromEntries(await Promise.all(MODELS.map(async (name) => {
    const { code } = found.find(({ model }) => model === name);
    const folder = join(files.folder, name);
    await mkdir(folder);
    return [name, (await explained(folder, join(paths.site, 'models', `${name.toLowerCase()}.onnx`), picture, code)).gradient];
  })));
  for (const [x, y] of [[80, 80], [31, 118], [3, 157]]) {
    await page.mouse.move(...(await placeOf('Standard', x + 0.5, y + 0.5)));
    for (const name of MODELS) {
      const reading = await viewer.reading(name);
      assert.deepEqual([reading.x, reading.y], [x, y], reading.text);
      assert.deepEqual([reading.column, reading.row], [Math.floor((x + 0.5) * GRID / PICTURE), Math.floor((y + 0.5) * GRID / PICTURE)], reading.text);
      const wanted = summed(native[name], reading.column, reading.row);
      const own = summed(found.find(({ model }) => model === name).attribution, reading.column, reading.row);
      near(reading.value, own, 1e-5 * Math.abs(own), `${name} at ${x}, ${y}`);
      const most = Math.max(...native[name].map(Math.abs));
      near(reading.value, wanted, 2e-3 * most, `${name} at ${x}, ${y}, command line`);
    }
  }
  session.assertQuiet();
});

test('with the keyboard alone: cross-hair, zoom, hiding the map', async () => {
  await viewer.plate('Standard').focus();
  await page.mouse.move(0, 0);
  const before = await viewer.reading('Robust');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Shift+ArrowUp');
  const after = await viewer.reading('Robust');
  assert.deepEqual([after.column, after.row], [before.column + 1, before.row - 10], `${before.text} → ${after.text}`);
  assert.equal(await viewer.panel('Standard').locator('.reading').getAttribute('aria-live'), 'polite');
  assert.equal(await viewer.panel('Robust').locator('.reading').getAttribute('aria-live'), 'off');
  const whole = await viewer.rect('Robust', 'picture');
  await page.keyboard.press('+');
  assert.ok((await viewer.rect('Robust', 'picture')).width > whole.width * 1.4);
  await page.keyboard.press('0');
  assert.deepEqual(await viewer.rect('Robust', 'picture'), whole);
  const visible = (name) => viewer.panel(name).locator('canvas.map').evaluate((canvas) => getComputedStyle(canvas).visibility);
  await page.keyboard.down('h');
  assert.deepEqual(await Promise.all(MODELS.map(visible)), ['hidden', 'hidden']);
  await page.keyboard.up('h');
  assert.deepEqual(await Promise.all(MODELS.map(visible)), ['visible', 'visible']);
  await tool('Hold to hide map').focus();
  await page.keyboard.down(' ');
  assert.equal(await visible('Robust'), 'hidden');
  assert.equal(await tool('Hold to hide map').getAttribute('aria-pressed'), 'true');
  await page.keyboard.up(' ');
  assert.equal(await visible('Robust'), 'visible');
  const { x, y } = centre(await tool('Hold to hide map').boundingBox());
  await page.mouse.move(x, y);
  await page.mouse.down();
  assert.equal(await visible('Standard'), 'hidden');
  await page.mouse.up();
  assert.equal(await visible('Standard'), 'visible');
  session.assertQuiet();
});

test('a photograph is shown whole, with what the network sees of it framed', async () => {
  await viewer.drop(await files.write('wide.png', png(600, 450)));
  await viewer.saliencies();
  const [whole, map] = [await viewer.rect('Standard', 'picture'), await viewer.rect('Standard', 'map')];
  near(whole.width / whole.height, 600 / 450, 0.01);
  near(map.width / map.height, 1, 0.01);
  near((map.x - whole.x) / whole.width, 75 / 600, 0.002, 'the crop is in the middle');
  assert.notEqual(await viewer.plate('Standard').locator('.frame').getAttribute('d'), '');
  await page.mouse.move(whole.x + whole.width * 0.05, whole.y + 10);
  assert.match((await viewer.reading('Robust')).text, /: outside what the network sees$/);
  await tool('What the network sees').click();
  const [box, sight] = [await viewer.plate('Standard').boundingBox(), await viewer.rect('Standard', 'map')];
  near(sight.height, box.height, 2);
  await viewer.drop(picture);
  found = await viewer.saliencies();
  session.assertQuiet();
});

/** The share of the attribution inside, as the page words it, from the numbers that the event told. */
function words(name, inside) {
  const { attribution } = found.find(({ model }) => model === name);
  let [within, all, area] = [0, 0, 0];
  for (let row = 0; row < GRID; row += 1) {
    for (let column = 0; column < GRID; column += 1) {
      const mass = Math.abs(summed(attribution, column, row));
      all += mass;
      if (!inside(column, row)) continue;
      within += mass;
      area += 1;
    }
  }
  return [within / all, area / GRID ** 2].map((share) => (share * 100).toFixed(1));
}

async function shares(name) {
  const note = viewer.panel(name).locator('.share-inside:not(:empty)');
  await note.waitFor();
  const [, share, area] = /^([\d.]+) % .* covers ([\d.]+) %/.exec(await note.textContent());
  return [share, area];
}

test('a mask’s file tells how much of each map lies inside, as the numbers do', async () => {
  const half = await files.write('half.png', mask(PICTURE, PICTURE, (x, y) => x < 80 && y >= 40));
  const { x, y } = centre(await tool('Mask file').boundingBox());
  await viewer.drop(half, { x, y });
  for (const name of MODELS) assert.deepEqual(await shares(name), words(name, (column, row) => column < 32 && row >= 16), name);
  assert.equal(await viewer.current(), picture.split('/').pop(), 'a mask is no image to explain');
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), tool('Mask file').click()]);
  await chooser.setFiles(await files.write('narrow.png', mask(80, PICTURE, () => true)));
  assert.match(await viewer.refusal(), /^The mask is 80×160 pixels and the image 160×160/);
  assert.equal(await viewer.panel('Robust').locator('.share-inside').isVisible(), false);
  session.assertQuiet();
});

test('so does a region that is drawn by hand, by taps, or with the keyboard', async () => {
  const corners = [[20, 30], [120, 30], [120, 110], [20, 110]];
  const within = (column, row) => [(column + 0.5) * 2.5, (row + 0.5) * 2.5].every((at, axis) => at > [20, 30][axis] && at < [120, 110][axis]);
  await tool('Draw region').click();
  await page.mouse.move(...(await placeOf('Robust', 20, 30)));
  await page.mouse.down();
  for (const [x, y] of [...corners.slice(1), corners[0]]) await page.mouse.move(...(await placeOf('Robust', x, y)), { steps: 6 });
  await page.mouse.up();
  const drawn = await shares('Standard');
  const wanted = words('Standard', within);
  // A drawn line is as straight as the pixels of the screen.
  drawn.forEach((share, index) => near(Number(share), Number(wanted[index]), 1.5, 'drawn'));
  await session.screenshot('region');
  await tool('Remove region').click();
  assert.equal(await viewer.panel('Standard').locator('.share-inside').isVisible(), false);

  await tool('Draw region').click();
  for (const [x, y] of corners) await page.mouse.click(...(await placeOf('Standard', x, y)));
  await tool('Draw region').click();
  for (const name of MODELS) (await shares(name)).forEach((share, index) => near(Number(share), Number(words(name, within)[index]), 1.5, name));
  await tool('Remove region').click();

  await viewer.plate('Standard').focus();
  await page.mouse.move(...(await placeOf('Standard', 51.25, 51.25)));
  const start = await viewer.reading('Standard');
  await page.mouse.move(5, 5);
  await tool('Draw region').focus();
  await page.keyboard.press('Enter');
  await viewer.plate('Standard').focus();
  for (const turn of ['ArrowRight', 'ArrowDown', 'ArrowLeft', undefined]) {
    await page.keyboard.press('Enter');
    if (turn) await page.keyboard.press(`Shift+${turn}`);
  }
  await page.keyboard.press(' ');
  const square = (column, row) => column > start.column && column <= start.column + 10 && row > start.row && row <= start.row + 10;
  const [, area] = await shares('Robust');
  near(Number(area), Number(words('Robust', square)[1]), 0.6, 'ten by ten pixels of the map');
  await tool('Remove region').click();
  session.assertQuiet();
});

test('one panel, or all, on the full screen', async () => {
  const full = () => page.evaluate(() => document.fullscreenElement?.shadowRoot?.fullscreenElement?.className ?? null);
  const before = await viewer.plate('Robust').boundingBox();
  await tool('Enlarge Robust').click();
  await page.waitForFunction(() => document.fullscreenElement);
  assert.equal(await full(), 'panel');
  const larger = await viewer.plate('Robust').boundingBox();
  assert.ok(larger.width * larger.height > before.width * before.height * 1.5);
  await session.screenshot('enlarged');
  await viewer.plate('Robust').focus();
  await page.keyboard.press('f');
  await page.waitForFunction(() => !document.fullscreenElement);
  await tool(/^Full screen/).click();
  await page.waitForFunction(() => document.fullscreenElement);
  assert.equal(await full(), 'results');
  await tool(/^Leave full screen/).click();
  await page.waitForFunction(() => !document.fullscreenElement);
  // As on a phone whose browser keeps the screen to itself: the panel takes the page instead.
  await page.evaluate(() => Object.defineProperty(document, 'fullscreenEnabled', { value: false, configurable: true }));
  await tool('Enlarge Robust').click();
  const covered = await viewer.panel('Robust').boundingBox();
  assert.deepEqual([covered.x, covered.y, covered.width, covered.height], [0, 0, 1280, 900]);
  await tool('Enlarge Robust').click();
  assert.ok((await viewer.panel('Robust').boundingBox()).width < 900);
  await page.evaluate(() => delete document.fullscreenEnabled);
  session.assertQuiet();
});

test('the outline of the strongest, the scale that maps share, and smoothing change the picture and no number', async () => {
  await page.mouse.move(...(await placeOf('Standard', 60, 60)));
  const numbers = await Promise.all(MODELS.map((name) => viewer.reading(name)));
  const ends = (name) => viewer.panel(name).locator('.scale .ends span').last().textContent();
  const own = await Promise.all(MODELS.map(ends));
  assert.notEqual(own[0], own[1]);
  await viewer.root.getByText('Colours, scale, smoothing').click();
  await viewer.root.getByLabel('same scale for all models').check();
  await page.waitForFunction((own) => [...document.querySelector('pellucid-viewer').shadowRoot.querySelectorAll('.scale .ends span:last-child')].every((span, _, all) => span.textContent === all[0].textContent), own);
  const parse = (text) => Number(text.replaceAll('−', '-'));
  assert.equal(parse(await ends('Standard')), Math.max(...own.map(parse)));
  // So it stays for other maps, whichever model is done first.
  for (const method of ['input-x-gradient', 'gradient']) {
    await page.evaluate(() => (window.__saliencies = []));
    await viewer.root.getByLabel('Method').selectOption(method);
    await viewer.saliencies();
    assert.equal(await ends('Standard'), await ends('Robust'), method);
  }
  await page.mouse.move(...(await placeOf('Standard', 60, 60)));
  await viewer.root.getByLabel('same scale for all models').uncheck();
  await page.waitForFunction((text) => document.querySelector('pellucid-viewer').shadowRoot.querySelector('.scale .ends span:last-child').textContent === text, own[0]);
  assert.equal(await viewer.plate('Robust').locator('.contour').getAttribute('d'), '');
  await viewer.root.locator('.more').getByLabel('Outline').selectOption('0.5');
  await page.waitForFunction(() => [...document.querySelector('pellucid-viewer').shadowRoot.querySelectorAll('.panel .plate:first-child .contour')].every((path) => path.getAttribute('d') !== ''));
  const before = await viewer.map('Robust');
  await viewer.root.locator('.more').getByLabel('Smoothing').selectOption('2');
  await page.waitForFunction((text) => document.querySelector('pellucid-viewer').shadowRoot.querySelector('.scale .ends span:last-child').textContent !== text, own[0]);
  assert.notDeepEqual(await viewer.map('Robust'), before);
  await page.mouse.move(...(await placeOf('Standard', 61, 61)));
  await page.mouse.move(...(await placeOf('Standard', 60, 60)));
  assert.deepEqual(await Promise.all(MODELS.map((name) => viewer.reading(name))), numbers);
  await viewer.root.locator('.more').getByLabel('Smoothing').selectOption('0');
  await viewer.root.locator('.more').getByLabel('Outline').selectOption('0');
  const figures = viewer.panel('Robust').locator('.figures');
  await figures.locator('summary').click();
  await figures.getByText(/^Raw values from .* to .*; total magnitude/).waitFor();
  session.assertQuiet();
});

test('the map stands beside the image where that is wished', async () => {
  await viewer.root.getByLabel('Beside it').check();
  const [image, map] = [await viewer.rect('Robust', 'picture'), await viewer.rect('Robust', 'map')];
  assert.ok(map.x >= image.x + image.width, 'no overlap');
  near(map.width, image.width, 1);
  await page.mouse.move(map.x + map.width / 4, map.y + map.height / 2);
  assert.equal((await viewer.reading('Standard')).x, 40);
  await session.screenshot('beside');
  await viewer.root.getByLabel('Over the image').check();
  assert.deepEqual(await viewer.rect('Robust', 'map'), await viewer.rect('Robust', 'picture'));
  session.assertQuiet();
});
