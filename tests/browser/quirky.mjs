// A static server with the faults of real ones.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
};
const OCTETS = 'application/octet-stream';

/**
 * What each server does otherwise than right: changes a request's answer `{ status, type, headers, body }` for a file `{ name,
 * ending, exists, site }`.
 */
const FAULTS = {
  plain: () => {},
  // nginx before 1.21.4 as installed, or a server with one type for all that it does not know.
  octets(answer, { ending }) {
    answer.headers['x-content-type-options'] = 'nosniff';
    if (['.wasm', '.onnx'].includes(ending)) answer.type = OCTETS;
  },
  // IIS gives out files of known types alone.
  iis(answer, { ending }) {
    if (['.wasm', '.onnx', '.br'].includes(ending)) Object.assign(answer, { status: 404, type: 'text/html', body: '404.3' });
  },
  // A single-page application's fallback, for whatever is missing; the program counts as missing.
  spa(answer, { ending, exists, site }) {
    if (ending === '.wasm' || !exists) Object.assign(answer, { status: 200, type: 'text/html', body: readFileSync(join(site, 'index.html')) });
  },
  // A proxy whose session has expired.
  login(answer, { ending }) {
    if (ending === '.wasm') Object.assign(answer, { type: 'text/html', body: '<!doctype html><title>Sign in</title>' });
  },
  'login-for-models'(answer, { ending }) {
    if (ending === '.onnx') Object.assign(answer, { type: 'text/html', body: '<!doctype html><title>Sign in</title>' });
  },
  // An asset host of its own.
  elsewhere(answer) {
    Object.assign(answer.headers, { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' });
  },
  // A connection that breaks.
  half(answer, { ending }) {
    if (ending === '.wasm') answer.cut = answer.body.length >> 1;
  },
  // A file that was not copied to its end.
  truncated(answer, { ending }) {
    if (ending === '.wasm') answer.body = answer.body.subarray(0, answer.body.length >> 1);
  },
  // A host's own policy, without what the viewer needs.
  'no-wasm'(answer) {
    answer.headers['content-security-policy'] = "default-src 'self'";
  },
  'no-workers'(answer) {
    answer.headers['content-security-policy'] = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'";
  },
};

/** Serves a site with a fault until `stop` is called. */
export async function quirky(site, fault, pages = {}) {
  const change = FAULTS[fault];
  const server = createServer((request, response) => {
    let name = decodeURIComponent(new URL(request.url, 'http://x').pathname);
    if (name.endsWith('/')) name += 'index.html';
    const path = join(site, normalize(name));
    const ending = extname(name);
    const exists = name in pages || existsSync(path);
    const body = name in pages ? Buffer.from(pages[name]) : exists ? readFileSync(path) : Buffer.alloc(0);
    const answer = { status: exists ? 200 : 404, type: TYPES[ending] ?? OCTETS, headers: {}, body, cut: undefined };
    change(answer, { name, ending, exists, site });
    response.writeHead(answer.status, { 'content-type': answer.type, 'content-length': answer.body.length, ...answer.headers });
    if (answer.cut === undefined) return response.end(answer.body);
    response.write(answer.body.subarray(0, answer.cut));
    setTimeout(() => response.destroy(), 200);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, stop };
}
