// A session is saved and opened again: settings, models and images by their hashes, and what was computed.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { paths } from './harness.mjs';
import { opened } from './setup.mjs';
import { assertShows } from './viewer.mjs';

let files, pictures, session, viewer, page, kept;
opened({ images: 4, limit: 30_000 }, (it) => ({ files, pictures, session, page, viewer } = it));

const hash = async (path) => createHash('sha256').update(await readFile(path)).digest('hex');
const button = (name) => viewer.root.getByRole('button', { name, exact: true });
const row = (path) => viewer.root.locator('.strip button', { hasText: basename(path) });
const cells = () => viewer.root.locator('.sheet tbody tr').evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
const said = () => viewer.root.locator('.away .note').textContent();
async function save(name) {
  const [download] = await Promise.all([page.waitForEvent('download'), button('Save session').click()]);
  const path = join(files.folder, name);
  await copyFile(await download.path(), path);
  return path;
}
async function open(path) {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), button('Open session').click()]);
  await chooser.setFiles(path);
}
/** The page as somebody opens it the next day. */
async function nextDay() {
  await page.reload();
  await viewer.ready();
  session.problems.length = 0;
}

test('a session holds settings, hashes and answers, and no image', async () => {
  await viewer.drop(pictures.slice(0, 3));
  await viewer.saliencies();
  await viewer.root.locator('input[name="class"][value="mel"]').check();
  await viewer.root.getByLabel('Method').selectOption('smoothgrad');
  await viewer.root.getByLabel('copies').selectOption('10');
  await viewer.root.getByLabel('Signed').check();
  await viewer.root.getByLabel('Overlay opacity').fill('40');
  await row(pictures[1]).click();
  await viewer.done();
  kept = await cells();
  const path = await save('session.json');
  const text = await readFile(path, 'utf8');
  assert.ok(text.length < 6000, `${text.length} bytes`);
  const found = JSON.parse(text);
  assert.deepEqual(found.images.map(({ sha256 }) => sha256), await Promise.all(pictures.slice(0, 3).map(hash)));
  assert.deepEqual(found.models.map(({ sha256 }) => sha256), await Promise.all(['standard', 'robust'].map((name) => hash(join(paths.site, `models/${name}.onnx`)))));
  assert.equal(found.current, 1);
  assert.deepEqual(found.settings.explained, { code: 'mel', against: null, method: { name: 'smoothgrad', samples: 10, sigma: 0.15 } });
  assert.ok(found.images.every(({ answers, data }) => answers.length === 2 && data === undefined));
  session.assertQuiet();
});

test('opened again it asks for the images by their hashes, and shows them as they were', async () => {
  const map = await viewer.map('Robust');
  await nextDay();
  await open(join(files.folder, 'session.json'));
  await viewer.root.getByText('Give the session\'s images again').waitFor();
  assert.match(await said(), /3 are known by SHA-256\.$/);
  assert.equal(await viewer.root.locator('.strip [data-wanted]').count(), 3);
  assert.equal(await viewer.root.locator('.cases .status').textContent(), '0 of 3 classified, 3 to be given again');
  assert.match(await row(pictures[1]).textContent(), /Recorded of Standard: .*%Recorded of Robust: .*%/);
  assert.equal(await viewer.root.getByLabel('Overlay opacity').inputValue(), '40');
  assert.ok(await viewer.root.getByLabel('Signed').isChecked());
  await session.screenshot('session', { fullPage: true });
  // Another name, the same bytes; and one that the session does not know.
  const renamed = join(files.folder, 'renamed.png');
  await copyFile(pictures[1], renamed);
  await viewer.drop([renamed, pictures[3]]);
  await viewer.saliencies();
  await viewer.done();
  await assertShows(viewer, pictures[1]);
  assert.equal((await cells()).length, 4);
  assert.deepEqual((await cells())[1], kept[1]);
  assert.equal(await viewer.root.locator('.strip .remark').count(), 0);
  assert.deepEqual(await viewer.map('Robust'), map);
  await viewer.drop([pictures[0], pictures[2]]);
  await viewer.done();
  assert.deepEqual((await cells()).slice(0, 3), kept);
  session.assertQuiet();
});

