"""Makes the corpus of single operators: ONNX's own backend node tests, with slopes measured by finite differences.

The tests come with the Python package `onnx` (onnx/backend/test/data/node): for every operator and nearly every use of
its attributes a small model with its inputs and outputs, written by the people who wrote the specification. `own.py` adds
what they leave out in float32. Every pair of
a float32 input and a float32 output makes a case: the other inputs become initializers, as weights, axes and shapes are
in real files; a random cotangent is drawn; and the slopes of cotangent · output are measured in float64.

    nodes.py --out FOLDER [--only REGEX] [--processes N]

writes `index.json` and, for every case, a folder with `model.onnx`, `input.npy`, `cotangent.npy` and `output.npy` (float32),
`directions.npy` (int8, `[k, *shape]`) and `slopes.npy` (float64, `[k]`).
"""

import argparse
import json
import multiprocessing
import pathlib
import re
import tempfile
import warnings
import zlib

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

import differences
import own
from double import evaluator

TESTS = pathlib.Path(onnx.__file__).parent / "backend/test/data/node"
# How often a point with a kink is moved a little before the case is given up.
ATTEMPTS = 6

# Inputs that say how an operator works rather than what flows through it. Their gradient is zero or has no meaning.
STEERING = {
    ("Resize", "roi"), ("Resize", "scales"), ("Upsample", "scales"), ("Dropout", "r"), ("Dropout", "ratio"),
    ("RoiAlign", "rois"), ("Attention", "attn_mask"),
}  # fmt: skip


class NoCase(Exception):
    """Why a test makes no case."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder to write")
    parser.add_argument("--only", default="", help="only tests whose name matches this regular expression")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    entries = []
    with tempfile.TemporaryDirectory() as scratch, multiprocessing.Pool(arguments.processes) as pool:
        tests = [path.parent for path in TESTS.glob("*/model.onnx")] + own.write_tests(pathlib.Path(scratch))
        tests = sorted(test for test in tests if wanted(test.name, arguments.only))
        work = [(test, arguments.out) for test in tests]
        for done, found in enumerate(pool.imap_unordered(cases_of_test, work, chunksize=4), 1):
            entries += found
            if done % 100 == 0 or done == len(work):
                print(f"{done} of {len(work)} node tests", flush=True)
    entries.sort(key=lambda entry: entry["name"])
    index = {"onnx": onnx.__version__, "cases": entries}
    (arguments.out / "index.json").write_text(json.dumps(index, indent=1))
    made = sum("reason" not in entry for entry in entries)
    print(f"{made} cases from {len(tests)} node tests; {len(entries) - made} pairs of input and output have no gradient")


def wanted(name, only):
    """Whether a test is looked at: what computes differently while training is not a classifier's business."""
    return re.search(only, name) and not re.search("training_mode|training_dropout|train_dropout", name)


def cases_of_test(work):
    """Every case of one test, written; their entries in the index."""
    test, out = work
    warnings.simplefilter("ignore")
    model = onnx.load(test / "model.onnx")
    entries = []
    if all(used.domain not in ("", "ai.onnx") for used in model.opset_import):
        # Tree ensembles, optimizers: not of the standard domain.
        return entries
    for source in floats(model.graph.input):
        for target in floats(model.graph.output):
            entry = {
                "name": f"{test.name}.{source.name}.{target.name}",
                "test": test.name,
                "operators": operators(model),
                "input": source.name,
                "output": target.name,
            }
            try:
                entry |= make(test, model, source.name, target.name, out / entry["name"])
            except NoCase as why:
                entry["reason"] = str(why)
            entries.append(entry)
    return entries


def floats(values):
    return [value for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT]


def operators(model):
    """The operators of the main graph, those of other domains with their domain."""
    domain = lambda node: f"{node.domain}." if node.domain not in ("", "ai.onnx") else ""
    return sorted({domain(node) + node.op_type for node in model.graph.node})


