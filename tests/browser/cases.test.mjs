// Many images at once: folders, archives, the strip, the table and its file, and the round through all of them.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { explained } from './files.mjs';
import { paths } from './harness.mjs';
import { opened } from './setup.mjs';
import { assertShows } from './viewer.mjs';
import { zip } from './zips.mjs';

const TITLES = { nv: 'nevus', mel: 'melanoma', bkl: 'benign keratosis' };

let files, pictures, session, viewer, page;
opened({ images: 6, limit: 30_000 }, (it) => ({ files, pictures, session, page, viewer } = it));

const strip = () => viewer.root.locator('.strip button');
const row = (name) => viewer.root.locator('.strip button', { hasText: name }).last();
const cells = () => viewer.root.locator('.sheet tbody tr').evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
const clear = () => viewer.root.getByRole('button', { name: 'Clear list' }).click();
/** Drops an archive; what the page says of it. */
async function refused(name, bytes) {
  await viewer.drop(await files.write(name, bytes));
  await row(name).and(viewer.root.locator('[data-refused]')).waitFor();
  return row(name).locator('.told').textContent();
}

test('every image of a folder is classified as the command line does, one after the other', async () => {
  const folder = join(files.folder, 'visit');
  await mkdir(join(folder, 'left arm'), { recursive: true });
  for (const [index, picture] of pictures.entries()) await writeFile(join(folder, index < 2 ? 'left arm' : '', `image ${index + 1}.png`), await readFile(picture));
  await writeFile(join(folder, 'notes.txt'), 'no image');
  await writeFile(join(folder, 'image 7.png'), 'no image either');
  await viewer.drop(folder);
  await viewer.done();
  await viewer.saliencies();
  assert.equal(await viewer.current(), 'image 3.png');
  assert.match(await viewer.root.locator('.left').textContent(), /^Left out, since they are no images: notes\.txt\.$/);
  assert.match(await viewer.root.locator('.cases .status').textContent(), /^6 of 7 classified, 1 cannot be$/);
  const table = await cells();
  assert.deepEqual(table.map(([path]) => path), [3, 4, 5, 6, 7].map((n) => `visit/image ${n}.png`).concat([1, 2].map((n) => `visit/left arm/image ${n}.png`)));
  assert.match(table[4][1], /not an image.*\.$/);
  for (const [model, column] of [['standard', 1], ['robust', 3]]) {
    const { report } = await explained(files.folder, join(paths.site, `models/${model}.onnx`), pictures[4], 'mel');
    const best = report.classes.reduce((best, one) => (one.probability > best.probability ? one : best));
    const [, , row] = table;
    assert.equal(row[column], TITLES[best.code]);
    assert.ok(Math.abs(parseFloat(row[column + 1]) / 100 - best.probability) < 6e-4, `${row[column + 1]}: ${best.probability}`);
  }
  for (const [, ours, , theirs, , together] of table.filter((row) => row.length === 6)) assert.equal(together, ours === theirs ? 'agree' : 'differ');
  assert.match(await row('image 2.png').textContent(), /visit\/left arm.*Standard: .*\s%.*Robust: .*\s%/);
  assert.ok(await row('image 2.png').locator('canvas').evaluate((canvas) => canvas.width === 80));
  await session.screenshot('cases', { fullPage: true });
  session.assertQuiet();
});

test('what the strip says is what stands in the panel, and the keyboard goes through it', async () => {
  await strip().first().focus();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await viewer.saliencies();
  const name = await viewer.current();
  assert.equal(name, 'image 1.png');
  const [bar] = (await viewer.bars('Standard')).filter(({ predicted }) => predicted);
  const told = (await row(name).textContent()).replaceAll('\u00a0', ' ');
  assert.ok(told.includes(bar.share), `${told}: ${bar.share}`);
  assert.equal(await viewer.root.locator('.strip [tabindex="0"]').count(), 1);
  assert.equal(await viewer.root.locator('.sheet [aria-current]').locator('th').textContent(), 'visit/left arm/image 1.png');
});

