/** The most that the whole picture is enlarged. */
const MOST = 64;

/**
 * Which part of the picture all plates show: one place and one zoom for all of them, so that they stay side by side.
 *
 * `zoom` 1 shows the whole picture, whatever the plate's size; `x` and `y` are the picture's pixel in the middle. A `box` is a plate's
 * `{ width, height }` on the screen.
 */
export class View {
  width = 1;
  height = 1;
  zoom = 1;
  x = 0.5;
  y = 0.5;

  /** Called after each change. */
  onchange = () => {};

  /** A picture of this size, shown whole. */
  open(width, height) {
    Object.assign(this, { width, height });
    this.whole();
  }

  whole() {
    this.#to(1, this.width / 2, this.height / 2);
  }

  /** Brings a rectangle `[left, top, width, height]` of the picture to the plate's full size. */
  show([left, top, width, height], box) {
    const zoom = Math.min(box.width / width, box.height / height) / this.#fit(box);
    this.#to(zoom, left + width / 2, top + height / 2, box);
  }

  /** Zooms about a place on the plate, which stays where it is. */
  zoomAt(factor, { x, y }, box) {
    const before = this.toPicture({ x, y }, box);
    const zoom = limited(this.zoom * factor, 1, MOST);
    const scale = this.#fit(box) * zoom;
    this.#to(zoom, before.x - (x - box.width / 2) / scale, before.y - (y - box.height / 2) / scale, box);
  }

  /** Moves the picture by pixels of the screen. */
  pan(dx, dy, box) {
    const { scale } = this.place(box);
    const { x, y } = this.#centre(box);
    this.#to(this.zoom, x - dx / scale, y - dy / scale, box);
  }

  /** Brings a pixel of the picture into sight, if it is not. */
  reveal({ x, y }, box) {
    const { scale } = this.place(box);
    const centre = this.#centre(box);
    // A tenth of the plate is left around it.
    const [roomX, roomY] = [(0.4 * box.width) / scale, (0.4 * box.height) / scale];
    const near = (at, middle, room) => limited(middle, at - room, at + room);
    this.#to(this.zoom, near(x, centre.x, roomX), near(y, centre.y, roomY), box);
  }

  /** Where the picture lies on a plate: pixels of the screen per pixel of the picture, and its corner. */
  place(box) {
    const scale = this.#fit(box) * this.zoom;
    const { x, y } = this.#centre(box);
    return { scale, left: box.width / 2 - x * scale, top: box.height / 2 - y * scale };
  }

  /** A place on the plate as one in the picture. */
  toPicture({ x, y }, box) {
    const { scale, left, top } = this.place(box);
    return { x: (x - left) / scale, y: (y - top) / scale };
  }

  #fit(box) {
    return Math.min(box.width / this.width, box.height / this.height) || 1;
  }

  /** The middle, such that no plate shows more emptiness than it must. */
  #centre(box, zoom = this.zoom, x = this.x, y = this.y) {
    const scale = this.#fit(box) * zoom;
    const within = (at, size, room) => (size * scale <= room ? size / 2 : limited(at, room / 2 / scale, size - room / 2 / scale));
    return { x: within(x, this.width, box.width), y: within(y, this.height, box.height) };
  }

  #to(zoom, x, y, box) {
    this.zoom = limited(zoom, 1, MOST);
    Object.assign(this, box ? this.#centre(box, this.zoom, x, y) : { x, y });
    this.onchange();
  }
}

const limited = (value, low, high) => Math.min(Math.max(value, low), high);
