"""Operators that ONNX's reference evaluator (1.18) lacks, or for which it is wrong or unbearably slow, written anew.

`nodes.py` holds every one of them to the outputs that the specification's tests expect.

- MaxPool: with strides of 1 and with automatic padding the output `Indices` is wrong: it leaves out the channel, and the
  rows of the padded image are taken for those of the image.
- AveragePool, LpPool: right, but loops in Python, some 50 ms for an image of 32 × 32.
"""

import math

import numpy as np
from onnx.reference.op_run import OpRun


def windows(size, kernel, stride, dilation, before, after, auto_pad, ceil_mode):
    """Along one axis: where each window's elements lie, `[positions, kernel]`, and the paddings that follow."""
    extent = dilation * (kernel - 1) + 1
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        count = math.ceil(size / stride)
        total = max((count - 1) * stride + extent - size, 0)
        before = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
        after = total - before
    else:
        if auto_pad == "VALID":
            before = after = 0
        steps = (size + before + after - extent) / stride
        count = (math.ceil(steps) if ceil_mode else math.floor(steps)) + 1
        # A window that would start in the padding behind the image is left out.
        if (count - 1) * stride >= size + before:
            count -= 1
    places = np.arange(count)[:, None] * stride - before + np.arange(kernel) * dilation
    return places, before, after


def gathered(x, kernel_shape, strides=None, dilations=None, pads=None, auto_pad=None, ceil_mode=0):
    """Every window of `x` `[N, C, *spatial]`: values `[N, C, *positions, elements]`, the flat index within the image of each
    `[*positions, elements]`, which of them lie in the image, and which in the image or its padding."""
    rank = len(kernel_shape)
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    pads = pads or [0] * 2 * rank
    flat = padded = inside = None
    for axis, size in enumerate(x.shape[2:]):
        places, before, after = windows(
            size, kernel_shape[axis], strides[axis], dilations[axis], pads[axis], pads[rank + axis], auto_pad, ceil_mode
        )
        shape = [1] * 2 * rank
        shape[axis], shape[rank + axis] = places.shape
        places = places.reshape(shape)
        here, nearby = (places >= 0) & (places < size), (places >= -before) & (places < size + after)
        clipped = np.clip(places, 0, size - 1)
        flat = clipped if flat is None else flat * size + clipped
        inside = here if inside is None else inside & here
        padded = nearby if padded is None else padded & nearby
    positions = flat.shape[:rank]
    flat, inside, padded = (a.reshape(*positions, -1) for a in (flat, inside, padded))
    return x.reshape(*x.shape[:2], -1)[:, :, flat], flat, inside, padded


class MaxPool(OpRun):
    """The largest element of every window, the first of equals, and its index in the flattened input."""

    def _run(self, x, storage_order=0, **window):
        values, flat, inside, _ = gathered(x, **window)
        lowest = -np.inf if np.issubdtype(x.dtype, np.floating) else np.iinfo(x.dtype).min
        winner = np.argmax(np.where(inside, values, lowest), axis=-1)[..., None]
        y = np.take_along_axis(values, winner, axis=-1)[..., 0]
        if len(self.onnx_node.output) == 1:
            return (y,)
        if storage_order == 1:
            rows = x.shape[2:]
            flat = np.ravel_multi_index(np.unravel_index(flat, rows), rows, order="F")
        at = np.take_along_axis(np.broadcast_to(flat, values.shape), winner, axis=-1)[..., 0]
        images = np.arange(math.prod(x.shape[:2])).reshape(*x.shape[:2], *[1] * (x.ndim - 2))
        return y, (at + images * math.prod(x.shape[2:])).astype(np.int64)


class AveragePool(OpRun):
    """The mean of every window."""

    def _run(self, x, count_include_pad=0, **window):
        values, _, inside, padded = gathered(x, **window)
        count = np.sum(padded if count_include_pad else inside, axis=-1)
        return ((np.sum(np.where(inside, values, 0), axis=-1) / count).astype(x.dtype),)


class LpPool(OpRun):
    """The p-norm of every window."""

    def _run(self, x, p=2, **window):
        values, _, inside, _ = gathered(x, **window)
        powers = np.where(inside, np.abs(values), 0) ** p
        return (np.sum(powers, axis=-1) ** (1 / p),)


class GlobalLpPool(OpRun):
    """The p-norm over all spatial positions, which the evaluator lacks."""

    def _run(self, x, p=2):
        return (np.sum(np.abs(x) ** p, axis=tuple(range(2, x.ndim)), keepdims=True) ** (1 / p),)


class MeanVarianceNormalization(OpRun):
    """The specification's function, whose constants the evaluator keeps in float32."""

    def _run(self, x, axes=None):
        axes = tuple(axes or (0, 2, 3))
        mean = x.mean(axes, keepdims=True)
        variance = (x**2).mean(axes, keepdims=True) - mean**2
        return ((x - mean) / (np.sqrt(variance) + np.asarray(1e-9, x.dtype)),)


REPAIRS = [MaxPool, AveragePool, LpPool, GlobalLpPool, MeanVarianceNormalization]