test('the table is sorted by any column, both ways, and its file has the same rows', async () => {
  const head = (name) => viewer.root.locator('.sheet thead').getByRole('button', { name });
  const share = head('Standard: probability');
  await share.focus();
  await page.keyboard.press('Enter');
  const numbers = async () => (await cells()).filter((row) => row.length === 6).map((row) => parseFloat(row[2]));
  const up = await numbers();
  assert.deepEqual(up, [...up].sort((a, b) => a - b));
  await page.keyboard.press('Enter');
  assert.deepEqual(await numbers(), [...up].reverse());
  assert.equal(await share.locator('..').getAttribute('aria-sort'), 'descending');
  const [download] = await Promise.all([page.waitForEvent('download'), viewer.root.getByRole('button', { name: 'Save table (CSV)' }).click()]);
  assert.match(download.suggestedFilename(), /^pellucid \d{4}-\d\d-\d\d \d\d_\d\d\.csv$/);
  const text = await readFile(await download.path(), 'utf8');
  assert.ok(text.startsWith('\ufeff"image","refused","Standard: class"') && text.endsWith('\r\n'));
  const lines = text.slice(1).trimEnd().split('\r\n');
  assert.equal(lines.length, 8);
  const table = await cells();
  lines.slice(1).forEach((line, index) => {
    assert.ok(line.startsWith(`"${table[index][0]}",`), line);
    if (table[index].length === 6) assert.ok(Math.abs(Number(line.split(',')[4]) * 100 - parseFloat(table[index][2])) < 0.06, line);
  });
  session.assertQuiet();
});

test('a folder that is picked is the same as one that is dropped', async () => {
  const dropped = (await cells()).map(([path]) => path).sort();
  await clear();
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), viewer.root.getByRole('button', { name: 'or a whole folder' }).click()]);
  await chooser.setFiles(join(files.folder, 'visit'));
  await viewer.done();
  assert.deepEqual((await cells()).map(([path]) => path).sort(), dropped);
  assert.match(await viewer.root.locator('.left').textContent(), /notes\.txt\.$/);
  session.assertQuiet();
});

test('a folder on a slow drive is looked through in sight of the person, who may cancel that', async () => {
  await clear();
  await page.evaluate(() => {
    const { webkitGetAsEntry } = DataTransferItem.prototype;
    window.__quick = () => (DataTransferItem.prototype.webkitGetAsEntry = webkitGetAsEntry);
    DataTransferItem.prototype.webkitGetAsEntry = function () {
      const entry = webkitGetAsEntry.call(this);
      const reader = entry.createReader();
      const read = reader.readEntries.bind(reader);
      reader.readEntries = (...told) => setTimeout(() => read(...told), 700);
      entry.createReader = () => reader;
      return entry;
    };
  });
  const folder = join(files.folder, 'visit');
  const status = viewer.root.locator('.progress .status');
  await viewer.drop(folder);
  assert.equal(await status.textContent(), 'Looking through the files…');
  await viewer.root.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await status.textContent(), 'Cancelled.');
  await page.waitForTimeout(3000);
  assert.equal(await strip().count(), 0, 'what was cancelled comes no later');
  await viewer.drop(folder);
  await viewer.done();
  assert.equal(await strip().count(), 7);
  await page.evaluate(() => window.__quick());
  session.assertQuiet();
});

test('without any network a folder is classified all the same, and its table saved', async () => {
  await clear();
  const requests = session.requests.length;
  await session.context.setOffline(true);
  await viewer.drop(pictures);
  await viewer.done();
  assert.equal((await cells()).filter((row) => row.length === 6).length, 6);
  const [download] = await Promise.all([page.waitForEvent('download'), viewer.root.getByRole('button', { name: 'Save table (CSV)' }).click()]);
  assert.equal((await readFile(await download.path(), 'utf8')).trimEnd().split('\r\n').length, 7);
  await session.context.setOffline(false);
  assert.deepEqual(session.requests.slice(requests).filter((url) => !url.startsWith('blob:')), []);
  session.assertQuiet();
});

test('an archive is a list of images, one that lies within it is not opened', async () => {
  await clear();
  const [one, two] = await Promise.all(pictures.slice(0, 2).map((picture) => readFile(picture)));
  const inner = zip([{ name: 'one.png', data: one }]);
  const cp437 = Buffer.from([...'M'].map((c) => c.charCodeAt(0)).concat([0x84, ...Buffer.from('dchen.png')]));
  const bytes = zip(
    [
      { name: 'visit/' },
      { name: 'visit/stored.png', data: one, method: 0 },
      { name: cp437, data: two, flags: 0 },
      { name: '__MACOSX/._stored.png', data: Buffer.from('x') },
      { name: 'labels.csv', data: Buffer.from('a,b') },
      { name: 'inner.zip', data: inner, method: 0 },
    ],
    { comment: 'PK\x05\x06 in a comment' },
  );
  // A prefix, as self-extracting archives have one.
  await viewer.drop(await files.write('visit.zip', Buffer.concat([Buffer.from('#!stub\n'), bytes])));
  await viewer.saliencies();
  await viewer.done();
  assert.deepEqual((await cells()).map(([path]) => path), ['visit.zip/Mädchen.png', 'visit.zip/visit/stored.png']);
  assert.match(await viewer.root.locator('.left').textContent(), /inner\.zip, labels\.csv\.$/);
  assert.equal(await viewer.current(), 'Mädchen.png');
  assert.equal((await cells()).filter((row) => row.length === 6).length, 2);
  session.assertQuiet();
});

