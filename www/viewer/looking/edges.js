/**
 * The outline of a set of cells as an SVG path, along the cells' edges: in a grid of `width`×`height`, `inside(x, y)` tells
 * whether a cell belongs to it. Nothing is rounded off: the line shows which pixels are meant.
 */
export function edges(width, height, inside) {
  const within = (x, y) => x >= 0 && y >= 0 && x < width && y < height && inside(x, y);
  const parts = [];
  for (let y = 0; y <= height; y += 1) runs(width, (x) => within(x, y) !== within(x, y - 1), (start, length) => parts.push(`M${start} ${y}h${length}`));
  for (let x = 0; x <= width; x += 1) runs(height, (y) => within(x, y) !== within(x - 1, y), (start, length) => parts.push(`M${x} ${start}v${length}`));
  return parts.join("");
}

/** Each stretch of places for which `holds`. */
function runs(length, holds, found) {
  let start = -1;
  for (let at = 0; at <= length; at += 1) {
    const on = at < length && holds(at);
    if (on && start < 0) start = at;
    if (!on && start >= 0) {
      found(start, at - start);
      start = -1;
    }
  }
}
