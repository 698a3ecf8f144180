/**
 * Reads zip archives (PKWARE's APPNOTE 6.3.10), without trusting what they say of themselves.
 *
 * The directory at the archive's end is read and judged first; a file is unpacked when it is asked for, and no further than the
 * directory says that it goes. Memory is that of the directory and of one file at a time.
 */
import { t } from "../language.js";
import { crc32 } from "./crc32.js";

/** More entries than this are not listed. */
const MOST_ENTRIES = 10_000;
/** Bytes of the directory. */
const LARGEST_DIRECTORY = 2 ** 24;
/** Bytes of one file, unpacked. */
const LARGEST = 2 ** 30;
/** Bytes of all files, unpacked. */
const MOST = 2 ** 32;
/** Pictures hardly shrink; what grows further than this, and beyond so many bytes, is made to fill a memory. */
const GROWTH = 100;
const FREE = 100 * 2 ** 20;

const [LOCAL, CENTRAL, END, END64, LOCATOR64] = [0x04034b50, 0x02014b50, 0x06054b50, 0x06064b50, 0x07064b50];
const [STORED, DEFLATED] = [0, 8];
const METHODS = { 1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 99: "AES" };
/** What ends the archive is no longer than this: 22 bytes and a comment. */
const TAIL = 22 + 0xffff;
const UTF8 = 1 << 11;
const ENCRYPTED = 1;

/** Characters 128 to 255 of the code page of archives that do not say that they are UTF-8. */
const CODE_PAGE_437 =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

const DAMAGED = t`This zip archive is damaged or did not come whole: copy it anew.`;

/** The files in an archive, `[{ path, read() }]`, of which `read` gives a File. Throws a sentence where it is not to be read. */
export async function openZip(blob) {
  const { start, bytes, count, shift } = await directory(blob);
  const entries = listed(bytes, count, shift);
  const end = start;
  for (const entry of entries) if (entry.start + 30 + entry.packed > end) throw new Error(DAMAGED);
  judge(entries, blob.size);
  return entries.filter(({ path }) => !path.endsWith("/")).map((entry) => ({ path: entry.path, read: () => unpack(blob, entry) }));
}

/** The directory's bytes, where it starts, how many entries it has, and by how much places are shifted by what stands before the archive. */
async function directory(blob) {
  const from = Math.max(0, blob.size - TAIL);
  const tail = await view(blob, from, blob.size);
  let at = tail.byteLength - 22;
  while (at >= 0 && !(tail.getUint32(at, true) === END && at + 22 + tail.getUint16(at + 20, true) <= tail.byteLength)) at -= 1;
  if (at < 0) throw new Error(t`This is no zip archive, or one that did not come whole: copy it anew.`);
  let [count, length, told, end] = [tail.getUint16(at + 10, true), tail.getUint32(at + 12, true), tail.getUint32(at + 16, true), from + at];
  if (tail.getUint16(at + 4, true) !== tail.getUint16(at + 6, true)) throw new Error(t`This zip archive is one of several parts: join them first.`);
  if (at >= 20 && tail.getUint32(at - 20, true) === LOCATOR64) {
    end = whole(tail, at - 12);
    if (end + 56 > blob.size) throw new Error(DAMAGED);
    const large = await view(blob, end, end + 56);
    if (large.getUint32(0, true) !== END64) throw new Error(DAMAGED);
    [count, length, told] = [whole(large, 32), whole(large, 40), whole(large, 48)];
  }
  if (count > MOST_ENTRIES) throw new Error(t`This zip archive holds ${count.toLocaleString("en")} files; at most ${MOST_ENTRIES.toLocaleString("en")} are read: make smaller ones.`);
  const start = end - length;
  if (start < 0 || told > start || length > LARGEST_DIRECTORY) throw new Error(DAMAGED);
  return { start, bytes: await view(blob, start, end), count, shift: start - told };
}

