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

/** An element of SVG with attributes and children. */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A line icon of 24×24 from the paths given. */
export function icon(...paths) {
  return s("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" }, ...paths.map((d) => s("path", { d })));
}

/** One of a row of choices of which one holds. */
export function pill(name, value, label, title, checked, onchange) {
  return h("label", { class: "pill", title: title ?? null }, h("input", { type: "radio", name, value, checked, onchange }), h("span", {}, label));
}

/** A list to choose from, `[[value, label]]`. */
export function list(choices, current, properties = {}) {
  return h("select", properties, ...choices.map(([value, label]) => h("option", { value, selected: value === current }, label)));
}

/** Puts other choices into a list. */
export function offer(field, choices, current) {
  field.replaceChildren(...choices.map(([value, label]) => h("option", { value }, label)));
  field.value = current;
}

/** Draws RGBA pixels, of a square picture unless a width is given. The canvas is written only: nothing is ever read back from it. */
export function draw(canvas, pixels, width = Math.sqrt(pixels.length / 4)) {
  const height = pixels.length / 4 / width;
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
}
