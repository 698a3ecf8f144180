import { t, written } from "../language.js";
import { edges } from "./edges.js";

/**
 * A region of the picture, drawn by hand or read from a mask's file, as each map's pixels see it.
 *
 * A pixel belongs to a drawn region if its centre lies in the line, by the even-odd rule; of a mask's file, which the library cuts and
 * reduces as it does the picture, by its nearest pixel.
 */
export class Region {
  /** A drawn region: its corners in pixels of the picture. */
  corners;
  /** A region from a file. */
  file;

  static drawn(corners) {
    return Object.assign(new Region(), { corners });
  }

  static from(file) {
    return Object.assign(new Region(), { file });
  }

  /** A byte for each pixel of a map: 1 inside. `ask(file)` reads a mask for the network in question. */
  async over({ crop, grid }, ask) {
    if (this.file) return ask(this.file);
    const [left, top, width, height] = crop;
    const inside = new Uint8Array(grid * grid);
    for (let y = 0; y < grid; y += 1) {
      for (let x = 0; x < grid; x += 1) {
        inside[y * grid + x] = within(this.corners, left + ((x + 0.5) / grid) * width, top + ((y + 0.5) / grid) * height);
      }
    }
    return inside;
  }
}

/** The outline of such bytes, as a path of the map's pixels. */
export function outline(inside, grid) {
  return edges(grid, grid, (x, y) => inside[y * grid + x] === 1);
}

/** Whether a place lies in a closed line. */
function within(corners, x, y) {
  let odd = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    const [a, b] = [corners[i], corners[j]];
    if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) odd = !odd;
  }
  return odd;
}

/** What a region holds of a map, in words. */
export function told(share, inside) {
  const area = inside.reduce((sum, place) => sum + place, 0) / inside.length;
  if (area === 0) return t`The region holds no pixel of this map: draw it larger, and inside what the network sees.`;
  if (share === undefined || share === null) return t`The map is zero, or no number: there is no share to tell.`;
  return t`${hundredths(share)} of the map's total magnitude lies inside the region, which covers ${hundredths(area)} of the map's area.`;
}

const hundredths = (share) => `${written((share * 100).toFixed(1))} %`;