test('bombs, locked and damaged archives are refused in a sentence beside their names, and the rest lives', async () => {
  const one = await readFile(pictures[0]);
  const shows = await viewer.current();
  const zeros = Buffer.alloc(120 * 2 ** 20);
  const sound = { name: 'b.png', data: one };
  const whole = zip([{ name: 'a.png', data: one }, sound]);
  const archives = {
    'bomb.zip': [zip([{ name: 'a.bmp', data: zeros }]), /^This zip archive would grow [\d,]+-fold when unpacked, as one that is made to fill a memory: it is not\.$/],
    'overlap.zip': [zip([{ name: 'a.png', data: one }, { ...sound, at: 10 }]), /^Files of this zip archive lie on top of each other/],
    'claims.zip': [zip([{ name: 'a.png', data: one, size: 0xfffffff0 }]), /would grow/],
    'locked.zip': [zip([{ name: 'a.png', data: one, flags: 1 }]), /^This zip archive is protected by a password: unpack it first\.$/],
    'half.zip': [whole.subarray(0, whole.length >> 1), /^This is no zip archive, or one that did not come whole/],
    'hole.zip': [Buffer.concat([whole.subarray(0, 5000), whole.subarray(6000)]), /^This zip archive is damaged/],
    'count.zip': [zip([sound], { count: 60_000 }), /^This zip archive holds 60,000 files; at most 10,000 are read/],
    'many.zip': [zip([sound], { count: 5 }), /^This zip archive is damaged/],
    'nothing.zip': [Buffer.alloc(0), /^This is no zip archive/],
    'empty.zip': [zip([]), /^There is no image in this zip archive\.$/],
    'text.zip': [Buffer.from('no archive'), /^This is no zip archive/],
  };
  for (const [name, [bytes, sentence]] of Object.entries(archives)) assert.match(await refused(name, bytes), sentence, name);
  await viewer.done();
  assert.equal(await viewer.current(), shows);
  session.assertQuiet();
});

test('a damaged file of an archive is refused by itself', async () => {
  await clear();
  const [one, two] = await Promise.all(pictures.slice(0, 2).map((picture) => readFile(picture)));
  const sound = { name: 'z.png', data: two };
  const bytes = zip([
    { name: 'crc.png', data: one, crc: 1 },
    { name: 'liar.png', data: Buffer.alloc(2 ** 20), size: 1000 },
    { name: 'short.png', data: one, size: one.length + 1 },
    { name: 'lzma.png', data: one, method: 14 },
    { name: 'garbage.png', data: Buffer.from('never deflated'), method: 0 },
    sound,
  ]);
  await viewer.drop(await files.write('mixed.zip', bytes));
  await viewer.done();
  const table = Object.fromEntries((await cells()).map(([path, ...rest]) => [basename(path), rest]));
  for (const name of ['crc.png', 'liar.png', 'short.png']) assert.equal(table[name][0], `${name[0].toUpperCase()}${name.slice(1)} is damaged in its zip archive: copy it anew.`);
  assert.match(table['lzma.png'][0], /^Lzma.png is packed by a method that is not read \(LZMA\)/);
  assert.match(table['garbage.png'][0], /not an image/);
  assert.equal(table['z.png'].length, 5);
  await row('z.png').click();
  await viewer.saliencies();
  await assertShows(viewer, 'z.png');
  session.assertQuiet();
});

test('the round can be stopped and goes on, and the image that is opened comes first', async () => {
  await clear();
  const folder = join(files.folder, 'many');
  await mkdir(folder);
  for (let index = 0; index < 24; index += 1) await writeFile(join(folder, `image ${index}.png`), await readFile(pictures[index % 6]));
  await viewer.drop(folder);
  await viewer.root.getByRole('button', { name: 'Stop' }).click();
  await viewer.root.locator('.cases .status', { hasText: /^Stopped: \d+ of 24 classified$/ }).waitFor();
  await viewer.done();
  const classified = async () => (await cells()).filter((row) => row.length === 6).length;
  const before = await classified();
  assert.ok(before < 24);
  assert.equal(await viewer.root.locator('.strip [data-working]').count(), 0);
  await viewer.root.getByRole('button', { name: 'Go on' }).click();
  await row('image 23.png').click();
  await viewer.saliencies();
  const early = await cells();
  assert.equal(early.find(([path]) => path === 'many/image 23.png').length, 6);
  await viewer.done();
  assert.equal(await classified(), 24);
  await assertShows(viewer, 'image 23.png');
  session.assertQuiet();
});

