// What is taken away: pictures, raw maps, the clipboard; read by other programs.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { phantoms, scratch } from './files.mjs';
import { launch, paths, viewerFolder } from './harness.mjs';
import { quirky } from './quirky.mjs';
import { Viewer } from './viewer.mjs';

/** The Python that `cargo xtask reference` sets up, with numpy and Pillow. */
const python = process.env.PELLUCID_PYTHON ?? fileURLToPath(new URL('../../.pellucid/reference/bin/python', import.meta.url));
const noPython = existsSync(python) ? false : 'there is no .pellucid/reference: `cargo xtask reference` sets it up';

/** What the page told of the picture first. */
let first;
let files, picture, session, viewer, page;
before(async () => {
  files = await scratch();
  [picture] = await phantoms(files.folder, 1);
  session = await launch();
  ({ page } = session);
  page.setDefaultTimeout(30_000);
  // No printer here: what would be printed stays to be looked at.
  await page.addInitScript(() => (window.print = () => (window.__printed = true)));
  await page.reload();
  viewer = new Viewer(session);
  await viewer.ready();
  // What was under way when the page was loaded anew.
  session.problems.length = 0;
  await viewer.drop(picture);
  first = await viewer.saliencies();
});
after(async () => {
  await session?.close();
  await files?.remove();
});

/** Presses a button of a model's panel; the file that comes of it, at a path with its name. */
async function taken(button, model = 'Robust') {
  const panel = viewer.panel(model);
  if (!(await panel.locator('.take').evaluate((details) => details.open))) await panel.getByText('Save or copy').click();
  const [download] = await Promise.all([page.waitForEvent('download'), panel.getByRole('button', { name: button, exact: true }).click()]);
  const path = join(files.folder, download.suggestedFilename());
  await copyFile(await download.path(), path);
  return path;
}

/** What a program of Python's prints, as JSON. */
async function asked(program, ...words) {
  const { stdout } = await promisify(execFile)(python, ['-c', program, ...words], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

/** Width and height of a PNG file. */
const size = (bytes) => [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');

test('the raw map is what the page computed, as numpy reads it', { skip: noPython }, async () => {
  const told = first.find(({ model }) => model === 'Robust');
  const path = await taken('Raw map (.npy)');
  assert.match(basename(path), /^phantom-11-000000 Robust gradient (nv|mel|bkl)\.npy$/);
  const { shape, type, order, values } = await asked('import numpy, json, sys; a = numpy.load(sys.argv[1]); print(json.dumps({"shape": a.shape, "type": a.dtype.str, "order": a.flags.c_contiguous, "values": a.ravel().tolist()}))', path);
  assert.deepEqual([shape, type, order], [[3, told.size, told.size], '<f4', true]);
  assert.ok(values.length === told.attribution.length && values.every((value, index) => value === told.attribution[index]));
});

test('so is the TIFF file, as Pillow reads it, a page a channel', { skip: noPython }, async () => {
  const npy = await taken('Raw map (.npy)');
  const path = await taken('Raw map (TIFF)');
  const program = `
import json, sys, numpy
from PIL import Image
file = Image.open(sys.argv[1])
pages = []
for page in range(file.n_frames):
    file.seek(page)
    assert file.mode == "F"
    pages.append(numpy.array(file))
same = numpy.array_equal(numpy.stack(pages), numpy.load(sys.argv[2]))
print(json.dumps({"same": bool(same), "pages": file.n_frames, "about": json.loads(file.tag_v2[270]), "software": file.tag_v2[305], "date": file.tag_v2[306]}))`;
  const { same, pages, about, software, date } = await asked(program, path, npy);
  assert.ok(same);
  assert.equal(pages, 3);
  assert.equal(software, 'Pellucid');
  assert.match(date, /^\d{4}:\d\d:\d\d \d\d:\d\d:\d\d$/);
  assert.equal(about.sha256, hash(await readFile(join(paths.site, 'models/robust.onnx'))));
  assert.deepEqual([about.model, about.method.name, about.against], ['Robust', 'gradient', null]);
});

test('a method that attributes to places gives one channel', async () => {
  await viewer.root.getByLabel('Method').selectOption('grad-cam');
  const told = (await viewer.saliencies()).find(({ model }) => model === 'Robust');
  assert.equal(told.channels, 1);
  const bytes = await readFile(await taken('Raw map (.npy)'));
  const length = bytes.readUInt16LE(8);
  assert.equal((10 + length) % 64, 0);
  const header = bytes.toString('latin1', 10, 10 + length);
  assert.equal(header.trimEnd(), `{'descr': '<f4', 'fortran_order': False, 'shape': (${told.size}, ${told.size}), }`);
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset + 10 + length, bytes.byteOffset + bytes.length));
  assert.deepEqual([...values], told.attribution);
  await viewer.root.getByLabel('Method').selectOption('gradient');
  await viewer.saliencies();
});

test('the bare picture is the map over the image, and nothing else', async () => {
  const bytes = await readFile(await taken('Picture without text'));
  assert.deepEqual(size(bytes), [640, 640]);
  const worst = await page.evaluate(
    async ([picture, taken, { width, pixels }]) => {
      const decoded = (base64) => createImageBitmap(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]), { colorSpaceConversion: 'none' });
      const drawn = (draw) => {
        const context = new OffscreenCanvas(640, 640).getContext('2d');
        context.imageSmoothingQuality = 'high';
        draw(context);
        return context.getImageData(0, 0, 640, 640).data;
      };
      const layer = new OffscreenCanvas(width, width);
      layer.getContext('2d').putImageData(new ImageData(Uint8ClampedArray.from(pixels), width), 0, 0);
      const [under, file] = [await decoded(picture), await decoded(taken)];
      const expected = drawn((context) => {
        context.drawImage(under, 0, 0, 640, 640);
        context.globalAlpha = 0.8;
        context.drawImage(layer, 0, 0, 640, 640);
      });
      const found = drawn((context) => context.drawImage(file, 0, 0));
      return found.reduce((worst, value, index) => Math.max(worst, Math.abs(value - expected[index])), 0);
    },
    [(await readFile(picture)).toString('base64'), bytes.toString('base64'), await viewer.map('Robust')],
  );
  assert.ok(worst <= 3, `differs by ${worst}`);
});

