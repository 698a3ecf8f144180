import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './harness.mjs';

let session;
before(async () => (session = await launch()));
after(() => session?.close());

test('the page loads under its policy without a complaint', async () => {
  assert.equal(session.response.status(), 200);
  assert.notEqual(await session.page.title(), '');
  await session.page.waitForLoadState('networkidle');
  await session.screenshot('smoke');
  session.assertQuiet();
  session.assertOnlyOwnOrigin();
});

test('the policy forbids everything but the page itself, in the header and in the document', async () => {
  const header = session.response.headers()['content-security-policy'];
  const meta = await session.page.getAttribute('meta[http-equiv="Content-Security-Policy" i]', 'content');
  for (const [place, policy] of Object.entries({ header, meta })) {
    assert.ok(policy, `no policy in the ${place}`);
    const directives = new Map(policy.split(';').map((part) => part.trim().split(/\s+/)).map(([name, ...values]) => [name, values]));
    assert.deepEqual(directives.get('default-src'), ["'none'"], place);
    assert.deepEqual(directives.get('connect-src'), ["'self'"], place);
    const unsafe = [...directives.values()].flat().filter((value) => value.includes('unsafe'));
    assert.deepEqual([...new Set(unsafe)], ["'wasm-unsafe-eval'"], place);
    const elsewhere = [...directives.values()].flat().filter((value) => value.includes('://') || value === '*');
    assert.deepEqual(elsewhere, [], place);
  }
});

test('the policy is enforced: a request elsewhere is stopped and recorded', async () => {
  const before = session.problems.length;
  const outcome = await session.page.evaluate(() => fetch('https://example.invalid/').then(() => 'sent', () => 'stopped'));
  assert.equal(outcome, 'stopped');
  await session.page.waitForTimeout(100);
  const recorded = session.problems.splice(before);
  assert.ok(recorded.some((problem) => problem.startsWith('Content-Security-Policy: connect-src')), recorded.join('\n'));
});
