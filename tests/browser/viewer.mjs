// The page as its visitors use it.

import assert from 'node:assert/strict';
import { basename } from 'node:path';

/** Drives the `<pellucid-viewer>` of an open page. */
export class Viewer {
  constructor(session) {
    this.page = session.page;
    this.root = this.page.locator('pellucid-viewer');
  }

  /** Waits until all models of the site are open, and records every saliency from now on. */
  async ready(models = 2) {
    await this.root.locator('.panel .about:not(:empty)').nth(models - 1).waitFor({ timeout: 120_000 });
    await this.page.evaluate(() => {
      window.__saliencies = [];
      document.addEventListener('pellucid-saliency', ({ detail }) => {
        const { attribution, gradient, logits, probabilities, ...rest } = detail;
        window.__saliencies.push({ ...rest, attribution: [...attribution], gradient: gradient && [...gradient], logits: [...logits], probabilities: probabilities && [...probabilities] });
      });
    });
  }

  /** The saliencies computed since the last call, once there are `count`. */
  async saliencies(count = 2) {
    await this.page.waitForFunction((wanted) => window.__saliencies.length >= wanted, count, { timeout: 120_000 });
    await this.idle();
    return this.page.evaluate(() => window.__saliencies.splice(0));
  }

  /** Waits until nothing is being computed. */
  async idle() {
    await this.page.waitForFunction(() => !document.querySelector('pellucid-viewer').hasAttribute('data-busy'), null, { timeout: 120_000 });
  }

  /** Waits until every image at hand is classified too. */
  async done() {
    await this.page.waitForFunction(() => !document.querySelector('pellucid-viewer').matches('[data-busy], [data-working]'), null, { timeout: 120_000 });
  }

  /** Drops files of this machine as the mouse would: through the browser, not through a made-up event. */
  async drop(path, { x = 600, y = 400 } = {}) {
    const devtools = await this.page.context().newCDPSession(this.page);
    const data = { items: [], files: [path].flat(), dragOperationsMask: 1 };
    const drops = () =>
      this.page.evaluate(() => {
        if (window.__drops === undefined) {
          window.__drops = 0;
          document.addEventListener('drop', () => (window.__drops += 1), { capture: true });
        }
        return window.__drops;
      });
    const before = await drops();
    // The browser lets go of nothing before the page has answered that it would take it; a person sees that and waits.
    for (let tries = 0; tries < 20 && (await drops()) === before; tries += 1) {
      for (const type of ['dragEnter', 'dragOver', 'drop']) await devtools.send('Input.dispatchDragEvent', { type, x, y, data });
    }
    assert.equal(await drops(), before + 1, 'the page took what was dropped, once');
    await devtools.detach();
  }

  /** Picks a file in the browser's own dialogue. */
  async pick(path, button = 'Choose images') {
    const [chooser] = await Promise.all([this.page.waitForEvent('filechooser'), this.root.getByRole('button', { name: button }).click()]);
    await chooser.setFiles(path);
  }

  /** Copies a PNG file to the clipboard and presses Ctrl+V. */
  async paste(bytes) {
    await this.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await this.page.evaluate(async (base64) => {
      const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': new Blob([data], { type: 'image/png' }) })]);
    }, bytes.toString('base64'));
    await this.page.keyboard.press('Control+V');
  }

  panel(name) {
    return this.root.locator('.panel', { has: this.page.locator('h3', { hasText: new RegExp(`^${name}$`) }) });
  }

  /** What stands below the picture of a model: class code, percentage as shown, and the marks. */
  bars(name) {
    return this.panel(name).locator('.bar').evaluateAll((bars) =>
      bars.map((bar) => ({
        code: bar.dataset.code,
        share: bar.querySelector('.share').textContent,
        predicted: bar.hasAttribute('data-predicted'),
        explained: bar.getAttribute('aria-pressed') === 'true',
      })),
    );
  }

  /** The plate of a model's picture. */
  plate(name) {
    return this.panel(name).locator('.plate').first();
  }

  /** Where a layer of a model's plate lies in the window: `picture` or `map`. */
  rect(name, layer) {
    return this.panel(name).locator(`canvas.${layer}`).evaluate((canvas) => {
      const { x, y, width, height } = canvas.getBoundingClientRect();
      return { x, y, width, height };
    });
  }

  /** What stands under a model's picture about the pixel that is pointed at. */
  async reading(name) {
    const text = await this.panel(name).locator('.reading').textContent();
    const [, x, y, column, row, value] = /^x (\d+), y (\d+)(?: · map (\d+), (\d+): raw value (.*))?/.exec(text) ?? [];
    return { text, x: Number(x), y: Number(y), column: Number(column), row: Number(row), value: Number(value?.replaceAll('−', '-')) };
  }

  /** RGBA of a model's map as its canvas holds it. */
  map(name) {
    return this.panel(name).locator('canvas.map').evaluate((canvas) => {
      const { width, height } = canvas;
      return { width, height, pixels: [...canvas.getContext('2d').getImageData(0, 0, width, height).data] };
    });
  }

  /** RGBA of a PNG file, decoded by the browser. */
  decoded(bytes) {
    return this.page.evaluate(async (base64) => {
      const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([data], { type: 'image/png' }), { colorSpaceConversion: 'none' });
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext('2d');
      context.drawImage(bitmap, 0, 0);
      const { width, height } = bitmap;
      return { width, height, pixels: [...context.getImageData(0, 0, width, height).data] };
    }, bytes.toString('base64'));
  }

  /** The name of the image that the page says is open. */
  current() {
    return this.root.locator('.current .name').textContent();
  }

  /** The sentence that the page says about what it could not open. */
  async refusal() {
    const error = this.root.locator('.error');
    await error.waitFor();
    return error.textContent();
  }
}

/** Fails unless the page shows that file's answers. */
export async function assertShows(viewer, path) {
  assert.equal(await viewer.current(), basename(path));
}
