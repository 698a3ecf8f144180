/** Values in C order as numpy's file format 1.0 (NEP 1), little-endian float32: a Blob. */
export function npy(values, dims) {
  const shape = `(${dims.join(", ")}${dims.length === 1 ? "," : ""})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  // Magic number, version, length and text fill a multiple of 64 bytes, which a line feed ends.
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const head = Uint8Array.of(0x93, ...letters("NUMPY"), 1, 0, padded.length & 255, padded.length >> 8, ...letters(padded));
  return new Blob([head, littleEndian(values)], { type: "application/octet-stream" });
}

const letters = (text) => [...text].map((letter) => letter.charCodeAt(0));

/** The bytes of float32 values, the lowest first, whatever this machine's order is. */
export function littleEndian(values) {
  const bytes = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, index) => bytes.setFloat32(index * 4, value, true));
  return bytes;
}
