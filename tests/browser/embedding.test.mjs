// The element and its frame as a host's web team uses them: by the snippets of docs/embedding.md, as they stand there.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { phantoms, scratch } from './files.mjs';
import { launch, paths } from './harness.mjs';
import { quirky } from './quirky.mjs';
import { Viewer } from './viewer.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const documentation = await readFile(join(here, '../../docs/embedding.md'), 'utf8');
const blocks = (language) => [...documentation.matchAll(new RegExp('^```' + language + '\\n(.*?)^```', 'gms'))].map((match) => match[1]);
const [TAG, FRAME] = blocks('html');
const [ELEMENT, MESSAGES] = blocks('js');
const [STYLE] = blocks('css');

let files, picture;
before(async () => {
  files = await scratch();
  [picture] = await phantoms(files.folder, 1);
});
after(() => files?.remove());

/** A host's page around the site, with a script and a style sheet of its own. */
async function host(context, body, script, { server, style = '' } = {}) {
  const page = `<!doctype html><html lang="en"><title>Host</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/host.css"><script type="module" src="/host.js"></script>${body}`;
  const pages = { '/host.html': page, '/host.js': script, '/host.css': style, '/lesion.jpg': await readFile(picture) };
  const own = await quirky(paths.site, 'plain', pages);
  context.after(() => server?.stop());
  const session = await launch({ server: own, path: '/host.html', others: server ? [server.origin] : [] });
  context.after(() => session.close());
  const logged = [];
  session.page.on('console', (message) => message.type() === 'log' && logged.push(message.text()));
  return { session, page: session.page, viewer: new Viewer(session), logged, origin: own.origin };
}

const until = async (holds) => {
  for (let tries = 0; !(await holds()); tries += 1) {
    assert.ok(tries < 1200, `it never holds: ${holds}`);
    await new Promise((done) => setTimeout(done, 100));
  }
};

test('the element is used as documented, with its properties, methods, events and looks', async (context) => {
  // The script may run when the models are there already; a host's page loads both at the same time.
  const { session, page, viewer, logged } = await host(context, TAG.replace('/pellucid/', '/'), ELEMENT, { style: STYLE });
  await until(() => logged.length >= 2);
  assert.match(logged.join('\n'), /^(Standard|Robust): .+, 0\.\d+$/m);
  await until(() => page.evaluate(() => document.querySelector('pellucid-viewer').question.class === 'mel'));
  await viewer.idle();
  const state = await page.evaluate(() => {
    const { question, busy, results, models, samples, wholePage } = document.querySelector('pellucid-viewer');
    return { question, busy, results, models, samples, wholePage };
  });
  assert.deepEqual(state.question, { class: 'mel', against: null, method: { name: 'smoothgrad', samples: 10, sigma: 0.15 } });
  assert.deepEqual([state.busy, state.models, state.samples, state.wholePage], [false, null, 6, false]);
  assert.deepEqual(state.results.map(({ name, state: of, size }) => `${name} ${of} ${size}`).sort(), ['Robust ready 64', 'Standard ready 64']);
  for (const { name, answer } of state.results) {
    const sum = answer.classes.reduce((total, { probability }) => total + probability, 0);
    assert.ok(Math.abs(sum - 1) < 1e-5, name);
    const best = answer.classes.reduce((a, b) => (b.score > a.score ? b : a));
    assert.equal(answer.predicted, best.code);
  }
  const looks = await viewer.root.evaluate((element) => {
    const choose = element.shadowRoot.querySelector('.primary');
    return { accent: getComputedStyle(choose).backgroundColor, radius: getComputedStyle(choose).borderRadius, intake: getComputedStyle(element.shadowRoot.querySelector('.intake')).display };
  });
  assert.deepEqual(looks, { accent: 'rgb(0, 105, 92)', radius: '0px', intake: 'none' });
  const parts = await viewer.root.evaluate((element) => [...element.shadowRoot.querySelectorAll('[part]')].map(({ part }) => part.value));
  for (const part of ['intake', 'drop', 'choose', 'results', 'controls', 'display', 'tools', 'status', 'panels', 'panel', 'pictures', 'answers', 'cases', 'notice']) {
    assert.ok(parts.includes(part), part);
    assert.ok(documentation.includes(`\`${part}\``), part);
  }
  // What went wrong is an event too; it does not bubble.
  const error = await page.evaluate(async () => {
    const viewer = document.querySelector('pellucid-viewer');
    let above = 0;
    document.addEventListener('error', () => (above += 1));
    const told = new Promise((tell) => viewer.addEventListener('error', ({ detail }) => tell(detail), { once: true }));
    const rejected = viewer.open(new Blob(['text'])).catch(({ message }) => message);
    return { detail: await told, message: await rejected, above };
  });
  assert.match(error.detail.message, /not an image/);
  assert.deepEqual([error.detail.model, error.above], [null, 0]);
  session.assertQuiet();
});

