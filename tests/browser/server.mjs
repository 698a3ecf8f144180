// The real `pellucid serve`, on a port of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Serves a folder until `stop` is called.
 * @param {string} program path of the `pellucid` binary
 * @param {string} folder the site
 * @returns {Promise<{origin: string, stop: () => Promise<void>}>}
 */
export async function serve(program, folder) {
  const port = await freePort();
  const server = spawn(program, ['serve', folder, '--port', String(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let ended = null;
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => (said += text));
  server.on('error', (error) => (ended = `could not be started: ${error.message}`));
  server.on('exit', (code, signal) => (ended = `ended (${signal ?? code})`));

  const origin = `http://127.0.0.1:${port}`;
  for (let tries = 0; ended === null && !(await answers(origin)); tries += 1) {
    if (tries === 200) ended = 'does not answer';
    await new Promise((done) => setTimeout(done, 50));
  }
  if (ended !== null) {
    server.kill();
    throw new Error(`${program} serve ${folder} ${ended}: ${said.trim()}`);
  }
  const stop = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exit = once(server, 'exit');
    server.kill('SIGINT');
    await exit;
  };
  return { origin, stop };
}

async function answers(origin) {
  try {
    await fetch(origin);
    return true;
  } catch {
    return false;
  }
}

/** A port that nobody listens on. */
export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}
