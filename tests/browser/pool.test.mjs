// The workers of a page: how many there are, what they hold, and what becomes of one that idles, grows or dies.

import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { phantoms, scratch } from './files.mjs';
import { launch, paths, viewerFolder } from './harness.mjs';
import { quirky } from './quirky.mjs';
import { Viewer } from './viewer.mjs';

let files, pictures;
before(async () => {
  files = await scratch();
  pictures = await phantoms(files.folder, 6);
});
after(() => files?.remove());

const element = (attributes) => `<pellucid-viewer samples="0" ${attributes}></pellucid-viewer>`;

/** A host's page with these elements. */
async function host(context, ...elements) {
  const page = `<!doctype html><html lang="en"><title>Host</title><link rel="icon" href="data:,"><script type="module" src="/pellucid-viewer.js"></script>${elements.join('')}`;
  const session = await launch({ server: await quirky(paths.site, 'plain', { '/host.html': page }), path: '/host.html' });
  context.after(() => session.close());
  await session.page.waitForFunction(() => [...document.querySelectorAll('pellucid-viewer')].every(({ results }) => results?.length === 2 && results.every(({ state }) => state === 'ready')));
  return { session, page: session.page, viewer: new Viewer(session) };
}

/** Runs `work(pool, value)` in the page. */
const inPool = (page, work, value) =>
  page.evaluate(async ([folder, text, value]) => {
    const { pool } = await import(`/${folder}/pool.js`);
    const url = URL.createObjectURL(new Blob([`export default ${text}`], { type: 'text/javascript' }));
    const { default: work } = await import(url);
    return work(pool, value);
  }, [viewerFolder(), String(work), value]);
const rest = (page, patience) => inPool(page, (pool, patience) => void Object.assign(pool.patience, patience), patience);
const state = (page) => inPool(page, (pool) => pool.state);
const until = async (holds) => {
  for (let tries = 0; !(await holds()); tries += 1) {
    assert.ok(tries < 600, `it never holds: ${holds}`);
    await new Promise((done) => setTimeout(done, 100));
  }
};
const answers = (page) => page.evaluate(() => [...document.querySelectorAll('pellucid-viewer')].map(({ results }) => results.map(({ name, answer }) => [name, answer.classes.map(({ score }) => score)])));

test('a machine’s cores and memory decide how many workers there are', async (context) => {
  const { page } = await host(context, element('models="/models/manifest.json"'));
  const counts = await page.evaluate(async (folder) => {
    const { usualWorkers } = await import(`/${folder}/pool.js`);
    const machines = [{ hardwareConcurrency: 1, deviceMemory: 8 }, { hardwareConcurrency: 2, deviceMemory: 8 }, { hardwareConcurrency: 8, deviceMemory: 2 }, { hardwareConcurrency: 8, deviceMemory: 0.5 }, { hardwareConcurrency: 64, deviceMemory: 8 }, { hardwareConcurrency: 6 }, {}];
    return machines.map((machine) => usualWorkers(machine));
  }, viewerFolder());
  assert.deepEqual(counts, [1, 2, 2, 1, 8, 4, 2]);
});

test('several viewers share the workers, as many as the most modest allows, and say what they hold', async (context) => {
  const { session, page } = await host(context, element('id="one" workers="1"'), element('id="two" workers="3"'));
  // One for networks, one for pictures; two viewers with two models each.
  assert.equal(page.workers().length, 2);
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('pellucid-viewer')].map(({ workers }) => workers)), [1, 3]);
  await page.evaluate(async () => {
    const [one, two] = document.querySelectorAll('pellucid-viewer');
    const drawn = async (colour) => {
      const canvas = Object.assign(new OffscreenCanvas(96, 96));
      const context = canvas.getContext('2d');
      context.fillStyle = colour;
      context.fillRect(0, 0, 96, 96);
      return canvas.convertToBlob();
    };
    await Promise.all([one.open(await drawn('#a06040'), 'one'), two.open(await drawn('#f0c0a0'), 'two')]);
  });
  // Each has its own image, although one worker holds both.
  const [one, two] = await answers(page);
  assert.notDeepEqual(one, two);
  const said = page.locator('#one .memory');
  await said.getByText(/^Workers: 2, memory in use: \d+\.\d MB$/).waitFor();
  assert.ok((await state(page)).bytes > 1e6);
  // Where the modest one allows more, more are used; where it allows fewer again, what they hold moves.
  await page.evaluate(() => {
    document.querySelector('#one').workers = 3;
    document.querySelector('#two').remove();
  });
  await page.evaluate(async () => document.body.append(Object.assign(document.createElement('pellucid-viewer'), { id: 'three', samples: 0, workers: 3 })));
  await page.waitForFunction(() => document.querySelector('#three').results.filter(({ state }) => state === 'ready').length === 2);
  assert.ok(page.workers().length > 2, `${page.workers().length}`);
  const before = await page.evaluate(() => document.querySelector('#one').results);
  await page.evaluate(() => (document.querySelector('#one').workers = 1));
  await rest(page, { grown: 50 });
  await until(() => page.workers().length === 2);
  await page.evaluate(() => (document.querySelector('#one').question = { method: { name: 'input-x-gradient' } }));
  await page.waitForFunction(() => !document.querySelector('#one').busy);
  assert.deepEqual(await page.evaluate(() => document.querySelector('#one').results), before);
  assert.match(await page.locator('#one .panel .caption').first().textContent(), /^Input × gradient for /);
  session.assertQuiet();
});

