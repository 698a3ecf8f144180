// Runs the browser's tests: `node run.mjs [FILE...]`, by default every *.test.mjs beside this file.
//
// PELLUCID_BIN   the `pellucid` binary (target/debug/pellucid)
// PELLUCID_SITE  the built site (dist/site)
// CHROMIUM       the browser (/usr/bin/chromium)
// PELLUCID_BLESS=1  the pictures in `shots/` are written anew: look at each

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { paths } from './harness.mjs';

const remedies = {
  pellucid: 'build it with `cargo build --bin pellucid`, or set PELLUCID_BIN',
  site: 'build it with `cargo xtask site`, or set PELLUCID_SITE',
  chromium: 'install it (on Debian: `apt-get install chromium`), or set CHROMIUM',
};
for (const [name, remedy] of Object.entries(remedies)) {
  if (!existsSync(paths[name])) {
    console.error(`${paths[name]} is missing: ${remedy}`);
    process.exit(1);
  }
}

const here = dirname(fileURLToPath(import.meta.url));
const named = process.argv.slice(2).map((file) => resolve(file));
const files = named.length > 0 ? named : readdirSync(here).filter((name) => name.endsWith('.test.mjs')).sort().map((name) => join(here, name));

// One browser at a time: the tests measure nothing, but two browsers on two cores keep each other waiting. The limit ends a file that hangs.
const tests = run({ files, concurrency: 1, timeout: 1_200_000 });
tests.on('test:fail', () => (process.exitCode = 1));
tests.compose(spec).pipe(process.stdout);
