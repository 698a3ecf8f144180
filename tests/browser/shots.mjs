// Pictures of the page that are held against small reference pictures in `shots/`.
//
// What hangs on the machine is left out: letters are blocks, as long and as high everywhere (unrounded, which is what `geometricPrecision` is for); times, bytes, and what models answer (maps, bars, class and mark of the
// prediction) are hidden. What is left is where things stand, how large they are, their colours, lines of text, icons and the sample's picture.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { blocks } from './blocks.mjs';
import { pngOf } from './files.mjs';

const folder = join(import.meta.dirname, 'shots');

/** So many pixels of the page, each way, are one of a reference picture. */
const REDUCED = 8;
/** So many of those, each way, are compared together: 64 pixels of the page. */
const TILE = 8;
/**
 * The most that the mean of a tile may differ, of 255. The same page differs by 0.0, with other fonts installed too; a button, a sample, a title or a row of tools that is missing, panels that
 * are moved by 20 pixels, and another accent change a tile by 16 to 122; only what is as small as one thin icon stays below (the cross that removes a model: 1.3).
 */
export const TOLERANCE = 5;

const STYLE = `
*, *::before, *::after { font-family: Blocks !important; text-rendering: geometricPrecision !important; transition: none !important; animation: none !important; caret-color: transparent !important; }
canvas.map, canvas.cause, canvas.legend, .fill, .status, .memory, .kept, .about, .ends, .how, .reading, .bar * { visibility: hidden !important; }
.bar, .bar:hover { background: none !important; }
.caption, .told, .cases td { font-size: 0 !important; }
.panel .note { display: none !important; }
`;

/** Leaves out what hangs on the machine, in the page and in the element; `further` is more style, to try whether a change is seen. */
export async function prepare(page, further = '') {
  await page.evaluate(async ([style, font]) => {
    if (![...document.fonts].some(({ family }) => family === 'Blocks')) {
      const face = new FontFace('Blocks', Uint8Array.from(atob(font), (letter) => letter.charCodeAt(0)).buffer);
      document.fonts.add(await face.load());
    }
    for (const root of [document, document.querySelector('pellucid-viewer').shadowRoot]) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(style);
      root.adoptedStyleSheets = [sheet];
    }
  }, [STYLE + further, blocks().toString('base64')]);
}

/** The window's picture, reduced: `{ width, height, values }`, RGB. */
export async function reduced(page) {
  const shot = await page.screenshot({ animations: 'disabled' });
  return page.evaluate(
    async ([base64, by]) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }), { colorSpaceConversion: 'none' });
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
      context.drawImage(bitmap, 0, 0);
      const { data, width: across } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      const [width, height] = [Math.floor(bitmap.width / by), Math.floor(bitmap.height / by)];
      const values = [];
      for (let y = 0; y < height; y += 1)
        for (let x = 0; x < width; x += 1)
          for (let channel = 0; channel < 3; channel += 1) {
            let sum = 0;
            for (let v = 0; v < by; v += 1) for (let u = 0; u < by; u += 1) sum += data[4 * ((y * by + v) * across + x * by + u) + channel];
            values.push(Math.round(sum / (by * by)));
          }
      return { width, height, values };
    },
    [shot.toString('base64'), REDUCED],
  );
}

/** The largest mean difference of a tile between two pictures, and where in the window it is; infinite where their sizes differ. */
export function difference(a, b) {
  if (a.width !== b.width || a.height !== b.height) return { most: Infinity, x: 0, y: 0 };
  let found = { most: 0, x: 0, y: 0 };
  for (let top = 0; top < a.height; top += TILE / 2)
    for (let left = 0; left < a.width; left += TILE / 2) {
      let [sum, count] = [0, 0];
      for (let y = top; y < Math.min(top + TILE, a.height); y += 1)
        for (let x = left; x < Math.min(left + TILE, a.width); x += 1)
          for (let channel = 0; channel < 3; channel += 1) {
            const index = 3 * (y * a.width + x) + channel;
            sum += Math.abs(a.values[index] - b.values[index]);
            count += 1;
          }
      // What is left of a tile at the rim counts as a whole one would.
      const mean = sum / Math.max(count, 3 * TILE * (TILE / 2));
      if (mean > found.most) found = { most: mean, x: left * REDUCED, y: top * REDUCED };
    }
  return found;
}

/** With PELLUCID_BLESS=1 the picture becomes the reference. */
export const blessing = process.env.PELLUCID_BLESS === '1';

export async function bless(name, { width, height, values }) {
  await mkdir(folder, { recursive: true });
  const rows = Buffer.concat(Array.from({ length: height }, (_, y) => Buffer.from([0, ...values.slice(3 * y * width, 3 * (y + 1) * width)])));
  await writeFile(join(folder, `${name}.png`), pngOf(width, height, { depth: 8, colour: 2, rows }, 9));
}

/** The reference picture, decoded by the browser. */
export async function reference(viewer, name) {
  const { width, height, pixels } = await viewer.decoded(await readFile(join(folder, `${name}.png`)));
  return { width, height, values: pixels.filter((_, index) => index % 4 < 3) };
}
