/**
 * An element with properties, listeners (`onclick` and the like), ARIA attributes and `data-*`, and children.
 * No inline style and no HTML text: a strict Content-Security-Policy forbids the first, safety the second.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else if (name === "class") element.className = value;
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A line icon of 24×24 from the paths given. */
export function icon(...paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** Draws RGBA pixels of a square picture. The canvas is written only: nothing is ever read back from it. */
export function draw(canvas, pixels) {
  const side = Math.sqrt(pixels.length / 4);
  canvas.width = side;
  canvas.height = side;
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), side, side), 0, 0);
}