def make(test, model, source, target, folder):
    """Writes one case. Returns what the index says about it beside its names."""
    if any((operator, source) in STEERING for operator in operators(model)):
        raise NoCase("the input steers the operator")
    case, point, expected = with_one_input(test, model, source, target)
    if point.size == 0:
        raise NoCase("the input is empty")
    rng = np.random.default_rng(zlib.crc32(folder.name.encode()))
    try:
        run = evaluator(case).run
        value = lambda x: np.asarray(run([target], {source: x})[0])
        again, first = value(point.astype(np.float64)), value(point.astype(np.float64))
    except Exception as error:  # whatever the reference implementation raises
        raise NoCase(f"the reference evaluator fails: {type(error).__name__}: {error}"[:200]) from None
    if first.dtype != np.float64:
        raise NoCase(f"the output is {first.dtype} in float64")
    if not np.array_equal(first, again, equal_nan=True):
        raise NoCase("the output is random")
    if first.size == 0:
        raise NoCase("the output is empty")
    if first.shape != expected.shape or not np.allclose(first, expected, rtol=1e-3, atol=1e-5, equal_nan=True):
        raise NoCase("the reference evaluator does not give the output that the test expects")
    cotangent = rng.uniform(-1, 1, first.shape).astype(np.float32)
    along = differences.directions(point.shape, rng)
    point, slopes, moved = smooth_point(value, point, cotangent, along, rng)
    folder.mkdir(exist_ok=True)
    onnx.save(case, folder / "model.onnx")
    arrays = {"input": point, "cotangent": cotangent, "output": value(point.astype(np.float64)).astype(np.float32)}
    for name, array in (arrays | {"directions": along, "slopes": slopes}).items():
        # The loader of numpy arrays in Rust knows row-major order best.
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array).reshape(np.shape(array)))
    return {"moved": moved, "zero": bool(np.all(slopes == 0))}


def with_one_input(test, model, source, target):
    """The model with every input but `source` as an initializer of the test's value; the values of `source` and `target`."""
    case = onnx.ModelProto()
    case.CopyFrom(model)
    # Before IR version 4 initializers had to be inputs as well.
    case.ir_version = max(case.ir_version, 8)
    point = None
    for index, value in enumerate(model.graph.input):
        path = test / f"test_data_set_0/input_{index}.pb"
        if not value.type.HasField("tensor_type"):
            raise NoCase("an input is no tensor")
        if not path.exists():
            raise NoCase("the test comes without inputs")
        tensor = onnx.load_tensor(path)
        if value.name == source:
            point = numpy_helper.to_array(tensor)
        else:
            tensor.name = value.name
            case.graph.initializer.append(tensor)
    del case.graph.input[:]
    case.graph.input.extend(value for value in model.graph.input if value.name == source)
    index = [value.name for value in model.graph.output].index(target)
    expected = numpy_helper.to_array(onnx.load_tensor(test / f"test_data_set_0/output_{index}.pb"))
    return case, point, expected


def smooth_point(value, point, cotangent, along, rng):
    """A point at or near `point` where the output is smooth, the slopes there, and whether it had to be moved."""
    weights = cotangent.astype(np.float64)

    def function(x):
        output = value(x)
        if output.shape != weights.shape:
            raise differences.Kink("the output's shape depends on the input's values")
        return float(np.sum(weights * output))

    why = None
    for attempt in range(ATTEMPTS):
        size = 0.02 * max(1.0, float(np.std(point))) * (attempt > 0)
        there = (point + size * rng.standard_normal(point.shape)).astype(np.float32)
        try:
            return there, differences.slopes(function, there.astype(np.float64), along), attempt > 0
        except differences.Kink as kink:
            why = kink
        except Exception as error:  # whatever the reference implementation raises
            why = f"{type(error).__name__}: {error}"[:200]
    raise NoCase(f"not smooth: {why}")


if __name__ == "__main__":
    main()
