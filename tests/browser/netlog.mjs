// Chromium's own record of what it did on the network. It holds what a page's listeners do not see: prefetches,
// beacons, requests of workers that have ended.

import { readFile } from 'node:fs/promises';

/**
 * The URLs of all requests that a page made, in a file that `--log-net-log` wrote, once the browser has ended.
 * The browser's own requests (its updates, its clock) have no initiator and belong to no site; they are left out.
 * @param {string} path
 * @param {string} origin the page's
 * @returns {Promise<string[]>}
 */
export async function requestedUrls(path, origin) {
  const log = JSON.parse(await readFile(path, 'utf8'));
  const start = log.constants.logEventTypes.URL_REQUEST_START_JOB;
  const requests = log.events.filter((event) => event.type === start && event.params?.url).map((event) => event.params);
  const host = new URL(origin).hostname;
  const ofPage = ({ url, initiator = '', network_isolation_key: site = '' }) =>
    url.startsWith(origin) || initiator.includes(host) || site.includes(host);
  return [...new Set(requests.filter(ofPage).map((request) => request.url))];
}