test('the picture with its words is larger, and says what it shows', async () => {
  await viewer.root.getByLabel('Signed').check();
  await page.waitForFunction(() => document.querySelector('pellucid-viewer').shadowRoot.querySelector('.how').textContent.startsWith('+'));
  const path = await taken('Picture');
  const [width, height] = size(await readFile(path));
  assert.equal(width, 680);
  assert.ok(height > 640 + 150, `${height}`);
  await copyFile(path, join(paths.pictures, 'taken.png'));
  await viewer.root.getByLabel('Beside it').check();
  await copyFile(await taken('Picture'), join(paths.pictures, 'taken-beside.png'));
  await viewer.root.getByLabel('Over the image').check();
  await viewer.root.getByLabel('Magnitude').check();
});

test('the picture is copied to the clipboard', async () => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const path = await taken('Picture');
  await viewer.panel('Robust').getByRole('button', { name: 'Copy picture' }).click();
  await viewer.panel('Robust').getByText('The picture is in the clipboard.').waitFor();
  const { width, height } = await page.evaluate(async () => {
    const [item] = await navigator.clipboard.read();
    return createImageBitmap(await item.getType('image/png')).then(({ width, height }) => ({ width, height }));
  });
  assert.deepEqual([width, height], size(await readFile(path)));
  session.assertQuiet();
});