test('images of a folder are classified side by side, with the same answers as one after the other', async (context) => {
  const rows = {};
  for (const workers of [1, 3]) {
    const { page, viewer, session } = await host(context, element(`workers="${workers}"`));
    // How many workers have an image of the round open at a time.
    await page.evaluate(() => {
      const open = new Set();
      window.__most = 0;
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function (message, ...rest) {
        if (message.name === 'thumbnail' && message.request.side === 80) open.add(this);
        if (message.name === 'open') open.delete(this);
        window.__most = Math.max(window.__most, open.size);
        return postMessage.call(this, message, ...rest);
      };
    });
    await viewer.drop(pictures);
    await viewer.done();
    rows[workers] = await viewer.root.locator('.sheet tbody tr').evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
    assert.equal(await page.evaluate(() => window.__most), workers, 'workers at a time');
    session.assertQuiet();
  }
  assert.equal(rows[1].length, 6);
  assert.deepEqual(rows[3], rows[1]);
});

test('a worker that idles gives its memory back, and what it held is there again with the next question', async (context) => {
  const { session, page, viewer } = await host(context, element(''));
  await viewer.drop(pictures[0]);
  await page.waitForFunction(() => document.querySelector('pellucid-viewer').shadowRoot.querySelectorAll('.panel[data-mapped]').length === 2);
  await viewer.idle();
  const map = await viewer.map('Standard');
  await rest(page, { idle: 200, grown: 50 });
  await until(async () => (await state(page)).workers === 0);
  assert.equal(page.workers().length, 0);
  assert.deepEqual(await viewer.map('Standard'), map);
  await rest(page, { idle: 600_000 });
  await viewer.root.getByLabel('Signed').check();
  await page.waitForFunction(() => document.querySelector('pellucid-viewer').shadowRoot.querySelector('.panel').dataset.style === 'all');
  await viewer.root.getByLabel('Magnitude').check();
  await page.waitForFunction(() => document.querySelector('pellucid-viewer').shadowRoot.querySelector('.panel').dataset.style === 'absolute');
  assert.deepEqual(await viewer.map('Standard'), map);
  session.assertQuiet();
});

test('where all together hold more than the budget, or one has grown, idle workers rest early', async (context) => {
  const { session, page } = await host(context, element('workers="2"'));
  await inPool(page, (pool) => void (pool.budget = 1));
  await rest(page, { short: 100, grown: 50 });
  await until(async () => (await state(page)).workers <= 1);
  // An image of 100 megapixels takes 300 MB, which WebAssembly gives back with its worker only.
  await inPool(page, (pool) => void (pool.budget = 2 ** 33));
  await rest(page, { short: 600_000 });
  const busy = page.evaluate(async () => {
    const canvas = new OffscreenCanvas(10_000, 10_000);
    canvas.getContext('2d').fillRect(0, 0, 5000, 5000);
    await document.querySelector('pellucid-viewer').open(await canvas.convertToBlob({ type: 'image/jpeg' }), 'large');
  });
  let most = 0;
  let done = false;
  busy.finally(() => (done = true));
  while (!done) most = Math.max(most, (await state(page)).bytes);
  await busy;
  await until(async () => (await state(page)).bytes < 2 ** 28);
  assert.ok(most > 2 ** 28, `${most}`);
  session.assertQuiet();
});

test('a worker that dies is replaced, and its work done once more', async (context) => {
  const { session, page, viewer } = await host(context, element('workers="2"'));
  await viewer.drop(pictures[0]);
  await page.waitForFunction(() => document.querySelector('pellucid-viewer').shadowRoot.querySelectorAll('.panel[data-mapped]').length === 2);
  const before = await answers(page);
  const had = page.workers().length;
  for (const worker of page.workers()) {
    await worker.evaluate(async (folder) => {
      const { Classifier } = await import(`/${folder}/pellucid_viewer.js`);
      // WebAssembly is handed a classifier at an address beyond its memory.
      for (const name of ['explain', 'classify']) {
        const sound = Classifier.prototype[name];
        Classifier.prototype[name] = function (...words) {
          this.__wbg_ptr = 0xfffffff0;
          return sound.apply(this, words);
        };
      }
    }, viewerFolder());
  }
  await viewer.drop(pictures[1]);
  await page.waitForFunction((name) => document.querySelector('pellucid-viewer').shadowRoot.querySelector('.current .name').textContent === name, basename(pictures[1]));
  await viewer.idle();
  assert.equal(await viewer.root.locator('.panel [role="alert"]:visible').count(), 0);
  assert.equal(await viewer.root.locator('.panel[data-mapped]').count(), 2);
  assert.notDeepEqual(await answers(page), before);
  await viewer.drop(pictures[0]);
  await page.waitForFunction((name) => document.querySelector('pellucid-viewer').shadowRoot.querySelector('.current .name').textContent === name, basename(pictures[0]));
  await viewer.idle();
  assert.deepEqual(await answers(page), before);
  assert.equal(page.workers().length, had);
  session.assertQuiet();
});