test('attributes may be changed at any time', async (context) => {
  const { session, page, viewer } = await host(context, '<script type="module" src="/pellucid-viewer.js"></script><pellucid-viewer samples="2"></pellucid-viewer>', '');
  await viewer.ready();
  await viewer.root.locator('.samples button').nth(1).waitFor();
  const own = join(paths.site, 'models/robust.onnx');
  await viewer.pick(own, 'Add your own model');
  await viewer.panel('robust').locator('.about:not(:empty)').waitFor();
  const again = await page.evaluate(async () => {
    const viewer = document.querySelector('pellucid-viewer');
    const ready = new Promise((done) => viewer.addEventListener('ready', ({ detail }) => done(detail.models), { once: true }));
    viewer.samples = 4;
    // Of lists that follow each other fast the last one counts.
    viewer.models = '/models/manifest.json?again';
    viewer.models = 'none';
    return ready;
  });
  assert.deepEqual(again, ['robust']);
  assert.equal(await viewer.root.locator('.panel').count(), 1);
  await viewer.root.locator('.samples button').nth(3).waitFor();
  assert.equal(await viewer.root.locator('.samples button').count(), 4);
  assert.equal(await page.evaluate(() => document.querySelector('pellucid-viewer').removeModel('robust')), true);
  assert.equal(await viewer.root.locator('.panel').count(), 0);
  session.assertQuiet();
});

test('several elements share one copy of each download', async (context) => {
  const { session, page } = await host(context, '<script type="module" src="/pellucid-viewer.js"></script>' + '<pellucid-viewer samples="0"></pellucid-viewer>'.repeat(3), '');
  await page.waitForFunction(() => [...document.querySelectorAll('pellucid-viewer')].every(({ results }) => results?.length === 2 && results.every(({ state }) => state === 'ready')));
  const count = (ending) => session.requests.filter((url) => url.endsWith(ending)).length;
  assert.deepEqual([count('standard.onnx'), count('robust.onnx')], [1, 1]);
  assert.equal(session.requests.filter((url) => url.endsWith('.wasm')).length, 1);
  // One that comes later needs nothing any more, and one that goes takes nothing from the others.
  session.requests.splice(0);
  await page.evaluate(() => {
    document.querySelector('pellucid-viewer').remove();
    document.body.append(Object.assign(document.createElement('pellucid-viewer'), { id: 'late', samples: 0 }));
  });
  await page.waitForFunction(() => document.querySelector('#late').results.filter(({ state }) => state === 'ready').length === 2);
  assert.deepEqual([count('.onnx'), count('.wasm')], [0, 0]);
  session.assertQuiet();
});

test('one of several that stops waiting leaves the download to the others', async (context) => {
  const { session, page } = await host(context, '<script type="module" src="/pellucid-viewer.js"></script><pellucid-viewer samples="0"></pellucid-viewer><pellucid-viewer samples="0"></pellucid-viewer>', '');
  await page.waitForFunction(() => document.querySelector('pellucid-viewer').results?.length === 2);
  await page.evaluate(() => document.querySelector('pellucid-viewer').remove());
  await page.waitForFunction(() => document.querySelector('pellucid-viewer').results.every(({ state }) => state === 'ready'));
  session.assertQuiet();
});

