"""Checks the differentiator over the corpus of single operators that `nodes.py` makes.

    cargo build --example differentiate
    .pellucid/reference/bin/python tests/reference/check_nodes.py [--only REGEX] [--failures] [--json FILE]

Every case is differentiated, and the differentiated graph is

- evaluated in float64 by ONNX's reference evaluator: the gradient must match the slopes to 1e-6 relative;
- run in float32 by ONNX Runtime: the gradient must match the one in float64 to rounding.

What fails and does not stand in `known.json`, with the reason, fails the check; so does what stands there and no longer fails.

The table has a row per operator. `--only` looks at the name of a case (`test_conv_with_strides_padding.x.y`) and at its
operators (`Conv`).
"""

import argparse
import collections
import json
import multiprocessing
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
import onnxruntime

from double import evaluator

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# What the project promises against central differences in float64.
EXACT = 1e-6
# Float32 rounding of single operators, of which some cancel (variances, softmax).
ROUNDING = 1e-4
# A row of the table, in this order.
VERDICTS = ["passed", "failed", "refused", "no rule", "zero", "ort no"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="only cases whose name or operator matches this regular expression")
    parser.add_argument("--failures", action="store_true", help="no table, only what did not pass")
    parser.add_argument("--json", type=pathlib.Path, help="write every verdict to this file")
    parser.add_argument("--corpus", type=pathlib.Path, default=ROOT / ".pellucid/nodes")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/debug/examples/differentiate")
    parser.add_argument("--keep", type=pathlib.Path, help="leave the differentiated graphs in this folder")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    arguments = parser.parse_args()
    cases = json.loads((arguments.corpus / "index.json").read_text())["cases"]
    wanted = lambda case: any(re.search(arguments.only, name) for name in [case["name"], *case["operators"]])
    cases = [case for case in cases if "reason" not in case and wanted(case)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        answers = differentiate(arguments.binary, cases, arguments.corpus, folder)
        work = [(case, answer, arguments.corpus, folder) for case, answer in zip(cases, answers)]
        with multiprocessing.Pool(arguments.processes) as pool:
            results = pool.map(judge, work, chunksize=8)
    excused = known("float64")
    unexpected = [result["name"] for result in results if result["verdict"] == "failed" and not excused(result["name"])]
    mended = [result["name"] for result in results if result["verdict"] != "failed" and excused(result["name"])]
    for result in results:
        if result["verdict"] in ("failed", "refused") or "ort" in result:
            print(f"{result['name']} {result['verdict']}: {result.get('why') or 'ONNX Runtime: ' + result['ort']}")
    if not arguments.failures:
        print(table(results))
    counts = collections.Counter(result["verdict"] for result in results)
    print(", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]) or "no case is named so")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    for name in unexpected:
        print(f"{name} failed, and known.json gives no reason for it")
    for name in mended:
        print(f"{name} does not fail any more: take it out of known.json")
    sys.exit(1 if unexpected or mended else 0)


def known(precision):
    """Whether a case is known to fail in this precision. `known.json` names cases, or tests with all of their cases."""
    entries = json.loads((HERE / "known.json").read_text())
    names = {name for entry in entries if precision in entry["fails"] for name in entry["cases"]}
    return lambda case: case in names or case.split(".")[0] in names


def differentiate(binary, cases, corpus, folder):
    """The differentiator's answer to every case: `ok`, `no rule`, `no path`, `refused` or `failed`, and why."""
    lines = [
        "\t".join([str(corpus / case["name"] / "model.onnx"), str(folder / f"{case['name']}.onnx"), case["input"], case["output"]])
        for case in cases
    ]
    run = subprocess.run([binary], input="\n".join(lines) + "\n", text=True, stdout=subprocess.PIPE, check=False)
    answers = [line.split("\t", 1) for line in run.stdout.splitlines()]
    if run.returncode != 0 or len(answers) != len(cases):
        stopped = cases[len(answers)]["name"] if len(answers) < len(cases) else "the end"
        raise SystemExit(f"{binary} ended with {run.returncode} at {stopped}")
    return answers


def judge(work):
    """One case's verdict."""
    case, (answer, why), corpus, folder = work
    warnings.simplefilter("ignore")
    result = {"name": case["name"], "test": case["test"], "operators": case["operators"]}
    if answer == "no rule":
        return result | {"verdict": "no rule", "why": why}
    if answer == "no path" and case["zero"]:
        return result | {"verdict": "zero"}
    if answer == "refused":
        return result | {"verdict": "refused", "why": why}
    if answer != "ok":
        return result | {"verdict": "failed", "why": f"{answer}: {why}"}
    read = lambda name: np.load(corpus / case["name"] / f"{name}.npy")
    inputs = {case["input"]: read("input"), "cotangent": read("cotangent")}
    graph = onnx.load(folder / f"{case['name']}.onnx")
    try:
        exact = float64_gradient(graph, inputs)
        off = slopes_off(exact, read("directions"), read("slopes"))
    except Exception as error:  # whatever the reference implementation raises
        return result | {"verdict": "failed", "why": f"reference evaluator: {type(error).__name__}: {error}"[:400]}
    result["off"] = off
    if not off < EXACT:
        return result | {"verdict": "failed", "why": f"gradient is {off:.1e} off"}
    result["verdict"] = "passed"
    try:
        rough = float32_gradient(graph, inputs)
    except Exception as error:
        return result | {"ort": f"{type(error).__name__}: {error}".replace("\n", " ")[:300]}
    distance = relative(rough, exact)
    if not distance < ROUNDING:
        result["ort"] = f"gradient is {distance:.1e} off float64's"
    return result


def float64_gradient(graph, inputs):
    return evaluator(graph).run(["grad"], {name: x.astype(np.float64) for name, x in inputs.items()})[0]


def float32_gradient(graph, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(["grad"], inputs)[0]


def slopes_off(gradient, along, slopes):
    """How far the gradient's slopes are from the measured ones."""
    if gradient.shape != along.shape[1:]:
        raise ValueError(f"the gradient has the shape {list(gradient.shape)}, not {list(along.shape[1:])}")
    return relative(along.reshape(len(along), -1).astype(np.float64) @ gradient.reshape(-1), slopes)


def relative(found, truth):
    """`‖found − truth‖ / ‖truth‖`, or the plain distance where the truth vanishes but for rounding."""
    distance, size = np.linalg.norm(found.astype(np.float64) - truth), np.linalg.norm(truth)
    return float(distance / size) if size > 1e-9 else float(distance)


def table(results):
    """A row per operator; tests of several nodes (functions written out) are counted for their own sake."""
    rows = collections.defaultdict(collections.Counter)
    for result in results:
        row = rows[result["operators"][0] if len(result["operators"]) == 1 else "(several nodes)"]
        row[result["verdict"]] += 1
        row["ort no"] += "ort" in result
    width = max(map(len, rows), default=0)
    lines = [f"{'operator':{width}}  " + "  ".join(f"{verdict:>7}" for verdict in VERDICTS)]
    for name, row in sorted(rows.items()):
        lines.append(f"{name:{width}}  " + "  ".join(f"{row[verdict] or '':>7}" for verdict in VERDICTS))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
