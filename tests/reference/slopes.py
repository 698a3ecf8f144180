"""A gradient held to central differences, in float64: who is right where autograd and a file disagree.

A network's gradient is too long to be measured element by element. Along a direction of random signs, an error `e` of the
gradient shows as `e · v`, whose mean square over directions is `‖e‖²`: a few directions measure its size.
"""

import numpy as np

DIRECTIONS = 6
# Relative to an image in [0, 1]: a long step meets the kinks of ReLUs, a short one rounding, and where a network's own lie only
# the network tells.
STEPS = [1e-5, 1e-6, 1e-7, 1e-8, 1e-9]


def measured(function, point, rng):
    """Directions `[k, *shape]` of int8 signs, the derivatives `[k]` of `function` at `point` along them, and how far two
    measurements of them lie apart, relative to their size."""
    directions = rng.choice(np.array([-1, 1], np.int8), (DIRECTIONS, *point.shape))
    point = point.astype(np.float64)
    slopes, doubts = [], []
    for direction in directions.astype(np.float64):
        found = [
            (function(point + step * direction) - function(point - step * direction)) / (2 * step) for step in STEPS
        ]
        # Two steps, one ten times the other, that meet the same kinks or none agree.
        apart = np.abs(np.diff(found))
        best = int(np.argmin(apart))
        slopes.append(found[best + 1])
        doubts.append(apart[best])
    slopes = np.array(slopes)
    return directions, slopes, float(np.linalg.norm(doubts) / np.linalg.norm(slopes))


def distance(gradient, directions, slopes):
    """How far a gradient is from measured slopes: an estimate of `‖gradient − true‖ / ‖true‖`."""
    found = directions.reshape(len(directions), -1).astype(np.float64) @ gradient.astype(np.float64).ravel()
    return float(np.linalg.norm(found - slopes) / np.linalg.norm(slopes))
