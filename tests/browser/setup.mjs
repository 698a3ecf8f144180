// What most tests of the page begin with: the page open in a browser, phantoms at hand, and both put away at the end.
//
//     let viewer, pictures;
//     opened({ images: 3 }, (it) => ({ viewer, pictures } = it));

import { after, before } from 'node:test';
import { phantoms, scratch } from './files.mjs';
import { launch } from './harness.mjs';
import { Viewer } from './viewer.mjs';

/**
 * Opens the page before the tests of a file and closes it after them. `take` is given `{ files, pictures, picture, session, page, viewer, found }`: `images` phantoms are drawn;
 * with `explained` the first of them is dropped, and `found` are its saliencies; `limit` is the page's patience in milliseconds; all else is for `launch`.
 */
export function opened({ images = 1, explained = false, limit, ...options }, take) {
  let files, session;
  before(async () => {
    files = await scratch();
    const pictures = await phantoms(files.folder, images);
    const [picture] = pictures;
    session = await launch(options);
    const { page } = session;
    if (limit) page.setDefaultTimeout(limit);
    const viewer = new Viewer(session);
    await viewer.ready();
    if (explained) await viewer.drop(picture);
    const found = explained ? await viewer.saliencies() : [];
    take({ files, pictures, picture, session, page, viewer, found });
  });
  after(async () => {
    await session?.close();
    await files?.remove();
  });
}
