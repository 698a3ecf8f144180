import { littleEndian } from "./npy.js";

const [SHORT, LONG, ASCII] = [3, 4, 2];

/**
 * Values `[channels, height, width]` as a TIFF file (TIFF 6.0, with SampleFormat 3) of 32-bit floating-point grey pictures, one page a
 * channel: a Blob. `description` is what stands in each page's ImageDescription, in ASCII.
 */
export function tiff(values, [channels, height, width], { description, software, date }) {
  const pixels = littleEndian(values);
  const page = height * width * 4;
  const texts = [description, software, date].map((text) => terminated(text));
  const count = 14;
  const length = 2 + count * 12 + 4;
  const beforePixels = 8 + texts.reduce((sum, text) => sum + text.length, 0);
  const start = beforePixels + (beforePixels % 4 ? 4 - (beforePixels % 4) : 0);
  const pages = start + channels * page;
  const head = new DataView(new ArrayBuffer(start));
  // II, 42, and where the first page is described.
  head.setUint16(0, 0x4949, true);
  head.setUint16(2, 42, true);
  head.setUint32(4, pages, true);
  let at = 8;
  const places = texts.map((text) => {
    new Uint8Array(head.buffer).set(text, at);
    at += text.length;
    return at - text.length;
  });
  const directories = new DataView(new ArrayBuffer(channels * length));
  for (let channel = 0; channel < channels; channel += 1) {
    const tags = [
      [254, LONG, 1, channels > 1 ? 2 : 0],
      [256, LONG, 1, width],
      [257, LONG, 1, height],
      [258, SHORT, 1, 32],
      [259, SHORT, 1, 1],
      [262, SHORT, 1, 1],
      [270, ASCII, texts[0].length, places[0]],
      [273, LONG, 1, start + channel * page],
      [277, SHORT, 1, 1],
      [278, LONG, 1, height],
      [279, LONG, 1, page],
      [305, ASCII, texts[1].length, places[1]],
      [306, ASCII, texts[2].length, places[2]],
      [339, SHORT, 1, 3],
    ];
    let place = channel * length;
    directories.setUint16(place, tags.length, true);
    place += 2;
    for (const [tag, type, size, value] of tags) {
      directories.setUint16(place, tag, true);
      directories.setUint16(place + 2, type, true);
      directories.setUint32(place + 4, size, true);
      if (type === SHORT) directories.setUint16(place + 8, value, true);
      else directories.setUint32(place + 8, value, true);
      place += 12;
    }
    directories.setUint32(place, channel + 1 < channels ? pages + (channel + 1) * length : 0, true);
  }
  return new Blob([head, pixels, directories], { type: "image/tiff" });
}

/** Text as TIFF has it: ASCII that a zero ends, of more than four bytes so that it stands by itself. */
function terminated(text) {
  const plain = [...text.padEnd(4)].map((letter) => (letter.codePointAt(0) < 127 ? letter.codePointAt(0) : 63));
  return Uint8Array.of(...plain, 0);
}
