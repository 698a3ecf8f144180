// The page in English and German: every word has its German, and the person chooses.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { phantoms, scratch } from './files.mjs';
import { launch, paths, viewerFolder } from './harness.mjs';
import { quirky } from './quirky.mjs';
import { Viewer } from './viewer.mjs';

const folder = join(paths.site, viewerFolder());
const { default: german } = await import(pathToFileURL(join(folder, 'language/de.js')).href).catch(async () => {
  // A folder without a package.json: Node takes its modules for scripts.
  const text = await readFile(join(folder, 'language/de.js'), 'utf8');
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
});

/** What stands in a script as t`…`, its gaps numbered; also where one stands in the gap of another. */
function keys(text) {
  const found = [];
  for (let at = text.indexOf('t`'); at >= 0; at = text.indexOf('t`', at + 1)) {
    if (/[\w.]/.test(text[at - 1])) continue;
    let [key, gaps, depth] = ['', 0, 0];
    let next = at + 2;
    for (; depth > 0 || text[next] !== '`'; next += 1) {
      if (text.startsWith('${', next)) {
        if (depth === 0) key += `{${gaps++}}`;
        depth += 1;
        next += 1;
      } else if (depth > 0 && text[next] === '{') depth += 1;
      else if (depth > 0 && text[next] === '}') depth -= 1;
      else if (depth === 0) key += text[next];
    }
    found.push(key);
  }
  return found;
}

test('every word of the viewer has its German with the same gaps, and none is left over', async () => {
  const used = new Set();
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.name.endsWith('.js') && entry.name !== 'language.js' && !entry.parentPath.endsWith('language')) for (const key of keys(await readFile(join(entry.parentPath, entry.name), 'utf8'))) used.add(key);
  }
  assert.ok(used.size > 300);
  assert.deepEqual([...used].filter((key) => german[key] === undefined), []);
  const gaps = (text) => (text.match(/\{\d\}/g) ?? []).sort().join();
  assert.deepEqual(Object.entries(german).filter(([key, words]) => gaps(key) !== gaps(words)), []);
  const page = (await readFile(join(paths.site, 'index.html'), 'utf8')).replace(/\s+/g, ' ');
  const others = ['Language'];
  assert.deepEqual(Object.keys(german).filter((key) => !used.has(key) && !page.includes(key) && !others.includes(key)), []);
});

/** The words that a person sees or is read, the names of files and models aside. */
const words = (page) =>
  page.evaluate(() => {
    const found = [];
    const walk = (root) => {
      const nodes = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
      while (nodes.nextNode()) {
        const { currentNode: node } = nodes;
        if (node.nodeType === Node.TEXT_NODE) {
          if (!['STYLE', 'SCRIPT'].includes(node.parentElement?.localName.toUpperCase())) found.push(node.textContent.trim());
        } else {
          for (const name of ['aria-label', 'title', 'placeholder', 'data-placeholder']) if (node.getAttribute(name)) found.push(node.getAttribute(name));
          if (node.shadowRoot) walk(node.shadowRoot);
        }
      }
    };
    walk(document.documentElement);
    return found.filter(Boolean);
  });

test('in a German browser the page speaks German, and no English is left', async () => {
  const files = await scratch();
  const session = await launch({ locale: 'de-DE' });
  try {
    const { page } = session;
    const viewer = new Viewer(session);
    await viewer.ready();
    const pictures = await phantoms(files.folder, 2);
    await viewer.drop([...pictures, await files.write('kein Bild.png', 'text')]);
    await viewer.saliencies();
    await viewer.done();
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
    assert.equal(await viewer.root.getByText(/^.*Auf diesem Gerät berechnet/).count(), 1);
    const said = await words(page);
    assert.ok(said.length > 100);
    const english = Object.keys(german).filter((key) => german[key] !== key && !key.includes('{') && key.length > 3);
    assert.deepEqual(said.filter((text) => english.includes(text)), []);
    assert.ok(said.some((text) => /^\d+,\d %$/.test(text)), 'numbers have a comma');
    // The person chooses English, and that is kept.
    await page.locator('select.language').selectOption('en');
    await page.waitForFunction(() => document.documentElement.lang === 'en');
    await viewer.ready();
    await viewer.root.getByRole('button', { name: 'Choose images' }).waitFor();
    await page.goto(`${session.origin}/`);
    await viewer.ready();
    await viewer.root.getByRole('button', { name: 'Choose images' }).waitFor();
    session.assertQuiet();
  } finally {
    await session.close();
    await files.remove();
  }
});

test('in a host’s page the element speaks the page’s language, not the browser’s', async () => {
  const page = (lang) => `<!doctype html><html lang="${lang}"><title>Host</title><link rel="icon" href="data:,"><script type="module" src="/pellucid-viewer.js"></script><pellucid-viewer models="none" samples="0"></pellucid-viewer>`;
  for (const [lang, browser, words] of [['de', 'en-US', 'Bilder wählen'], ['en', 'de-DE', 'Choose images'], ['fr', 'de-DE', 'Choose images']]) {
    const session = await launch({ server: await quirky(paths.site, 'plain', { '/host.html': page(lang) }), path: '/host.html', locale: browser });
    try {
      await session.page.locator('pellucid-viewer').getByRole('button', { name: words }).waitFor();
    } finally {
      await session.close();
    }
  }
});
