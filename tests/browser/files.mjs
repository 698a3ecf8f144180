// Files for the tests of the page: real phantoms drawn by the command line, and pictures that are wrong on purpose.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32, deflateSync } from 'node:zlib';
import { paths } from './harness.mjs';

const execute = promisify(execFile);

/** A folder that is removed by `remove`. */
export async function scratch() {
  const folder = await mkdtemp(join(tmpdir(), 'pellucid-files-'));
  return {
    folder,
    remove: () => rm(folder, { recursive: true, force: true }),
    /** Writes a file and tells its path. */
    async write(name, bytes) {
      const path = join(folder, name);
      await writeFile(path, bytes);
      return path;
    },
  };
}

/** Runs the command line; its standard output. */
export async function pellucid(...words) {
  const { stdout } = await execute(paths.pellucid, words.map(String), { maxBuffer: 1 << 26 });
  return stdout;
}

/** Draws phantoms into a folder; the paths of their pictures. */
export async function phantoms(folder, count) {
  const out = join(folder, 'phantoms');
  await pellucid('phantom', out, '--count', count, '--size', 160, '--seed', 11);
  const pictures = join(out, 'HAM10000_images_part_1');
  return (await readdir(pictures)).sort().map((name) => join(pictures, name));
}

/**
 * What the command line answers for an image: its report, the gradient [3, H, W] of the class `target` (a code), and the
 * map alone as a PNG. `further` are more of its options; the gradient then is the method's attribution.
 */
export async function explained(folder, model, image, target, ...further) {
  const [raw, map] = [join(folder, 'grad.npy'), join(folder, 'map.png')];
  const report = await pellucid('explain', model, image, '--target', target, '--raw', raw, '-o', map, '--map-only', '--json', ...further);
  return { report: JSON.parse(report), gradient: npy(await readFile(raw)), map: await readFile(map) };
}

/** The values of a little-endian float32 .npy file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */
function npy(bytes) {
  const start = bytes[6] === 1 ? 10 + bytes.readUInt16LE(8) : 12 + bytes.readUInt32LE(8);
  const header = bytes.toString('latin1', 8, start);
  if (!/'<f4'/.test(header) || !/'fortran_order': False/.test(header)) throw new Error(`unexpected .npy: ${header}`);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
}

/** A float32 .npy file (format 1.0) in C order. */
export function npyOf(values, dims) {
  const shape = `(${dims.join(', ')},)`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  // Magic number, version, length and text fill a multiple of 64 bytes, which a line feed ends.
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + '\n';
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8]);
  return Buffer.concat([start, Buffer.from(padded, 'latin1'), Buffer.from(values.buffer, values.byteOffset, values.byteLength)]);
}

/** A PNG file of a mask: white where `inside(x, y)`, black elsewhere. */
export function mask(width, height, inside) {
  const rows = Array.from({ length: height }, (_, y) => Buffer.from([0, ...Array.from({ length: width }, (_, x) => (inside(x, y) ? 255 : 0))]));
  return pngOf(width, height, { depth: 8, colour: 0, rows: Buffer.concat(rows) });
}

/** A PNG file of one colour: 8-bit RGB, or 1-bit black where it is too large for that. */
export function png(width, height) {
  const large = width * height > 1e6;
  const row = large ? Math.ceil(width / 8) : 3 * width;
  return pngOf(width, height, { depth: large ? 1 : 8, colour: large ? 0 : 2, rows: Buffer.alloc((row + 1) * height) });
}

/** A PNG file (W3C PNG, third edition) of rows, each with its filter's byte before it. */
export function pngOf(width, height, { depth, colour, rows }, level = 1) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows, { level })), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(8 + body.length);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), 4 + body.length);
  return framed;
}