test('with the images in it, it opens by itself; and an answer that was another is told', async () => {
  await viewer.root.getByLabel('with the images in it').check();
  const path = await save('whole.json');
  const found = JSON.parse(await readFile(path, 'utf8'));
  assert.equal(Buffer.from(found.images[0].data, 'base64').compare(await readFile(pictures[0])), 0);
  found.images[0].answers[0].title = 'something\u202e else';
  found.images[0].answers[0].code = 'other';
  await nextDay();
  // Dropped, as any file.
  await viewer.drop(await files.write('changed.json', JSON.stringify(found)));
  await viewer.saliencies();
  await viewer.done();
  await assertShows(viewer, pictures[0]);
  assert.equal((await cells()).length, 4);
  assert.equal(await viewer.root.locator('.strip .remark').count(), 1);
  assert.match(await row(pictures[0]).locator('.remark').textContent(), /^Standard: the session recorded something\\u\{202e\} else, /);
  session.assertQuiet();
});

test('a model that is not there is asked for, and answers once it is added', async () => {
  await nextDay();
  await viewer.panel('Robust').getByRole('button', { name: 'Remove Robust' }).click();
  await open(join(files.folder, 'session.json'));
  await viewer.root.getByText('The session also used').waitFor();
  assert.match(await said(), /Robust \(SHA-256 [0-9a-f]{12}…\)\. Add the file\.$/);
  session.assertQuiet();
});

test('a session that lies beside its images finds them', async () => {
  await nextDay();
  await viewer.drop([join(files.folder, 'session.json'), ...pictures.slice(0, 3)]);
  await viewer.root.locator('.strip [aria-pressed="true"]').waitFor();
  await viewer.done();
  assert.deepEqual(await cells(), kept);
  // What stays open when the list is cleared belongs to the session still.
  await button('Clear list').click();
  const found = JSON.parse(await readFile(await save('alone.json'), 'utf8'));
  assert.deepEqual(found.images.map(({ path, answers }) => [path, answers.length]), [[await viewer.current(), 2]]);
  assert.equal(found.current, 0);
  session.assertQuiet();
});

test('what is no session is refused in a sentence, and what is open stays', async () => {
  await viewer.drop(pictures[0]);
  await viewer.done();
  const good = JSON.parse(await readFile(join(files.folder, 'session.json'), 'utf8'));
  const whole = JSON.parse(await readFile(join(files.folder, 'whole.json'), 'utf8'));
  const changed = (change, from = good) => {
    const copy = structuredClone(from);
    change(copy);
    return JSON.stringify(copy);
  };
  const wrong = {
    'half.json': [JSON.stringify(good).slice(0, 700), /did not come whole/],
    'other.json': ['{"a": 1}', /it is no session of this program\.$/],
    'newer.json': [changed((s) => (s.version = 9)), /has version 9, and this page reads version 1/],
    'model.json': [changed((s) => (s.models[0] = null)), /model 1 has no name/],
    'hash.json': [changed((s) => (s.images[1].sha256 = 'no')), /image 2 has no name or no SHA-256\.$/],
    'share.json': [changed((s) => (s.images[0].answers[0].probability = 7)), /image 1 has an answer that is none\.$/],
    'current.json': [changed((s) => (s.current = 77)), /the image that was open is not among its images\.$/],
    'data.json': [changed((s) => (s.images[0].data = '***'), whole), /the data of .* are damaged\.$/],
    'swapped.json': [changed((s) => (s.images[0].data = s.images[1].data), whole), /is another image than the one that its SHA-256 names\.$/],
    'list.json': ['[]', /it is no session of this program\.$/],
    'null.json': ['null', /it is no session of this program\.$/],
  };
  for (const [name, [text, sentence]] of Object.entries(wrong)) {
    await open(await files.write(name, text));
    await page.waitForFunction((source) => new RegExp(source).test(document.querySelector('pellucid-viewer').shadowRoot.querySelector('.away .note').textContent), sentence.source);
  }
  await assertShows(viewer, pictures[0]);
  session.assertQuiet();
});
