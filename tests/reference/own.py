"""Tests of operators that ONNX's node tests leave out in float32, in the layout of ONNX's tests.

Their outputs are those of ONNX's reference evaluator, and their slopes are measured like those of all the others.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from repairs import REPAIRS

OPSET = 17


def write_tests(folder):
    """Writes every test below `folder`; returns their folders."""
    return [write(folder / f"own_{name}", nodes, inputs) for name, nodes, inputs in tests()]


def tests():
    """Name, nodes from `x` (and constants) to `y`, and the inputs."""
    rng = np.random.default_rng(0)
    image = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    matrices = rng.standard_normal((2, 3, 4)).astype(np.float32)
    one = lambda op, *more, **attributes: [helper.make_node(op, ["x", *more], ["y"], **attributes)]
    for reverse in (0, 1):
        for exclusive in (0, 1):
            yield (
                f"cumsum_{reverse}{exclusive}",
                one("CumSum", "axis", reverse=reverse, exclusive=exclusive),
                {"x": matrices, "axis": np.array(1, np.int64)},
            )
    for upper in (0, 1):
        yield f"trilu_{upper}", one("Trilu", "k", upper=upper), {"x": matrices, "k": np.array(1, np.int64)}
    for keepdims in (0, 1):
        yield f"reduce_log_sum_exp_{keepdims}", one("ReduceLogSumExp", axes=[1, 3], keepdims=keepdims), {"x": image}
    for p in (1, 2):
        # The evaluator forgets that the 1-norm is one of absolute values.
        x = image if p == 2 else np.abs(image) + np.float32(0.1)
        yield f"lp_normalization_{p}", one("LpNormalization", axis=1, p=p), {"x": x}
        yield f"global_lp_pool_{p}", one("GlobalLpPool", p=p), {"x": image}
    yield "mean_variance_normalization", one("MeanVarianceNormalization", axes=[0, 2, 3]), {"x": image}
    yield (
        "cast",
        [
            helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.DOUBLE),
            helper.make_node("Cast", ["wide"], ["y"], to=TensorProto.FLOAT),
        ],
        {"x": matrices},
    )
    for name, x, weights, attributes in (
        ("conv_1d", (2, 4, 9), (6, 2, 3), {"group": 2, "dilations": [2], "pads": [1, 3]}),
        ("conv_1d_strided", (2, 4, 9), (6, 4, 3), {"strides": [2], "pads": [1, 0]}),
        ("conv_3d", (1, 2, 3, 4, 5), (4, 1, 2, 3, 2), {"group": 2, "pads": [1, 0, 1, 0, 1, 0]}),
    ):
        draw = lambda shape: rng.standard_normal(shape).astype(np.float32)
        yield name, one("Conv", "w", **attributes), {"x": draw(x), "w": draw(weights)}
    for name, equation, shapes in (
        ("batch", "bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
        ("positions", "bhwc,hkc->bhwk", [(2, 3, 4, 5), (3, 2, 5)]),
        ("diagonal", "ii->i", [(4, 4)]),
        ("sum", "bi,bj->", [(2, 3), (2, 4)]),
    ):
        inputs = dict(zip("xz", (rng.standard_normal(shape).astype(np.float32) for shape in shapes)))
        yield f"einsum_{name}", [helper.make_node("Einsum", list(inputs), ["y"], equation=equation)], inputs


def write(folder, nodes, inputs):
    """One test's folder with its model, inputs and output."""
    values = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for name, x in inputs.items()]
    opset = [helper.make_opsetid("", OPSET)]

    def model(shape):
        output = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
        graph = helper.make_graph(nodes, folder.name, values, [output])
        return helper.make_model(graph, opset_imports=opset, ir_version=8)

    y = np.asarray(ReferenceEvaluator(model(None), new_ops=list(REPAIRS)).run(None, inputs)[0], np.float32)
    checked = model(y.shape)
    onnx.checker.check_model(checked)
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    onnx.save(checked, folder / "model.onnx")
    files = {f"input_{index}": x for index, x in enumerate(inputs.values())} | {"output_0": y}
    for name, array in files.items():
        onnx.save_tensor(numpy_helper.from_array(array), data / f"{name}.pb")
    return folder