test('no answer outlives the model that gave it, and another model answers for all images', async () => {
  await viewer.panel('Robust').getByRole('button', { name: 'Remove Robust' }).click();
  const heads = () => viewer.root.locator('.sheet th[scope="col"]').allTextContents();
  assert.deepEqual((await heads()).length, 3);
  assert.ok((await cells()).every((row) => row.length === 3));
  assert.ok(!(await row('image 1.png').textContent()).includes('Robust'));
  await viewer.pick(join(paths.site, 'models/robust.onnx'), 'Add your own model');
  await viewer.panel('robust').locator('.about:not(:empty)').waitFor();
  await viewer.done();
  assert.ok((await cells()).every((row) => row.length === 6 && /%$/.test(row[4])));
  session.assertQuiet();
});

test('scores that are no probabilities have no percent sign, and formulas reach no spreadsheet', async () => {
  await clear();
  for (const name of ['Standard', 'robust']) await viewer.panel(name).getByRole('button', { name: `Remove ${name}` }).click();
  const card = join(files.folder, 'standard.json');
  await writeFile(card, JSON.stringify({ version: 2, classes: ['=1+1', '@b', '+c'].map((code) => ({ code })), input: { preprocessing: { size: 64 } }, output: { scores: 'values' } }));
  const model = join(files.folder, 'standard.onnx');
  await writeFile(model, await readFile(join(paths.site, 'models/standard.onnx')));
  await viewer.pick([model, card], 'Add your own model');
  await viewer.panel('standard').locator('.about:not(:empty)').waitFor();
  const folder = join(files.folder, 'formulas');
  await mkdir(folder);
  for (const name of ['=cmd|A1.png', '-1,"x".png']) await writeFile(join(folder, name), await readFile(pictures[0]));
  await viewer.drop([join(folder, '=cmd|A1.png'), join(folder, '-1,"x".png')]);
  await viewer.saliencies(1);
  await viewer.done();
  const table = await cells();
  assert.ok(table.every(([, , number]) => /^score -?[\d.]+/.test(number)), JSON.stringify(table));
  assert.ok(!(await row('=cmd').textContent()).includes('%'));
  const [download] = await Promise.all([page.waitForEvent('download'), viewer.root.getByRole('button', { name: 'Save table (CSV)' }).click()]);
  const lines = (await readFile(await download.path(), 'utf8')).split('\r\n');
  assert.ok(lines[1].startsWith(`"'=cmd|A1.png","","'`), lines[1]);
  assert.ok(lines[2].startsWith(`"'-1,""x"".png",`), lines[2]);
  // No probability, and a score that stays a number.
  assert.match(lines[1], /^"[^"]*","","'[=@+][^"]*","'[^"]*",,-?[\d.]+,"","[0-9a-f]{64}"$/);
  session.assertQuiet();
});

test('other settings are another model: its answers take the place of the former ones everywhere', async () => {
  const panel = viewer.panel('standard');
  await panel.locator('summary', { hasText: 'Settings' }).click();
  await panel.getByLabel('Its numbers are').selectOption('softmax');
  await panel.getByRole('button', { name: 'Apply' }).click();
  await page.waitForFunction(() => [...document.querySelector('pellucid-viewer').shadowRoot.querySelectorAll('.sheet .number')].every((cell) => cell.textContent.endsWith('%')));
  await viewer.done();
  const table = await cells();
  assert.ok(table.length === 2 && table.every(([, , number]) => /^\d+\.\d %$/.test(number)), JSON.stringify(table));
  assert.match(await row('=cmd').textContent(), /\d+\.\d\s%/);
  session.assertQuiet();
});

test('on a phone the images are a strip above the pictures, the table below them', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await session.screenshot('cases-phone', { fullPage: true });
  const { scroll, inner } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, inner: window.innerWidth }));
  assert.equal(scroll, inner);
  const [first, second] = [await strip().nth(0).boundingBox(), await strip().nth(1).boundingBox()];
  assert.equal(first.y, second.y);
  assert.ok(first.y < (await viewer.panel('standard').boundingBox()).y);
  const small = await viewer.root.locator('.strip button, .cases button').evaluateAll((buttons) =>
    buttons.filter((button) => button.checkVisibility()).map((button) => button.getBoundingClientRect()).filter(({ width, height }) => width < 44 || height < 44).length);
  assert.equal(small, 0);
});
