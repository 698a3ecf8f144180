/** SHA-256 (FIPS 180-4). */

/** The first 32 bits of the fractional parts of a root of the first primes. */
function roots(count, power) {
  const found = [];
  for (let n = 2; found.length < count; n += 1) {
    if (found.every(([prime]) => n % prime !== 0)) found.push([n, Math.floor((n ** power % 1) * 2 ** 32)]);
  }
  return Int32Array.from(found, ([, bits]) => bits | 0);
}

const K = roots(64, 1 / 3);
const START = roots(8, 1 / 2);
/** Bytes that are read at a time. */
const PIECE = 2 ** 21;

/** The browser's own is faster, but takes a file whole, and is not there on pages that come over plain HTTP. */
const WHOLE = 2 ** 28;

/** The SHA-256 of a Blob, as 64 digits. */
export async function sha256(blob) {
  if (!globalThis.crypto?.subtle || blob.size > WHOLE) return inPieces(blob);
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The same, a piece at a time. */
export async function inPieces(blob) {
  const state = START.slice();
  const whole = blob.size - (blob.size % 64);
  for (let at = 0; at < whole; at += PIECE) {
    const bytes = await blob.slice(at, Math.min(at + PIECE, whole)).arrayBuffer();
    compress(state, new DataView(bytes));
  }
  const rest = new Uint8Array(await blob.slice(whole).arrayBuffer());
  const end = new Uint8Array(rest.length < 56 ? 64 : 128);
  end.set(rest);
  end[rest.length] = 0x80;
  new DataView(end.buffer).setBigUint64(end.length - 8, BigInt(blob.size) * 8n);
  compress(state, new DataView(end.buffer));
  return [...state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/** Takes blocks of 64 bytes into the state. */
function compress(state, bytes) {
  const w = new Int32Array(64);
  const k = K;
  for (let block = 0; block < bytes.byteLength; block += 64) {
    for (let t = 0; t < 16; t += 1) w[t] = bytes.getInt32(block + 4 * t);
    for (let t = 16; t < 64; t += 1) {
      const [x, y] = [w[t - 15], w[t - 2]];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[t] = (w[t - 16] + s0 + w[t - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let t = 0; t < 64; t += 1) {
      const S1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const one = (h + S1 + ((e & f) ^ (~e & g)) + k[t] + w[t]) | 0;
      const S0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const two = (S0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + one) | 0;
      d = c;
      c = b;
      b = a;
      a = (one + two) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((word, index) => (state[index] = (state[index] + word) | 0));
  }
}
