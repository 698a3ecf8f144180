// The settings of docs/embedding.md, in the servers that they are for.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { scratch } from './files.mjs';
import { launch, paths, viewerFolder } from './harness.mjs';
import { freePort } from './server.mjs';
import { Viewer } from './viewer.mjs';

let files, site;
before(async () => {
  files = await scratch();
  site = join(files.folder, 'site');
  await cp(paths.site, site, { recursive: true });
  // Apache gives its privileges up, and reads what anybody may read.
  await chmod(files.folder, 0o755);
});
after(() => files?.remove());

/** The only block of a language in docs/embedding.md, for a site that lies elsewhere. */
async function block(language) {
  const text = await readFile(new URL('../../docs/embedding.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(new RegExp('^```' + language + '\\n(.*?)^```', 'gms'))].map((match) => match[1]);
  assert.equal(blocks.length, 1);
  assert.ok(blocks[0].includes('/srv/pellucid'));
  return blocks[0].replaceAll('/srv/pellucid', site);
}

/** Runs a server until the test ends; the origin that it answers at. */
async function run(context, program, words, port) {
  const server = spawn(program, words, { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => (said += text));
  server.on('error', (error) => (said += error.message));
  const origin = `http://127.0.0.1:${port}`;
  const stop = async () => {
    if (server.exitCode !== null) return;
    const exit = once(server, 'exit');
    server.kill('SIGTERM');
    await exit;
  };
  context.after(stop);
  for (let tries = 0; ; tries += 1) {
    if (await fetch(origin).catch(() => null)) return { origin, stop };
    assert.ok(server.exitCode === null && server.pid && tries < 200, `${program} does not answer: ${said}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

const SERVERS = {
  async nginx(port) {
    const settings = await files.write('nginx.conf', `daemon off;
pid ${files.folder}/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((use) => `${use}_temp_path ${files.folder}/${use};`).join(' ')}
  server {
    listen 127.0.0.1:${port};
${await block('nginx')}
  }
}
`);
    return ['nginx', ['-p', files.folder, '-c', settings, '-e', 'stderr']];
  },
  async apache(port) {
    const modules = ['mpm_event', 'authz_core', 'alias', 'dir', 'mime', 'headers', 'filter', 'deflate'];
    const settings = await files.write('apache.conf', `ServerRoot /usr/lib/apache2
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
PidFile ${files.folder}/apache.pid
DefaultRuntimeDir ${files.folder}
ErrorLog ${files.folder}/apache.log
${modules.map((name) => `LoadModule ${name}_module modules/mod_${name}.so`).join('\n')}
${process.getuid() === 0 ? 'User www-data\nGroup www-data' : ''}
TypesConfig /etc/mime.types
${await block('apache')}
`);
    return ['apache2', ['-f', settings, '-D', 'FOREGROUND']];
  },
};

for (const [name, prepare] of Object.entries(SERVERS)) {
  test(`${name} serves the site with the settings of the documentation`, async (context) => {
    const port = await freePort();
    const server = await run(context, ...(await prepare(port)), port);
    const program = await fetch(`${server.origin}/pellucid/${viewerFolder()}/pellucid_viewer_bg.wasm`, { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(program.headers.get('content-type'), 'application/wasm');
    assert.equal(program.headers.get('content-encoding'), 'gzip');
    assert.match(program.headers.get('content-security-policy'), /^default-src 'none'; .*'wasm-unsafe-eval'/);
    await program.arrayBuffer();
    const cached = async (path) => (await fetch(`${server.origin}/pellucid/${path}`)).headers.get('cache-control');
    // The folder whose name is its version may be kept; what refers to it is asked for each time, and so is a file that may still come.
    const kept = 'public, max-age=31536000, immutable';
    assert.equal(program.headers.get('cache-control'), kept);
    assert.notEqual(await cached(`${viewerFolder()}/missing.js`), kept);
    for (const path of ['', 'pellucid-viewer.js', 'models/manifest.json']) assert.equal(await cached(path), 'no-cache', path);
    const session = await launch({ server, path: '/pellucid/' });
    context.after(() => session.close());
    const viewer = new Viewer(session);
    await viewer.ready();
    await viewer.root.locator('.samples button').first().click();
    await viewer.saliencies();
    session.assertQuiet();
  });
}
