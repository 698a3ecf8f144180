// Nothing leaves the machine: all traffic of a long session, a network that is cut, and the files that are shipped.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { mask, phantoms, scratch } from './files.mjs';
import { launch, paths } from './harness.mjs';
import { Viewer } from './viewer.mjs';

/** Does everything that the page offers, the way somebody does who works with it for an afternoon. */
async function work({ session, viewer, page, files, pictures }) {
  const button = (name, within = viewer.root) => within.getByRole('button', { name, exact: true });
  const saved = async (press) => {
    const [download] = await Promise.all([page.waitForEvent('download'), press()]);
    assert.equal(await download.failure(), null);
    return download.path();
  };
  await viewer.drop(pictures[0]);
  await viewer.saliencies();
  for (const method of ['input-x-gradient', 'smoothgrad', 'integrated-gradients', 'grad-cam', 'occlusion']) {
    await viewer.root.getByLabel('Method').selectOption(method);
    await viewer.saliencies();
  }
  await viewer.root.getByLabel('Signed').check();
  await viewer.root.getByLabel('Beside it').check();
  await viewer.idle();
  await viewer.root.locator('input.mask-file').setInputFiles(await files.write('mask.png', mask(32, 32, (x) => x < 16)));
  await viewer.root.locator('.share-inside').first().waitFor();
  await viewer.plate('Robust').focus();
  for (const key of ['ArrowRight', '+', '+', '0']) await page.keyboard.press(key);
  const panel = viewer.panel('Robust');
  await panel.getByText('Save or copy').click();
  for (const name of ['Picture', 'Picture without text', 'Raw map (.npy)', 'Raw map (TIFF)']) await saved(() => button(name, panel).click());
  const kept = await saved(() => button('Save session').click());
  await button('Print a report').click();
  await page.waitForFunction(() => window.__printed || document.querySelector('pellucid-viewer').shadowRoot.querySelector('iframe.printed')?.contentWindow.__printed);
  await viewer.drop([...pictures, await files.write('notes.pdf', 'text')]);
  await viewer.done();
  await saved(() => button('Save table (CSV)').click());
  await viewer.pick(join(paths.site, 'models/robust.onnx'), 'Add your own model');
  await viewer.panel('robust').locator('.about:not(:empty)').waitFor();
  await viewer.done();
  await button('Remove robust').click();
  await viewer.root.locator('.samples button').nth(1).click();
  await viewer.idle();
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), button('Open session').click()]);
  await chooser.setFiles({ name: 'session.json', mimeType: 'application/json', buffer: await readFile(kept) });
  await viewer.root.getByText(/Give the session's images again/).waitFor();
  await viewer.drop(pictures[0]);
  await viewer.done();
  assert.match(await viewer.current(), new RegExp(basename(pictures[0])));
}

test('a long session asks for the page’s own files and for nothing else, and goes on when the network is cut', async () => {
  const files = await scratch();
  const session = await launch({ offline: true });
  try {
    const { page } = session;
    page.setDefaultTimeout(45_000);
    await page.addInitScript(() => (window.print = () => (window.__printed = true)));
    const viewer = new Viewer(session);
    await viewer.ready();
    await page.locator('html[data-kept]').waitFor();
    await page.evaluate(() => (window.print = () => (window.__printed = true)));
    const pictures = await phantoms(files.folder, 3);
    await session.context.setOffline(true);
    session.requests.splice(0, session.requests.length, session.origin + '/');
    const before = session.requests.length;
    await work({ session, viewer, page, files, pictures });
    // A new model has a worker of its own, and a report its style sheet: files of this site, which the browser has. `blob:` addresses are
    // this page's own memory.
    const had = /\/viewer-[0-9a-f]{16}\/(worker|pellucid_viewer)\.js$|\/export\/report\.css$/;
    assert.deepEqual(session.requests.slice(before).filter((url) => !url.startsWith('blob:') && !had.test(url)), [], 'work costs no request');
    // It opens again without a network, with the models that it kept.
    await page.reload();
    await viewer.ready();
    await viewer.drop(pictures[1]);
    assert.equal((await viewer.saliencies()).length, 2);
    await session.context.setOffline(false);
    // What is kept can be taken away: models, files, settings, the service worker.
    const there = () => page.evaluate(async () => ({ caches: await caches.keys(), workers: (await navigator.serviceWorker.getRegistrations()).length, settings: Object.keys(localStorage) }));
    await page.evaluate(() => localStorage.setItem('pellucid-language', 'en'));
    const full = await there();
    assert.deepEqual(full.caches.sort(), ['pellucid-models', 'pellucid-page']);
    assert.equal(full.workers, 1);
    await viewer.root.getByRole('button', { name: 'Delete what this browser keeps' }).click();
    await viewer.root.getByText(/^Deleted: /).waitFor();
    assert.deepEqual(await there(), { caches: [], workers: 0, settings: [] });
  } finally {
    // Checks the browser's own log as well: nothing left the origin.
    await session.close();
    await files.remove();
  }
  assert.ok(session.allUrls.length > 20, `the log holds ${session.allUrls.length} addresses only: is it broken?`);
});

/**
 * What looks like an address and is asked for by nobody: names of XML vocabularies, by which pictures' metadata is found; the first line of a Git
 * LFS pointer, by which one is known that stands in a model's place; a licence in a colour profile; an example of a host's origin.
 */
const NAMES = ['http://www.w3.org/2000/svg', 'http://ns.adobe.com/', 'https://git-lfs.github.com/spec/', 'https://hawser.github.com/spec/', 'http://www.apache.org/licenses/LICENSE-2.0', 'https://intranet.example'];
/** Where a comment says what was followed; code never reads it. */
const SOURCES = ['https://github.com/WebAssembly/'];

async function shipped(folder) {
  const found = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && !/\.(br|onnx)$/.test(entry.name)) found.push(join(entry.parentPath, entry.name));
  }
  return found;
}

test('no shipped file holds an address of anybody’s', async () => {
  const strange = [];
  const all = await shipped(paths.site);
  assert.ok(all.length > 40 && all.some((path) => path.endsWith('.wasm')));
  for (const path of all) {
    const text = (await readFile(path)).toString('latin1');
    for (const [url] of text.matchAll(/\b(?:https?|wss?|ftp):\/\/[a-z0-9][^\s"'`<>)\\\0-\x1f\x7f-\xff]*/gi)) {
      if (![...NAMES, ...SOURCES].some((known) => url.startsWith(known))) strange.push(`${basename(path)}: ${url}`);
    }
  }
  assert.deepEqual([...new Set(strange)], []);
});

test('no shipped script makes requests by other ways than those that are looked at', async () => {
  const scripts = (await shipped(paths.site)).filter((path) => path.endsWith('.js'));
  const ways = {
    fetch: /\bfetch\(/,
    other: /\b(XMLHttpRequest|WebSocket|EventSource|sendBeacon|RTCPeerConnection|WebTransport|importScripts)\b|\beval\(|new Function\b/,
  };
  const using = async (way) => (await Promise.all(scripts.map(async (path) => (ways[way].test(await readFile(path, 'utf8')) ? [basename(path)] : [])))).flat().sort();
  assert.deepEqual(await using('other'), []);
  assert.deepEqual(await using('fetch'), ['download.js', 'manifest.js', 'pellucid-offline.js', 'pellucid_viewer.js']);
});
