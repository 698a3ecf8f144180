// A font whose letters are all the same block, so that text is as long and as high on every machine: TrueType, as small as browsers take it
// (https://learn.microsoft.com/typography/opentype/spec/).

const EM = 1000;
const [WIDTH, ASCENT, DESCENT] = [550, 900, 250];
/** The block: left, bottom, right, top. */
const BLOCK = [60, 0, 490, 520];

const u16 = (...values) => Buffer.concat(values.map((value) => Buffer.from([(value >> 8) & 255, value & 255])));
const u32 = (...values) => Buffer.concat(values.map((value) => Buffer.from([(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255])));

/** One contour of four corners on the curve, as steps of 16 bits. */
function glyph() {
  const [left, bottom, right, top] = BLOCK;
  const header = u16(1, left, bottom, right, top, 3, 0);
  return Buffer.concat([header, Buffer.from([1, 1, 1, 1]), u16(left, 0, right - left, 0), u16(bottom, top - bottom, 0, bottom - top)]);
}

/** Every character is the same glyph: a subtable of format 13, and the one of format 4 that browsers ask for beside it, without entries. */
function cmap() {
  const all = Buffer.concat([u16(13, 0), u32(28, 0, 1, 0x20, 0x10ffff, 1)]);
  return Buffer.concat([u16(0, 1, 3, 10), u32(12), all]);
}

function names() {
  const entries = [[1, 'Blocks'], [2, 'Regular'], [4, 'Blocks'], [6, 'Blocks']].map(([id, text]) => [id, Buffer.from(text, 'utf16le').swap16()]);
  let at = 0;
  const records = entries.map(([id, bytes]) => {
    const record = u16(3, 1, 0x409, id, bytes.length, at);
    at += bytes.length;
    return record;
  });
  return Buffer.concat([u16(0, entries.length, 6 + 12 * entries.length), ...records, ...entries.map(([, bytes]) => bytes)]);
}

function tables() {
  const [left, bottom, right, top] = BLOCK;
  const outline = glyph();
  const whole = outline.length + (outline.length % 2);
  const glyf = Buffer.concat([outline, Buffer.alloc(whole - outline.length), outline, Buffer.alloc(whole - outline.length)]);
  return {
    'OS/2': Buffer.concat([u16(4, WIDTH, 400, 5, 0, 650, 600, 0, 75, 650, 600, 0, 350, 50, 300, 0), Buffer.alloc(10), u32(1, 0, 0, 0), Buffer.from('NONE'), u16(64, 0x20, 0xffff, ASCENT, -DESCENT, 0, ASCENT, DESCENT), u32(1, 0), u16(520, 700, 0, 0x20, 0)]),
    cmap: cmap(),
    glyf,
    head: Buffer.concat([u32(0x10000, 0x10000, 0, 0x5f0f3cf5), u16(3, EM), Buffer.alloc(16), u16(left, bottom, right, top, 0, 8, 2, 0, 0)]),
    hhea: Buffer.concat([u32(0x10000), u16(ASCENT, -DESCENT, 0, WIDTH, left, WIDTH - right, right, 1, 0, 0, 0, 0, 0, 0, 0, 1)]),
    hmtx: Buffer.concat([u16(WIDTH, left), u16(left)]),
    loca: u16(0, whole / 2, whole),
    maxp: Buffer.concat([u32(0x10000), u16(2, 4, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)]),
    name: names(),
    post: Buffer.concat([u32(0x30000, 0), u16(-100, 50), u32(1, 0, 0, 0, 0)]),
  };
}

const sum = (bytes) => {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 4) total = (total + bytes.readUInt32BE(at)) >>> 0;
  return total;
};

/** The bytes of the font file. */
export function blocks() {
  const entries = Object.entries(tables());
  let at = 12 + 16 * entries.length;
  const bodies = [];
  const directory = entries.map(([tag, bytes]) => {
    const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
    bodies.push(padded);
    const record = Buffer.concat([Buffer.from(tag), u32(sum(padded), at, bytes.length)]);
    at += padded.length;
    return record;
  });
  const power = Math.floor(Math.log2(entries.length));
  const header = Buffer.concat([u32(0x10000), u16(entries.length, 16 * 2 ** power, power, 16 * entries.length - 16 * 2 ** power)]);
  return Buffer.concat([header, ...directory, ...bodies]);
}
