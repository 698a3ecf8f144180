"""Directional derivatives by central differences in float64, and whether the function is smooth there at all."""

import numpy as np

# Five points at distance 1e-4: the truncation error is h⁴/30 times the fifth derivative, 1e-17 of it; the rounding
# error is about 1e-16 / h, 1e-12.
STEP = 1e-4
# Up to this many elements the gradient is measured element by element, beyond in a few random directions.
ELEMENTS = 32
DIRECTIONS = 6
# Of more elements than this, each direction moves a quarter so many: among ten thousand, some pair is always about to tie.
TOGETHER = 1000


class Kink(Exception):
    """The function has a kink, a jump or a pole near the point."""


def directions(shape, rng):
    """The directions to measure in, one a row: int8 of -1, 0 and 1, `[k, *shape]`."""
    count = int(np.prod(shape))
    if count <= ELEMENTS:
        return np.eye(count, dtype=np.int8).reshape(count, *shape)
    signs = rng.choice(np.array([-1, 1], np.int8), (DIRECTIONS, count))
    if count > TOGETHER:
        for row in signs:
            row[rng.permutation(count)[TOGETHER // 4 :]] = 0
    return signs.reshape(DIRECTIONS, *shape)


def slopes(function, point, along):
    """The slopes of the scalar `function` at `point` along every direction.

    Smooth functions look alike at both distances: the second differences scale with the square of the distance, up to
    h³. At a kink they scale with the distance itself; a jump or a pole makes the first differences disagree.
    """
    middle = function(point)
    if not np.isfinite(middle):
        raise Kink("the value is not finite")
    found, doubt = [], []
    for direction in along:
        step = STEP * direction.astype(np.float64)
        near = function(point + step), function(point - step)
        far = function(point + 2 * step), function(point - 2 * step)
        first = (near[0] - near[1]) / (2 * STEP)
        second = (far[0] - far[1]) / (4 * STEP)
        bend = (near[0] - 2 * middle + near[1]) / STEP, (far[0] - 2 * middle + far[1]) / (2 * STEP)
        found.append((4 * first - second) / 3)
        doubt.append(max(abs(first - second), abs(2 * bend[0] - bend[1])))
    found, doubt = np.array(found), np.array(doubt)
    scale = np.max(np.abs(found), initial=0.0)
    if not np.all(np.isfinite(found)):
        raise Kink("a difference is not finite")
    # f''' h² is below 1e-6 unless f is wild; rounding of the value leaves |f| · 1e-16 / h.
    bound = 1e-5 * scale + 1e-11 * (1 + abs(middle))
    if np.any(doubt > bound):
        raise Kink(f"differences at two distances disagree by {doubt.max():.1e} where slopes are {scale:.1e}")
    return found
