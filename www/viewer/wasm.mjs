/**
 * Finds the WebAssembly file that this browser runs fastest, and compiles it once for all workers.
 *
 * The two probes are complete modules of one function that uses one instruction of the feature; a browser that knows the
 * feature accepts them (https://github.com/WebAssembly/relaxed-simd, https://github.com/WebAssembly/simd).
 */

const HEADER = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0];
/** i8x16.popcnt(i8x16.splat(0)) */
const SIMD = [10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
/** i8x16.relaxed_swizzle(i8x16.splat(1), i8x16.splat(2)) */
const RELAXED_SIMD = [10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11];

const accepts = (code) => WebAssembly.validate(new Uint8Array([...HEADER, ...code]));

/** `pellucid_viewer_relaxed_bg.wasm` or `pellucid_viewer_bg.wasm`; throws a sentence where neither can run. */
export function variant() {
  if (typeof WebAssembly !== "object" || !accepts(SIMD)) {
    throw new Error(
      "This browser lacks WebAssembly SIMD, which the viewer computes with: use Chrome or Edge 91, Firefox 89, Safari 16.4 or newer.",
    );
  }
  return accepts(RELAXED_SIMD) ? "pellucid_viewer_relaxed_bg.wasm" : "pellucid_viewer_bg.wasm";
}

/** The compiled module. */
export async function compile() {
  const url = new URL(`../${variant()}`, import.meta.url);
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) {
    throw new Error(`The viewer's program ${url.pathname} could not be loaded: check the connection and load the page anew.`);
  }
  // A server that does not know the media type must not cost the visitor the page.
  if (response.headers.get("content-type")?.startsWith("application/wasm")) {
    return WebAssembly.compileStreaming(response);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}
