// What the tests of the page share: the site served by the real `pellucid serve`, opened in a real Chromium, and a
// record of everything that the page asked for and complained about.
//
//     import { launch } from './harness.mjs';
//     const session = await launch();
//     await session.page.click('...');
//     await session.screenshot('name');
//     session.assertQuiet();
//     await session.close();            // also checks that nothing left the page's own origin
//
// Environment: PELLUCID_BIN, PELLUCID_SITE, CHROMIUM (see `run.mjs`).

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { requestedUrls } from './netlog.mjs';
import { serve } from './server.mjs';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** Paths of the programs and folders under test. */
export const paths = {
  pellucid: resolve(process.env.PELLUCID_BIN ?? join(checkout, 'target/debug/pellucid')),
  site: resolve(process.env.PELLUCID_SITE ?? join(checkout, 'dist/site')),
  chromium: process.env.CHROMIUM ?? '/usr/bin/chromium',
  /** Where screenshots go. */
  pictures: join(checkout, 'target/browser'),
};

/** The folder in the site that holds the viewer's modules and program; its name carries their version. */
export const viewerFolder = () => readdirSync(paths.site).find((name) => /^viewer-[0-9a-f]{16}$/.test(name));

/** No window, no sandbox (containers lack what it needs), and no way out: every name but this machine's is unknown. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/**
 * Opens the page in a fresh browser with an empty profile.
 * @param {{path?: string, viewport?: {width: number, height: number}, wait?: 'load' | 'domcontentloaded', server?: {origin: string,
 *   stop: () => Promise<void>}, others?: string[], touch?: boolean, offline?: boolean, first?: boolean, locale?: string}} options
 *   `path` below the site's origin; `wait` for which event; `server` in place of `pellucid serve`; `others`: origins that the page may
 *   ask too; `touch`: as on a phone, whose pointer is a finger; `offline`: with the browser's store and the page's service worker, which
 *   keep models and files; without it every visit is the first; `first`: as somebody new, whom the page offers to be shown around
 */
export async function launch({ path = '/', viewport = { width: 1280, height: 900 }, wait = 'load', server, others = [], touch = false, offline = false, first = false, locale = 'en-US' } = {}) {
  const scratch = await mkdtemp(join(tmpdir(), 'pellucid-browser-'));
  const netlog = join(scratch, 'net.json');
  server ??= await serve(paths.pellucid, paths.site);
  let context;
  const clean = async () => {
    await context?.close();
    await server.stop();
  };
  try {
    context = await chromium.launchPersistentContext(join(scratch, 'profile'), {
      executablePath: paths.chromium,
      headless: true,
      viewport,
      hasTouch: touch,
      isMobile: touch,
      locale,
      serviceWorkers: offline ? 'allow' : 'block',
      args: [...FLAGS, `--log-net-log=${netlog}`],
    });
    // Nothing here measures time: a busy machine is no failure.
    context.setDefaultTimeout(120_000);
    const session = new Session(context, server.origin, others);
    session.page = context.pages()[0] ?? (await context.newPage());
    await session.listen();
    // As on a page that comes by plain HTTP from another machine.
    if (!offline) await session.page.addInitScript(() => Object.defineProperty(window, 'caches', { value: undefined }));
    if (!first) await shownAround(session.page);
    session.response = await session.page.goto(server.origin + path, { waitUntil: wait });
    session.close = async () => {
      await clean();
      session.allUrls = await requestedUrls(netlog, server.origin);
      await rm(scratch, { recursive: true, force: true });
      session.assertOnlyOwnOrigin();
    };
    return session;
  } catch (error) {
    await clean();
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}

/** Has the page know that its visitor was shown around. */
function shownAround(page) {
  return page.addInitScript(() => {
    try {
      if (window === top) localStorage.setItem('pellucid-first-look', 'seen');
    } catch {
      // Not every document has a storage.
    }
  });
}

/** One open page and the record of what it did. */
class Session {
  /** URLs of all requests, in order: the page's, its frames' and its workers'. @type {string[]} */
  requests = [];
  /** Console errors, uncaught errors, failed requests and violations of the Content-Security-Policy. @type {string[]} */
  problems = [];
  /** After `close`: every URL that the page made the browser ask for, by the browser's own log. @type {string[] | null} */
  allUrls = null;

  constructor(context, origin, others) {
    this.context = context;
    this.origin = origin;
    this.origins = [origin, ...others];
  }

  async listen() {
    const { context, page, problems, requests } = this;
    context.on('request', (request) => requests.push(request.url()));
    context.on('requestfailed', (request) => problems.push(`request failed: ${request.url()} ${request.failure()?.errorText}`));
    context.on('response', (response) => {
      if (response.status() >= 400) problems.push(`status ${response.status()}: ${response.url()}`);
    });
    context.on('console', (message) => {
      if (message.type() === 'error') problems.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack ?? error.message}`));
    page.on('crash', () => problems.push('the page crashed'));
    await page.exposeFunction('__violation', (text) => problems.push(`Content-Security-Policy: ${text}`));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        window.__violation(`${event.violatedDirective} forbids ${event.blockedURI || 'inline code'} (${event.sourceFile}:${event.lineNumber})`);
      });
    });
  }

  /** Fails if the page has complained about anything so far. */
  assertQuiet() {
    assert.deepEqual(this.problems, []);
  }

  /** Fails if anything was asked for outside the page's own origin (`blob:` and `data:` do not leave the machine). */
  assertOnlyOwnOrigin() {
    const urls = [...this.requests, ...(this.allUrls ?? [])];
    assert.ok(this.requests.length > 0, 'the page asked for nothing at all: is the record broken?');
    const local = (url) => this.origins.some((origin) => url.startsWith(`${origin}/`)) || url.startsWith('blob:') || url.startsWith('data:');
    assert.deepEqual(urls.filter((url) => !local(url)), [], 'requests that left the origin');
  }

  /** Writes `target/browser/NAME.png` and tells its path. */
  async screenshot(name, options = {}) {
    await mkdir(paths.pictures, { recursive: true });
    const path = join(paths.pictures, `${name}.png`);
    await this.page.screenshot({ path, ...options });
    return path;
  }
}
