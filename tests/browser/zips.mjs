// Zip archives for the tests of the page, sound ones and others.

import { crc32, deflateRawSync } from 'node:zlib';

/**
 * An archive of `[{ name, data, method, flags, … }]`; what an entry says of itself otherwise (`size`, `packed`, `crc`, `at`) is
 * what the archive says too.
 */
export function zip(files, { comment = '', count } = {}) {
  const parts = [];
  const entries = [];
  let length = 0;
  for (const { name, data = Buffer.alloc(0), method = 8, flags = 0x800, ...claims } of files) {
    const stored = method === 8 ? deflateRawSync(data) : data;
    const told = Buffer.isBuffer(name) ? name : Buffer.from(name);
    const entry = { told, method, flags, crc: crc32(data), packed: stored.length, size: data.length, at: length, ...claims };
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    header(local, 4, entry);
    local.writeUInt16LE(told.length, 26);
    parts.push(local, told, stored);
    length += 30 + told.length + stored.length;
    entries.push(entry);
  }
  const start = length;
  for (const entry of entries) {
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(20, 4);
    header(central, 6, entry);
    central.writeUInt16LE(entry.told.length, 28);
    central.writeUInt32LE(entry.at, 42);
    parts.push(central, entry.told);
    length += 46 + entry.told.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(count ?? entries.length, 8);
  end.writeUInt16LE(count ?? entries.length, 10);
  end.writeUInt32LE(length - start, 12);
  end.writeUInt32LE(start, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, end, Buffer.from(comment)]);
}

function header(bytes, from, { flags, method, crc, packed, size }) {
  bytes.writeUInt16LE(20, from);
  bytes.writeUInt16LE(flags, from + 2);
  bytes.writeUInt16LE(method, from + 4);
  bytes.writeUInt32LE(crc, from + 10);
  bytes.writeUInt32LE(packed, from + 14);
  bytes.writeUInt32LE(size, from + 18);
}
