/**
 * What stands in a panel at one moment, as pictures and words to take away. The pictures are copied at once: what the panel shows
 * afterwards is another matter.
 */
import { t } from "../language.js";

/** A picture is drawn at least so many pixels wide, unless that made it higher than the second number. */
const LEAST = 640;
const HIGHEST = 4096;

/** The panel's map as it is shown: over the picture, beside it, or alone. `layers` are a panel's; a canvas. */
export function drawn({ picture, map, cause, crop, grid, contour, region, opacity, place, frame }) {
  const enlarged = Math.max(1, Math.min(Math.ceil(LEAST / picture.width), Math.floor(HIGHEST / picture.height)));
  const [width, height] = [picture.width * enlarged, picture.height * enlarged];
  const beside = place === "beside";
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: beside ? width * 2 + 8 : width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const whole = (left) => context.drawImage(picture.canvas, left, 0, width, height);
  const [x, y, w, h] = crop.map((value, index) => (value * (index % 2 ? height : width)) / (index % 2 ? picture.fullHeight : picture.fullWidth));
  const over = (left, opaque) => {
    context.globalAlpha = opaque ? 1 : opacity;
    // A map of which nothing is drawn on the screen is not drawn here.
    if (map) context.drawImage(map, left + x, y, w, h);
    context.globalAlpha = 1;
    if (cause) context.drawImage(cause, left + x, y, w, h);
    lines(context, { x: left + x, y, w, h, grid, contour, region, frame: frame && (w < width || h < height) });
  };
  if (place === "alone") {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
  } else {
    whole(0);
    shade(context, width, height, { x, y, w, h });
  }
  if (beside) {
    context.fillStyle = "#fff";
    context.fillRect(width, 0, width + 8, height);
    over(width + 8, true);
  } else over(0, place === "alone");
  return canvas;
}

/** What the network does not see is darker. */
function shade(context, width, height, { x, y, w, h }) {
  if (w >= width && h >= height) return;
  context.fillStyle = "rgb(0 0 0 / 0.4)";
  context.beginPath();
  context.rect(0, 0, width, height);
  context.rect(x, y, w, h);
  context.fill("evenodd");
}

function lines(context, { x, y, w, h, grid, contour, region, frame }) {
  const stroke = (path, colour, width, dash = []) => {
    context.setLineDash(dash);
    for (const [style, wide] of [["#000", width + 2], [colour, width]]) {
      context.strokeStyle = style;
      context.lineWidth = wide;
      context.stroke(path);
    }
    context.setLineDash([]);
  };
  const placed = (d) => {
    const path = new Path2D();
    path.addPath(new Path2D(d), new DOMMatrix([w / grid, 0, 0, h / grid, x, y]));
    return path;
  };
  if (contour) stroke(placed(contour), "#00e0f0", 1.5);
  if (region) stroke(placed(region), "#ffd60a", 2);
  if (frame) {
    const path = new Path2D();
    path.rect(x, y, w, h);
    stroke(path, "#fff", 1.5, [8, 5]);
  }
}

/**
 * A picture with the colour bar and `lines` of words under it: `[{ text, size, bold, mono }]`; `ends` are the numbers at the bar.
 */
export function captioned(canvas, { legend, ends, how, lines: words }) {
  const margin = 20;
  const width = Math.max(canvas.width, LEAST) + 2 * margin;
  const room = width - 2 * margin;
  const measure = document.createElement("canvas").getContext("2d");
  const rows = words.flatMap((line) => wrapped(measure, line, room).map((text) => ({ ...line, text })));
  const bar = legend ? 62 : 0;
  const height = canvas.height + 3 * margin + bar + rows.reduce((sum, { size }) => sum + size * 1.45, 0);
  const sheet = document.createElement("canvas");
  Object.assign(sheet, { width, height: Math.ceil(height) });
  const context = sheet.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.drawImage(canvas, margin, margin);
  let y = margin + canvas.height + margin;
  context.textBaseline = "top";
  if (legend) {
    context.drawImage(legend, margin, y, room, 14);
    context.strokeStyle = "#888";
    context.strokeRect(margin + 0.5, y + 0.5, room - 1, 13);
    context.fillStyle = "#17212c";
    context.font = font({ size: 14 });
    ends.forEach((text, index) => {
      context.textAlign = ["left", "center", "right"][index];
      context.fillText(text, margin + (room * index) / 2, y + 19);
    });
    context.textAlign = "left";
    context.fillText(how, margin, y + 37, room);
    y += bar;
  }
  for (const row of rows) {
    context.font = font(row);
    context.fillStyle = row.faint ? "#55626f" : "#17212c";
    context.fillText(row.text, margin, y);
    y += row.size * 1.45;
  }
  return sheet;
}

const font = ({ size, bold, mono }) => `${bold ? "600 " : ""}${size}px ${mono ? "ui-monospace, 'Liberation Mono', monospace" : "system-ui, 'Liberation Sans', sans-serif"}`;

function wrapped(context, line, room) {
  context.font = font(line);
  const rows = [""];
  for (const word of line.text.split(" ")) {
    const longer = rows.at(-1) ? `${rows.at(-1)} ${word}` : word;
    if (context.measureText(longer).width <= room || !rows.at(-1)) rows[rows.length - 1] = longer;
    else rows.push(word);
  }
  return rows;
}

/** A canvas as a PNG file. Browsers that guard against fingerprinting give other pixels than were drawn: then there is none. */
export async function png(canvas) {
  if (!honest()) throw new Error(t`This browser gives out pictures from pages with changed pixels, to guard against fingerprinting: allow this page to read its canvas, and try again.`);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error(t`The browser could not make a picture of this size.`);
  return blob;
}

function honest() {
  const context = Object.assign(document.createElement("canvas"), { width: 16, height: 16 }).getContext("2d");
  const colours = Uint8ClampedArray.from({ length: 1024 }, (_, index) => (index % 4 === 3 ? 255 : (index * 37) % 256));
  context.putImageData(new ImageData(colours.slice(), 16), 0, 0);
  return context.getImageData(0, 0, 16, 16).data.every((value, index) => value === colours[index]);
}
