// Servers as they are: with each the page works, or says in a sentence what is to be done.

import assert from 'node:assert/strict';
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { phantoms, scratch } from './files.mjs';
import { launch, paths } from './harness.mjs';
import { quirky } from './quirky.mjs';
import { Viewer } from './viewer.mjs';

/** Opens the site behind a server with a fault. */
async function behind(context, fault, { site = paths.site, pages, path, others } = {}) {
  const session = await launch({ server: await quirky(site, fault, pages), path, others });
  context.after(() => session.close());
  return { session, viewer: new Viewer(session) };
}

/** What the line under the controls says once nothing goes on any more. */
async function status(viewer) {
  await viewer.page.waitForFunction(() => {
    const viewer = document.querySelector('pellucid-viewer');
    return viewer.shadowRoot?.querySelector('.status').textContent && !viewer.hasAttribute('data-busy');
  });
  return viewer.root.getByRole('status').textContent();
}

for (const fault of ['plain', 'octets']) {
  test(`a server of the kind "${fault}" is good enough`, async (context) => {
    const { session, viewer } = await behind(context, fault);
    await viewer.ready();
    await viewer.root.locator('.samples button').first().click();
    await viewer.saliencies();
    session.assertQuiet();
  });
}

for (const [fault, wanted] of Object.entries({
  iis: /^The file pellucid_viewer\w*_bg\.wasm could not be downloaded \(the server answered 404\): the file is missing, or the server does not give out files of its kind\.$/,
  spa: /^In place of the viewer's program \(pellucid_viewer\w*_bg\.wasm\) the server sent a web page: it may lack the file, or want you to sign in\.$/,
  login: /^In place of the viewer's program .* the server sent a web page/,
  half: /^The download of pellucid_viewer\w*_bg\.wasm broke off after \d+ bytes: check the connection and try again\.$/,
  truncated: /^The viewer's program \(pellucid_viewer\w*_bg\.wasm\) did not come whole, or is another file: load the page anew\.$/,
  'no-wasm': /^This page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src\.$/,
  'no-workers': /^The viewer's worker could not be started .*worker-src 'self'\)\.$/,
})) {
  test(`a server of the kind "${fault}" is told apart, and an image gets the same answer`, async (context) => {
    const { viewer } = await behind(context, fault, { site: paths.site });
    assert.match(await status(viewer), wanted);
    const files = await scratch();
    context.after(files.remove);
    const [picture] = await phantoms(files.folder, 1);
    await viewer.drop(picture);
    assert.match(await viewer.refusal(), wanted);
    assert.match(await status(viewer), wanted);
  });
}

test('a sign-in page in place of a model is said to be one, in its panel', async (context) => {
  const { viewer } = await behind(context, 'login-for-models');
  await viewer.root.locator('.panel[data-failed]').nth(1).waitFor();
  assert.match(await viewer.panel('Standard').locator('.word').textContent(), /^In place of standard\.onnx the server sent a web page/);
  assert.equal(await status(viewer), 'No model could be opened.');
});

test('files on another origin are refused with both origins named', async (context) => {
  const assets = await quirky(paths.site, 'elsewhere');
  context.after(assets.stop);
  const page = `<!doctype html><title>Host</title><script type="module" src="${assets.origin}/pellucid-viewer.js"></script><pellucid-viewer></pellucid-viewer>`;
  const { session, viewer } = await behind(context, 'plain', { pages: { '/host.html': page }, path: '/host.html', others: [assets.origin] });
  const said = await status(viewer);
  assert.ok(said.includes(assets.origin) && said.includes(session.origin) && said.endsWith('put them there.'), said);
});

/** A copy of the site with one model under this name, and the manifest that is made of it. */
async function siteWith(context, file, manifest) {
  const files = await scratch();
  context.after(files.remove);
  const site = join(files.folder, 'site');
  await cp(paths.site, site, { recursive: true });
  const models = join(site, 'models');
  await rename(join(models, 'standard.onnx'), join(models, file));
  await rm(join(models, 'robust.onnx'));
  await writeFile(join(models, 'manifest.json'), manifest);
  return site;
}

for (const file of ['Modell #2.onnx', 'robust 100%.onnx', 'a?b&c.onnx', 'größer.onnx']) {
  test(`a model may be called ${file}`, async (context) => {
    const site = await siteWith(context, file, JSON.stringify([{ name: 'Own', file }]));
    const { session, viewer } = await behind(context, 'plain', { site });
    await viewer.ready(1);
    session.assertQuiet();
  });
}

test('a list of models that cannot be used is told what is wrong', async (context) => {
  for (const [manifest, wanted] of [
    ['[{ "name": "A", "file": "a.onnx", }]', /^The list of models \(manifest\.json\) is not JSON: .*\.$/s],
    ['{ "name": "A" }', /is no list: it has the form/],
    ['[{ "name": "A", "path": "a.onnx" }]', /^Model 1 in the list of models \(manifest\.json\) has no "file"\.$/],
  ]) {
    const site = await siteWith(context, 'a.onnx', manifest);
    const { viewer } = await behind(context, 'plain', { site });
    assert.match(await status(viewer), wanted);
  }
});

test('a site without a list of models has none, and that is all', async (context) => {
  const site = await siteWith(context, 'a.onnx', '[]');
  await rm(join(site, 'models/manifest.json'));
  const { viewer } = await behind(context, 'plain', { site });
  assert.equal(await status(viewer), 'No models are installed beside this page: add your own.');
  const index = await readFile(join(site, 'index.html'), 'utf8');
  assert.ok(index.includes('whole-page'));
});
