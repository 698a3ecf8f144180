// The element in a page that is somebody else's.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { phantoms, scratch } from './files.mjs';
import { launch, paths, viewerFolder } from './harness.mjs';
import { quirky } from './quirky.mjs';
import { Viewer } from './viewer.mjs';

const HOST = `<!doctype html>
<title>Host</title>
<link rel="stylesheet" href="host.css">
<script type="module" src="pellucid-viewer.js"></script>
<link rel="icon" href="FOLDER/favicon.svg">
<input id="own" type="file" multiple>
<div id="text" contenteditable="plaintext-only">Text</div>
<div class="row"><p>Before</p><pellucid-viewer id="first" models="none" samples="0"></pellucid-viewer></div>
<div class="float"><pellucid-viewer id="second" models="none" samples="0"></pellucid-viewer></div>
`;
// Rules that host pages have, none of which is meant for the element's inside.
const STYLE = `* { box-sizing: content-box; } button, input, p, h3 { font: 40px serif; display: inline; padding: 30px; }
#own { display: block; width: 600px; height: 60px; padding: 0; font: 14px sans-serif; } .row { display: flex; } .float { float: left; }`;

let files, pictures, session, viewer;
before(async () => {
  files = await scratch();
  pictures = await phantoms(files.folder, 3);
  // The same modules once more under other addresses, as from a second copy of the folder.
  const script = await readFile(join(paths.site, 'pellucid-viewer.js'), 'utf8');
  const copy = script.replace('element.js', 'element.js?copy');
  assert.notEqual(copy, script);
  const pages = { '/host.html': HOST.replace('FOLDER', viewerFolder()), '/host.css': STYLE, '/copy.js': copy };
  session = await launch({ server: await quirky(paths.site, 'plain', pages), path: '/host.html', viewport: { width: 1280, height: 2400 } });
  viewer = new Viewer(session);
  await session.page.waitForFunction(() => [...document.querySelectorAll('pellucid-viewer')].every((v) => v.shadowRoot?.querySelector('.status').textContent.startsWith('No models')));
});
after(async () => {
  await session?.close();
  await files?.remove();
});

const centre = async (selector) => {
  const { x, y, width, height } = await session.page.locator(selector).boundingBox();
  return { x: x + width / 2, y: y + Math.min(height / 2, 150) };
};
const shown = (id) => session.page.locator(`#${id} .current .name`).evaluate((name) => (name.closest('.current').hidden ? null : name.textContent));

test('a file that is dropped on a field of the page is the field’s', async () => {
  await viewer.drop(pictures[0], await centre('#own'));
  await session.page.waitForFunction(() => document.querySelector('#own').files.length === 1);
  assert.deepEqual([await shown('first'), await shown('second')], [null, null]);
});

test('each of two viewers takes what is dropped on it', async () => {
  await viewer.drop(pictures[1], await centre('#second'));
  await session.page.locator('#second .current').waitFor();
  assert.ok(pictures[1].endsWith(await shown('second')));
  assert.equal(await shown('first'), null);
  await viewer.drop(pictures[2], await centre('#first'));
  await session.page.locator('#first .current').waitFor();
  assert.ok(pictures[2].endsWith(await shown('first')) && pictures[1].endsWith(await shown('second')));
});

test('text that is pasted into a field stays text, and a picture pasted elsewhere is nobody’s', async () => {
  await session.page.locator('#text').focus();
  await viewer.paste(await readFile(await session.screenshot('pasted')));
  await session.page.waitForTimeout(300);
  assert.ok(pictures[2].endsWith(await shown('first')));
  await session.page.locator('#second').getByRole('button', { name: 'Choose images' }).focus();
  await session.page.keyboard.press('Control+V');
  await session.page.waitForFunction(() => document.querySelector('#second').shadowRoot.querySelector('.current .name').textContent === 'image.png');
  assert.ok(pictures[2].endsWith(await shown('first')));
});

test('it has a width in a row and in a float, its own type, and its own notice', async () => {
  for (const id of ['first', 'second']) {
    const viewer = session.page.locator(`#${id}`);
    assert.ok((await viewer.boundingBox()).width >= 280, id);
    const button = viewer.getByRole('button', { name: 'Choose images' });
    assert.notEqual(await button.evaluate((element) => getComputedStyle(element).fontSize), '40px');
    assert.match(await viewer.locator('.notice').textContent(), /no diagnosis/);
  }
  await session.screenshot('host', { fullPage: true });
});

test('a second copy of the module leaves the first one be', async () => {
  const outcome = await session.page.evaluate(() => import('/copy.js').then(() => 'loaded', String));
  assert.equal(outcome, 'loaded');
  session.assertQuiet();
});
