/**
 * Downloads a file as a Blob, which the browser may keep on disk, and reports the bytes as they come.
 * `progress(done, total)`; the total is undefined where the server does not tell it, or compresses what it sends.
 */
export async function download(url, { signal, progress = () => {} } = {}) {
  const name = decodeURIComponent(new URL(url).pathname.split("/").pop());
  let response;
  progress(0);
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error(`${name} could not be downloaded: check the connection.`);
  }
  if (!response.ok) {
    throw new Error(`${name} could not be downloaded (the server answered ${response.status}): check the site's files.`);
  }
  const total = response.headers.has("content-encoding") ? undefined : Number(response.headers.get("content-length")) || undefined;
  const parts = [];
  let done = 0;
  progress(done, total);
  try {
    for (const reader = response.body.getReader(); ; ) {
      const { value, done: ended } = await reader.read();
      if (ended) break;
      parts.push(value);
      done += value.length;
      progress(done, total);
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error(`The download of ${name} broke off after ${done} bytes: check the connection and try again.`);
  }
  return new Blob(parts);
}