test('the report is one page with the image, the maps, the classes, and what is known of the models', async () => {
  await viewer.root.getByRole('button', { name: 'Print a report' }).click();
  await page.waitForFunction(() => document.querySelector('pellucid-viewer').shadowRoot.querySelector('iframe.printed')?.contentWindow.__printed);
  const { html, css, pictures, text } = await viewer.root.evaluate(async (host) => {
    const paper = host.shadowRoot.querySelector('iframe.printed').contentDocument;
    const css = await (await fetch(paper.querySelector('link').href)).text();
    const pictures = [...paper.querySelectorAll('canvas')].map((canvas) => ({ width: canvas.width, url: canvas.toDataURL() }));
    return { html: paper.body.innerHTML, css, pictures, text: paper.body.innerText };
  });
  const canvases = pictures.map(({ width }) => width);
  const body = html.replace(/<canvas[^>]*><\/canvas>/g, () => `<img src="${pictures.shift().url}">`);
  const blank = await session.context.newPage();
  await blank.setContent(`<!doctype html><style>${css.replaceAll('canvas', 'img')}</style>${body}`);
  const paper = (await blank.pdf({ preferCSSPageSize: true })).toString('latin1');
  assert.equal(paper.match(/\/Type\s*\/Page\b/g).length, 1, 'one page');
  await blank.setViewportSize({ width: 794, height: 1123 });
  await blank.screenshot({ path: join(paths.pictures, 'report.png') });
  await blank.close();
  assert.deepEqual(canvases, [160, 640, 128, 640, 128]);
  const models = await Promise.all(['standard', 'robust'].map((name) => readFile(join(paths.site, `models/${name}.onnx`))));
  for (const part of ['phantom-11-000000.png', '160×160 pixels', hash(await readFile(picture)), ...models.map(hash), 'must not be used', 'Assumed', 'PGD-4 L2', 'melanoma', 'Method', 'gradient']) assert.ok(text.includes(part), `${part} in ${text}`);
  for (const { share } of await viewer.bars('Robust')) assert.ok(text.includes(share), share);
  session.assertQuiet();
});

test('a report tells of a model without a map why it has none', async () => {
  await viewer.root.locator('input[name="class"][value="nv"]').check();
  await viewer.saliencies();
  await viewer.root.getByLabel('Rather than').selectOption('nv');
  await viewer.panel('Robust').getByText(/^Here the class is held against itself/).waitFor();
  assert.equal(await viewer.panel('Robust').locator('.take').isVisible(), false);
  await viewer.root.getByRole('button', { name: 'Print a report' }).click();
  await page.waitForFunction(() => {
    const frame = document.querySelector('pellucid-viewer').shadowRoot.querySelector('iframe.printed');
    return frame?.contentWindow.__printed && frame.contentDocument.body.innerText.includes('held against itself');
  });
  const text = await viewer.root.evaluate((host) => host.shadowRoot.querySelector('iframe.printed').contentDocument.body.innerText);
  assert.equal(text.match(/No map/g).length, 2);
  assert.ok(!text.includes('Saliency for'));
  await viewer.root.getByLabel('Rather than').selectOption('');
  await viewer.saliencies();
  session.assertQuiet();
});

test('the hash is SHA-256 on pages without the browser’s own, too', async () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 2 ** 21 - 1, 2 ** 21 + 64]) {
    const bytes = Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 131 + (index >> 8)) & 255));
    const found = await page.evaluate(
      async ([folder, length]) => {
        const { inPieces } = await import(`/${folder}/sha256.js`);
        return inPieces(new Blob([Uint8Array.from({ length }, (_, index) => (index * 131 + (index >> 8)) & 255)]));
      },
      [viewerFolder(), length],
    );
    assert.equal(found, hash(bytes), `${length} bytes`);
  }
});

test('in a page with a policy of its own files are saved as well', async () => {
  const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'";
  const html = `<!doctype html><meta http-equiv="Content-Security-Policy" content="${policy.replace("frame-ancestors 'none'; ", '')}"><title>Host</title><script type="module" src="pellucid-viewer.js"></script><pellucid-viewer></pellucid-viewer>`;
  const other = await launch({ server: await quirky(paths.site, 'plain', { '/host.html': html }), path: '/host.html' });
  try {
    const guest = new Viewer(other);
    await guest.ready();
    await guest.drop(picture);
    await guest.saliencies();
    const panel = guest.panel('Standard');
    await panel.getByText('Save or copy').click();
    for (const button of ['Picture', 'Raw map (.npy)']) {
      const [download] = await Promise.all([other.page.waitForEvent('download'), panel.getByRole('button', { name: button, exact: true }).click()]);
      assert.equal(await download.failure(), null);
    }
    await guest.root.getByRole('button', { name: 'Print a report' }).click();
    await other.page.waitForFunction(() => document.querySelector('pellucid-viewer').shadowRoot.querySelector('iframe.printed')?.contentDocument.styleSheets[0]?.cssRules.length > 5);
    assert.deepEqual(other.problems.filter((problem) => !/favicon/.test(problem) && !/status 404/.test(problem)), []);
  } finally {
    await other.close();
  }
});