function listed(bytes, count, shift) {
  const entries = [];
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + 46 > bytes.byteLength || bytes.getUint32(at, true) !== CENTRAL) throw new Error(DAMAGED);
    const short = (offset) => bytes.getUint16(at + offset, true);
    const long = (offset) => bytes.getUint32(at + offset, true);
    const [named, extra, comment] = [short(28), short(30), short(32)];
    if (at + 46 + named + extra + comment > bytes.byteLength) throw new Error(DAMAGED);
    const entry = { flags: short(8), method: short(10), crc: long(16), packed: long(20), size: long(24), start: long(42) };
    entry.path = name(new Uint8Array(bytes.buffer, bytes.byteOffset + at + 46, named), entry.flags);
    enlarge(entry, bytes, at + 46 + named, extra);
    entry.start += shift;
    entries.push(entry);
    at += 46 + named + extra + comment;
  }
  return entries;
}

/** Sizes and places of more than four bytes stand in a field of their own. */
function enlarge(entry, bytes, from, length) {
  for (let at = from; at + 4 <= from + length; at += 4 + bytes.getUint16(at + 2, true)) {
    if (bytes.getUint16(at, true) !== 1) continue;
    const end = Math.min(at + 4 + bytes.getUint16(at + 2, true), from + length);
    let next = at + 4;
    for (const key of ["size", "packed", "start"]) {
      if (entry[key] !== 0xffffffff) continue;
      if (next + 8 > end) throw new Error(DAMAGED);
      entry[key] = whole(bytes, next);
      next += 8;
    }
  }
}

/** Refuses what is not to be unpacked, before any of it is. */
function judge(entries, size) {
  if (entries.some(({ flags }) => flags & ENCRYPTED)) throw new Error(t`This zip archive is protected by a password: unpack it first.`);
  const inOrder = [...entries].sort((a, b) => a.start - b.start);
  const overlap = inOrder.some(({ start, packed }, index) => index + 1 < inOrder.length && start + 30 + packed > inOrder[index + 1].start);
  if (overlap) throw new Error(t`Files of this zip archive lie on top of each other, as in one that is made to fill a memory: it is not unpacked.`);
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (total > FREE && total > size * GROWTH) throw new Error(t`This zip archive would grow ${Math.round(total / size).toLocaleString("en")}-fold when unpacked, as one that is made to fill a memory: it is not.`);
  if (total > MOST) throw new Error(t`This zip archive holds ${(total / 1e9).toFixed(1)} GB unpacked; at most ${(MOST / 1e9).toFixed(1)} GB are read: make smaller ones.`);
}

async function unpack(blob, entry) {
  const { method, size, packed, start, crc, path } = entry;
  const file = path.split("/").pop();
  if (size > LARGEST) throw new Error(t`${file} is ${(size / 1e9).toFixed(1)} GB unpacked; at most 1 GB is read.`);
  if (method !== STORED && method !== DEFLATED) throw new Error(t`${file} is packed by a method that is not read (${METHODS[method] ?? method}): unpack the archive first.`);
  const damaged = new Error(t`${file} is damaged in its zip archive: copy it anew.`);
  const head = await view(blob, start, start + 30);
  if (head.byteLength < 30 || head.getUint32(0, true) !== LOCAL) throw damaged;
  const data = start + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  if (data + packed > blob.size) throw damaged;
  const stream = blob.slice(data, data + packed).stream();
  const parts = [];
  let [done, sum] = [0, 0];
  try {
    const reader = (method === STORED ? stream : stream.pipeThrough(new DecompressionStream("deflate-raw"))).getReader();
    for (;;) {
      const { value, done: ended } = await reader.read();
      if (ended) break;
      done += value.length;
      // It holds more than it says: nobody knows how much.
      if (done > size) {
        await reader.cancel();
        throw damaged;
      }
      sum = crc32(value, sum);
      parts.push(value);
    }
  } catch {
    throw damaged;
  }
  if (done !== size || sum !== crc) throw damaged;
  return new File(parts, file);
}

async function view(blob, from, to) {
  try {
    return new DataView(await blob.slice(from, to).arrayBuffer());
  } catch {
    throw new Error(t`The file could not be read: it may have been moved.`);
  }
}

/** A number of eight bytes; one that no file reaches where JavaScript cannot tell it exactly. */
function whole(bytes, at) {
  const value = bytes.getBigUint64(at, true);
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}

function name(bytes, flags) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replaceAll("\\", "/");
  } catch {
    if (flags & UTF8) return new TextDecoder().decode(bytes);
    return [...bytes].map((byte) => (byte < 128 ? String.fromCharCode(byte) : CODE_PAGE_437[byte - 128])).join("");
  }
}
