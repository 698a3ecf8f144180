// The main views as they look, desktop and phone, light and dark, against reference pictures. PELLUCID_BLESS=1 writes those anew: look at each before it is committed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { phantoms, scratch } from './files.mjs';
import { launch } from './harness.mjs';
import { bless, blessing, difference, prepare, reduced, reference, TOLERANCE } from './shots.mjs';
import { Viewer } from './viewer.mjs';

const SIZES = { desktop: { viewport: { width: 1280, height: 896 } }, phone: { viewport: { width: 392, height: 848 }, touch: true } };

let files, pictures;
before(async () => {
  files = await scratch();
  pictures = await phantoms(files.folder, 3);
});
after(() => files?.remove());

/** The views, each a state of the page; they follow one another. */
const VIEWS = {
  async start({ viewer }) {
    await viewer.root.locator('.samples button').nth(5).waitFor();
  },
  async explained({ viewer }) {
    await viewer.root.locator('.samples button').first().evaluate((button) => button.click());
    await viewer.saliencies();
  },
  async cases({ viewer }) {
    await viewer.root.locator('input.image-file').setInputFiles(pictures);
    await viewer.saliencies();
    await viewer.done();
  },
};

for (const [size, options] of Object.entries(SIZES)) {
  test(`${size}: every view looks as its picture, light and dark`, async (context) => {
    const session = await launch(options);
    context.after(() => session.close());
    const { page } = session;
    const viewer = new Viewer(session);
    await viewer.ready();
    for (const [view, show] of Object.entries(VIEWS)) {
      await show({ page, viewer });
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await prepare(page);
        // Letters of other sizes have moved what is below them.
        if (view === 'cases') await viewer.root.locator('.cases').evaluate((table) => table.scrollIntoView({ block: 'end' }));
        else await page.evaluate(() => scrollTo(0, 0));
        const name = `${view}-${size}-${colorScheme}`;
        const shot = await reduced(page);
        if (blessing) await bless(name, shot);
        const { most, x, y } = difference(shot, await reference(viewer, name));
        context.diagnostic(`${name}: ${most.toFixed(1)}`);
        if (most > TOLERANCE) await session.screenshot(`unlike-${name}`);
        assert.ok(most <= TOLERANCE, `${name}: ${most.toFixed(1)} of 255 around ${x}, ${y}; target/browser/unlike-${name}.png shows what it looks like`);
      }
    }
  });
}

/** Changes that each must be seen: a thing that is missing, moved, of another colour, or of other letters. */
const CHANGES = {
  'a button is missing': '.primary { visibility: hidden !important; }',
  'one sample is missing': '.samples li:nth-child(2) { visibility: hidden !important; }',
  'the tools are missing': '.tools { visibility: hidden !important; }',
  'the panels stand 20 pixels lower': '.panels { translate: 0 20px; }',
  'a title is missing': '.panel h3 { visibility: hidden !important; }',
  'the accent has another colour': ':host { --accent: #00695c !important; }',
};

test('it would be seen if one thing were missing, moved or of another colour', async (context) => {
  const session = await launch(SIZES.desktop);
  context.after(() => session.close());
  const { page } = session;
  const viewer = new Viewer(session);
  await viewer.ready();
  await VIEWS.start({ page, viewer });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  const expected = await reference(viewer, 'start-desktop-light');
  for (const [change, style] of Object.entries(CHANGES)) {
    await prepare(page, style);
    const { most } = difference(await reduced(page), expected);
    context.diagnostic(`${change}: ${most.toFixed(1)}`);
    assert.ok(most > 2 * TOLERANCE, `${change}: ${most.toFixed(1)}`);
  }
  await prepare(page);
  assert.ok(difference(await reduced(page), expected).most <= TOLERANCE);
});
