// Drives Debian's Firefox by the protocol that it speaks itself (WebDriver BiDi, https://www.w3.org/TR/webdriver-bidi/): no driver in between.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';

/** What the browser would ask the network for of its own accord, and what it would show beside the page. */
const SETTINGS = {
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.dns.disablePrefetch': true,
  'network.prefetch-next': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.enabled': false,
};

/** Opens a page in a fresh profile. */
export async function firefox(program, url) {
  const profile = await mkdtemp(join(tmpdir(), 'pellucid-firefox-'));
  await writeFile(join(profile, 'user.js'), Object.entries(SETTINGS).map(([key, value]) => `user_pref(${JSON.stringify(key)}, ${JSON.stringify(value)});\n`).join(''));
  const browser = spawn(program, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  const address = await new Promise((resolve, reject) => {
    browser.stderr.on('data', (text) => {
      said += text;
      const [, found] = /WebDriver BiDi listening on (ws:\S+)/.exec(said) ?? [];
      if (found) resolve(found);
    });
    browser.on('exit', (code) => reject(new Error(`${program} ended (${code}): ${said}`)));
    browser.on('error', reject);
  });
  const socket = new WebSocket(`${address}/session`);
  await once(socket, 'open');
  const page = new Page(socket);
  page.close = async () => {
    socket.terminate();
    const exit = browser.exitCode === null ? once(browser, 'exit') : undefined;
    browser.kill();
    await exit;
    await rm(profile, { recursive: true, force: true });
  };
  try {
    await page.open(url);
  } catch (error) {
    await page.close();
    throw error;
  }
  return page;
}

class Page {
  /** URLs of all requests. */
  requests = [];
  /** Errors of scripts, and what the console was told as an error. */
  problems = [];
  #socket;
  #waiting = new Map();
  #context;

  constructor(socket) {
    this.#socket = socket;
    socket.on('message', (text) => this.#hear(JSON.parse(text)));
  }

  async open(url) {
    await this.#send('session.new', { capabilities: {} });
    const { contexts } = await this.#send('browsingContext.getTree', {});
    this.#context = contexts[0].context;
    await this.#send('session.subscribe', { events: ['log.entryAdded', 'network.beforeRequestSent'] });
    await this.#send('browsingContext.setViewport', { context: this.#context, viewport: { width: 1280, height: 900 } });
    await this.#send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  /** The JSON value that an expression of JavaScript gives, once it is there. */
  async value(expression) {
    const answer = await this.#send('script.evaluate', {
      expression: `Promise.resolve(${expression}).then((value) => JSON.stringify(value ?? null))`,
      target: { context: this.#context },
      awaitPromise: true,
    });
    if (answer.type === 'exception') throw new Error(answer.exceptionDetails.text);
    return JSON.parse(answer.result.value);
  }

  /** Waits until an expression holds. */
  async until(expression) {
    for (let tries = 0; !(await this.value(expression)); tries += 1) {
      if (tries === 1200) throw new Error(`it never holds: ${expression}`);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  /** Gives files of this machine to a field, as the browser's own dialogue does; `field` is an expression of an element. */
  async pick(field, files) {
    const { result } = await this.#send('script.evaluate', { expression: field, target: { context: this.#context }, awaitPromise: false });
    await this.#send('input.setFiles', { context: this.#context, element: { sharedId: result.sharedId }, files });
  }

  /** A picture of the window, a PNG. */
  async screenshot() {
    const { data } = await this.#send('browsingContext.captureScreenshot', { context: this.#context });
    return Buffer.from(data, 'base64');
  }

  #send(method, params) {
    const id = this.#waiting.size + 1;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, method }));
  }

  #hear({ id, type, result, method, params, message }) {
    if (method === 'network.beforeRequestSent') this.requests.push(params.request.url);
    if (method === 'log.entryAdded' && params.level === 'error') this.problems.push(params.text);
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    if (type === 'success') waiting.resolve(result);
    else waiting.reject(new Error(`${waiting.method}: ${message}`));
  }
}
