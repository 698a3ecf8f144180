import { t } from "./language.js";

/**
 * Downloads a file as a Blob of the server's media type, which the browser may keep on disk, and reports the bytes as they come.
 * `progress(done, total)`; the total is undefined where the server does not tell it, or compresses what it sends.
 */
export async function download(url, { signal, progress = () => {} } = {}) {
  progress(0);
  const response = await answer(url, { signal });
  const parts = [];
  for await (const part of received(response, url, { signal, progress })) parts.push(part);
  return new Blob(parts, { type: response.headers.get("content-type") ?? "" });
}

/** The server's answer, once it begins; an error says what to do where it is none. */
export async function answer(url, { signal } = {}) {
  const name = named(url);
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new Error(t`The file ${name} could not be downloaded: check the connection.`);
  }
  if (!response.ok) {
    const hint = response.status === 404 ? t`the file is missing, or the server does not give out files of its kind` : t`check the site's files`;
    throw new Error(t`The file ${name} could not be downloaded (the server answered ${response.status}): ${hint}.`);
  }
  return response;
}

/** The bytes of an answer as they come. */
export async function* received(response, url, { signal, progress }) {
  const total = response.headers.has("content-encoding") ? undefined : Number(response.headers.get("content-length")) || undefined;
  let done = 0;
  progress(done, total);
  try {
    for (const reader = response.body.getReader(); ; ) {
      const { value, done: ended } = await reader.read();
      if (ended) break;
      done += value.length;
      progress(done, total);
      yield value;
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new Error(t`The download of ${named(url)} broke off after ${done} bytes: check the connection and try again.`);
  }
}

/** The file's name in a URL, as people write it. */
export function named(url) {
  const name = new URL(url).pathname.split("/").pop();
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
