"""Checks the differentiator over the corpora of networks that `models.py` and `timm_models.py` make, in float64.

    cargo build --example differentiate
    .pellucid/reference/bin/python tests/reference/check_models.py [--only REGEX] [--corpus .pellucid/timm]

Every exported network is differentiated, and the differentiated graph is evaluated in float64 by ONNX's reference evaluator,
its convolutions by PyTorch: logits and gradient must equal those of PyTorch's autograd in float64, which differences have confirmed
and where no rounding can flip a decision. What is left is the rounding of constants that the file holds in float32.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from check_nodes import ROOT, relative
from double import widened
from repairs import REPAIRS

# The exporters fold batch normalizations into convolutions and store the products in float32: the file is another
# network than PyTorch's in float64, by some 1e-6 to 1e-5 in the logits, which bounds what can be told here.
EXACT = 1e-4


class Conv(OpRun):
    """A convolution by PyTorch: ONNX's own takes minutes for a network."""

    def _run(self, x, w, b=None, auto_pad=None, dilations=None, group=1, kernel_shape=None, pads=None, strides=None):
        before, after = split(pads, auto_pad, w)
        x = np.pad(x, [(0, 0), (0, 0), *zip(before, after)])
        bias = None if b is None else tensor(b)
        y = torch.conv2d(tensor(x), tensor(w), bias, strides or 1, 0, dilations or 1, group)
        return (y.numpy(),)


class ConvTranspose(OpRun):
    """A transposed convolution by PyTorch, cut by its padding."""

    def _run(
        self, x, w, b=None, auto_pad=None, dilations=None, group=1, kernel_shape=None, output_padding=None,
        output_shape=None, pads=None, strides=None,
    ):  # fmt: skip
        if output_shape is not None:
            raise NotImplementedError("output_shape")
        before, after = split(pads, auto_pad, w)
        stride = strides or [1, 1]
        more = output_padding or [0, 0]
        y = torch.conv_transpose2d(tensor(x), tensor(w), None, stride, 0, 0, group, dilations or 1).numpy()
        y = np.pad(y, [(0, 0), (0, 0), (0, more[0]), (0, more[1])])
        y = y[:, :, before[0] : y.shape[2] - after[0], before[1] : y.shape[3] - after[1]]
        return (y if b is None else y + b.reshape(1, -1, 1, 1),)


def tensor(array):
    return torch.from_numpy(np.array(array))


def split(pads, auto_pad, weights):
    if auto_pad not in (None, "NOTSET", "VALID") or weights.ndim != 4:
        raise NotImplementedError("neither automatic padding nor other than images")
    pads = pads or [0, 0, 0, 0]
    return pads[:2], pads[2:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="only networks whose name matches this regular expression")
    parser.add_argument("--corpus", type=pathlib.Path, nargs="+", default=[ROOT / ".pellucid/models"])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/debug/examples/differentiate")
    arguments = parser.parse_args()
    failed = 0
    for corpus in arguments.corpus:
        for case in json.loads((corpus / "index.json").read_text())["models"]:
            for exporter in case["exporters"]:
                name = f"{case['name']}/{exporter}"
                if re.search(arguments.only, name):
                    why = check(arguments.binary, corpus / case["name"], exporter)
                    failed += why.startswith("FAILED")
                    print(f"{name}: {why}", flush=True)
    sys.exit(1 if failed else 0)


def check(binary, folder, exporter):
    read = lambda name: np.load(folder / f"{name}.npy")
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "grad.onnx"
        line = "\t".join([str(folder / f"{exporter}.onnx"), str(path), "image", "logits"]) + "\n"
        run = subprocess.run([binary], input=line, text=True, stdout=subprocess.PIPE, check=True)
        verdict, why = run.stdout.rstrip("\n").split("\t", 1)
        if verdict != "ok":
            return f"FAILED: {verdict}: {why}"
        graph = onnx.load(path)
        growth = path.stat().st_size / (folder / f"{exporter}.onnx").stat().st_size - 1
    inputs = {"image": read("image").astype(np.float64), "cotangent": read("cotangent").astype(np.float64)}
    try:
        evaluator = ReferenceEvaluator(widened(graph), new_ops=[*REPAIRS, Conv, ConvTranspose])
        logits, grad = evaluator.run(["logits", "grad"], inputs)
    except Exception as error:  # whatever the reference implementation raises
        return f"FAILED: reference evaluator: {type(error).__name__}: {error}"
    off = relative(logits, read("logits")), relative(grad, read("grad"))
    good = max(off) < EXACT
    return f"{'' if good else 'FAILED: '}logits {off[0]:.1e} off, gradient {off[1]:.1e}; the file grew by {100 * growth:.2f} %"


if __name__ == "__main__":
    main()
