// The first look: who is new is shown around in four steps, once.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { launch } from './harness.mjs';
import { Viewer } from './viewer.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function visit(context, options = {}) {
  const session = await launch({ first: true, ...options });
  context.after(() => session.close());
  const { page } = session;
  // Nothing is judged in the middle of scrolling.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const viewer = new Viewer(session);
  await viewer.ready();
  const card = page.locator('.first-look');
  return { session, page, viewer, card, button: (name) => card.getByRole('button', { name, exact: true }), title: () => card.locator('h2').textContent(), at: (name) => card.getByRole('heading', { name, exact: true }).waitFor({ timeout: 10_000 }) };
}

const focused = (page) => page.evaluate(() => (document.activeElement.shadowRoot?.activeElement ?? document.activeElement).textContent);
/** Whether something of the page is in the window, and not behind the card. */
const seen = (locator) =>
  locator.evaluate((element) => {
    const { top, bottom, height } = element.getBoundingClientRect();
    const edge = document.querySelector('.first-look').getBoundingClientRect().top;
    return height < edge ? top >= 0 && bottom <= edge : top < edge && bottom > 0;
  });

test('by keyboard alone it is gone through, and does not come again', async (context) => {
  const { session, page, viewer, card, button, at } = await visit(context);
  await card.waitFor();
  await at('New here?');
  // Nobody is torn away from what they do: the focus stays where it is.
  assert.equal(await page.evaluate(() => document.activeElement === document.body), true);
  assert.equal(await card.locator('[aria-live="polite"] h2').count(), 1);
  await button('Show me').focus();
  await page.keyboard.press('Enter');
  await at('What you see');
  await viewer.saliencies();
  assert.equal(await viewer.root.locator('.panel[data-mapped]').count(), 2);
  assert.equal(await viewer.root.getAttribute('data-look'), 'panels');
  assert.equal(await focused(page), 'Next');
  await page.keyboard.press('Enter');
  await at('Standard against robust');
  assert.ok(await viewer.root.locator('[part="pictures"]').first().evaluate((element) => getComputedStyle(element).outlineStyle === 'solid'));
  await page.keyboard.press('Enter');
  await at('Where it looks');
  assert.equal(await viewer.root.getAttribute('data-cause'), '');
  await page.keyboard.press('Shift+Tab');
  assert.equal(await focused(page), 'Back');
  await page.keyboard.press('Enter');
  await at('Standard against robust');
  assert.equal(await viewer.root.getAttribute('data-cause'), null);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await at('Take it away');
  assert.equal(await viewer.root.getAttribute('data-cause'), null);
  assert.equal(await focused(page), 'Done');
  assert.ok(await seen(viewer.root.locator('[part="take"]').first()));
  await page.keyboard.press('Enter');
  assert.equal(await card.count(), 0);
  assert.equal(await focused(page), 'Choose images');
  assert.equal(await viewer.root.getAttribute('data-look'), null);
  await page.reload();
  await viewer.ready();
  await viewer.root.locator('.samples button').nth(5).waitFor();
  await page.waitForTimeout(500);
  assert.equal(await card.count(), 0);
  session.assertQuiet();
});

test('it is skipped with Escape, and wiped with the rest of what is kept', async (context) => {
  const { session, page, viewer, card, button } = await visit(context);
  await button('Skip').focus();
  await page.keyboard.press('Escape');
  assert.equal(await card.count(), 0);
  await page.reload();
  await viewer.ready();
  await viewer.root.locator('.samples button').nth(5).waitFor();
  await page.waitForTimeout(500);
  assert.equal(await card.count(), 0);
  await viewer.root.getByRole('button', { name: 'Delete what this browser keeps' }).click();
  await viewer.root.getByText(/^Deleted: /).waitFor();
  await page.reload();
  await card.waitFor();
  session.assertQuiet();
});

test('on a phone, in German, every step leaves in sight what it speaks of, and axe finds nothing', async (context) => {
  const { session, page, viewer, card, button, title } = await visit(context, { viewport: { width: 390, height: 844 }, touch: true, locale: 'de-DE' });
  await button('Zeigen').tap();
  await viewer.saliencies();
  const titles = [];
  for (let step = 1; step <= 4; step += 1) {
    titles.push(await title());
    assert.equal(await card.locator('.count').textContent(), `Schritt ${step} von 4`);
    const part = await viewer.root.getAttribute('data-look');
    assert.ok(await seen(viewer.root.locator(`[part~="${part}"]`).first()), part);
    const box = await card.boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.height < 844 / 2, JSON.stringify(box));
    for (const one of await card.getByRole('button').all()) assert.ok((await one.boundingBox()).height >= 44);
    session.assertQuiet();
    await page.evaluate(axe);
    const { violations, passes } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    assert.ok(passes.length > 15);
    assert.deepEqual(violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.flat().join(' ')}`)), []);
    // axe's own styles are none of the page's.
    session.problems.length = 0;
    await session.screenshot(`first-look-phone-${step}`);
    await button(step < 4 ? 'Weiter' : 'Fertig').tap();
  }
  assert.deepEqual(titles, ['Was Sie sehen', 'Standard gegen robust', 'Wohin es schaut', 'Mitnehmen']);
  assert.equal(await card.count(), 0);
  session.assertQuiet();
});

test('who opens an image at once, or has other models, is not bothered', async (context) => {
  const { page, card, viewer } = await visit(context, { path: '/?lang=en' });
  await card.waitFor();
  const offered = await page.evaluate(async () => {
    const { firstLook } = await import(document.querySelector('script[src*="page.js"]').src.replace('page.js', 'firstlook.js'));
    document.querySelector('.first-look').remove();
    const viewer = document.querySelector('pellucid-viewer');
    const main = document.createElement('main');
    const counts = [];
    for (const models of [['Robust'], ['a', 'b'], []]) {
      await firstLook(viewer, main, models);
      counts.push(main.childElementCount);
    }
    viewer.shadowRoot.querySelector('.samples button').click();
    await firstLook(viewer, main, ['Standard', 'Robust']);
    counts.push(main.childElementCount);
    return counts;
  });
  assert.deepEqual(offered, [0, 0, 0, 0]);
  await viewer.idle();
});