test('the page for a frame does what it is told by the page around it, from another origin', async (context) => {
  const site = await quirky(paths.site, 'plain');
  const { session, page, logged } = await host(context, '<iframe id="viewer"></iframe>', '', { server: site });
  const frame = FRAME.replace('/pellucid/', `${site.origin}/`).replace('https://intranet.example', session.origin);
  assert.notEqual(site.origin, session.origin);
  await page.evaluate(([html, script]) => {
    document.querySelector('iframe').outerHTML = html;
    return import(URL.createObjectURL(new Blob([script.replaceAll('"lesion.jpg"', `"${location.origin}/lesion.jpg"`)], { type: 'text/javascript' })));
  }, [frame, MESSAGES]);
  await until(() => logged.length >= 1);
  const inside = page.frameLocator('iframe').locator('pellucid-viewer');
  assert.match(await inside.locator('.current .name').textContent(), /lesion\.jpg$/);
  assert.equal(await inside.locator('.panel[data-mapped]').count(), 2);
  // A frame that was told of another page says nothing to this one, and does nothing for it.
  const silent = await page.evaluate((address) => {
    const frame = document.querySelector('iframe');
    const heard = [];
    addEventListener('message', ({ source, data }) => source === frame.contentWindow && heard.push(data));
    frame.src = address;
    return new Promise((done) => {
      frame.onload = async () => {
        frame.contentWindow.postMessage({ pellucid: 1, id: 1, call: 'results' }, '*');
        setTimeout(() => done(heard), 3000);
      };
    });
  }, `${site.origin}/embed.html?parent=https://elsewhere.example&samples=0`);
  assert.deepEqual(silent, []);
  assert.deepEqual(session.problems.filter((problem) => !/elsewhere\.example/.test(problem)), []);
});

test('calls that the frame does not know, and what cannot be done, come back as sentences', async (context) => {
  const { session, page } = await host(context, '<iframe src="/embed.html?samples=0&models=none"></iframe>', '');
  await page.frameLocator('iframe').getByText('No models are installed').waitFor();
  const answers = await page.evaluate(async () => {
    const frame = document.querySelector('iframe');
    const call = (message) =>
      new Promise((done) => {
        addEventListener('message', function hear({ data }) {
          if (data.id !== message.id) return;
          removeEventListener('message', hear);
          done(data.error?.message ?? data.result);
        });
        frame.contentWindow.postMessage({ pellucid: 1, ...message }, location.origin);
      });
    return [await call({ id: 1, call: 'dance' }), await call({ id: 2, call: 'open', blob: new Blob(['x']) }), await call({ id: 3, call: 'constructor' }), await call({ id: 4, call: 'results' })];
  });
  assert.match(answers[0], /^There is no call "dance": there are open, /);
  assert.match(answers[1], /not an image/);
  assert.match(answers[2], /^There is no call "constructor"/);
  assert.deepEqual(answers[3], []);
  session.assertQuiet();
});

test('the types are those of the element, and the documented script is sound by them', async (context) => {
  const folder = join(here, `types-${process.pid}.tmp`);
  await mkdir(folder);
  context.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'pellucid-viewer.d.ts'), await readFile(join(paths.site, 'pellucid-viewer.d.ts')));
  await writeFile(join(folder, 'page.ts'), `import "./pellucid-viewer.js";\n${ELEMENT}`);
  const tsc = (...words) => promisify(execFile)(process.execPath, [join(here, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', 'false', '--target', 'es2022', '--module', 'es2022', '--moduleResolution', 'bundler', '--lib', 'es2022,dom', ...words]).catch(({ stdout }) => assert.fail(stdout));
  await tsc(join(folder, 'page.ts'));
  await writeFile(join(folder, 'wrong.ts'), 'import "./pellucid-viewer.js";\ndocument.querySelector("pellucid-viewer").question = { clas: "mel" };');
  await assert.rejects(tsc(join(folder, 'wrong.ts')), /clas/);
  // Everything that the types promise is there.
  const { page } = await host(context, '<script type="module" src="/pellucid-viewer.js"></script><pellucid-viewer models="none" samples="0"></pellucid-viewer>', '');
  const text = await readFile(join(paths.site, 'pellucid-viewer.d.ts'), 'utf8');
  const body = /export class PellucidViewer extends HTMLElement \{(.*?)^\}/ms.exec(text)[1];
  const names = [...body.matchAll(/^ {2}(?:readonly |get |set )?(\w+)[(:]/gm)].map(([, name]) => name).filter((name) => name !== 'addEventListener');
  assert.ok(names.length > 10);
  await page.waitForFunction(() => customElements.get('pellucid-viewer'));
  const missing = await page.evaluate((all) => all.filter((name) => !(name in document.querySelector('pellucid-viewer'))), names);
  assert.deepEqual(missing, []);
});
