/**
 * Finds the WebAssembly file that this browser runs fastest, and compiles it once for all workers.
 *
 * The two probes are complete modules of one function that uses one instruction of the feature; a browser that knows the
 * feature accepts them (https://github.com/WebAssembly/relaxed-simd, https://github.com/WebAssembly/simd).
 */
import { answer, named, received } from "./download.js";
import { t } from "./language.js";
import { Once } from "./once.js";

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
      t`This browser lacks WebAssembly SIMD, which the viewer computes with: use Chrome or Edge 91, Firefox 89, Safari 16.4 or newer.`,
    );
  }
  return accepts(RELAXED_SIMD) ? "pellucid_viewer_relaxed_bg.wasm" : "pellucid_viewer_bg.wasm";
}

const compiled = new Once();

/** The compiled module, one for all viewers of the page; `progress(done, total)` is told the bytes as they come. */
export function compile(listening) {
  return compiled.ask("program", download, listening);
}

async function download({ signal, progress }) {
  const url = new URL(`./${variant()}`, import.meta.url).href;
  const response = await answer(url, { signal });
  const type = response.headers.get("content-type") ?? "";
  if (/^text\/html\b/i.test(type)) {
    throw new Error(t`In place of the viewer's program (${named(url)}) the server sent a web page: it may lack the file, or want you to sign in.`);
  }
  const bytes = received(response, url, { signal, progress });
  let broke;
  try {
    // Compiled while it comes; the media type is stated anew, because a server that does not know it must not cost the visitor the page.
    const stream = new ReadableStream({
      async pull(controller) {
        try {
          const { value, done } = await bytes.next();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          broke = error;
          throw error;
        }
      },
    });
    return await WebAssembly.compileStreaming(new Response(stream, { headers: { "content-type": "application/wasm" } }));
  } catch (error) {
    // Browsers differ in which error they make of a stream that broke.
    throw broke ?? explained(error, url);
  }
}

/** What a failed compilation means to somebody who can mend it. */
function explained(error, url) {
  if (!(error instanceof WebAssembly.CompileError)) return error;
  if (/content security policy|unsafe-eval/i.test(error.message)) {
    return new Error(t`This page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src.`);
  }
  return new Error(t`The viewer's program (${named(url)}) did not come whole, or is another file: load the page anew.`);
}
