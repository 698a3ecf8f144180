"""The float64 copy of an ONNX model: what the truth is computed with, since float32 leaves no digits for differences."""

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from repairs import REPAIRS

# Attributes that name the type which an operator computes in or returns.
TYPE_ATTRIBUTES = {"to", "dtype", "softmax_precision", "output_datatype"}


def widened(model):
    """A copy of `model` in which every float32 is a float64: inputs, outputs, initializers, constants, casts."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    _widen_graph(copy.graph)
    for function in copy.functions:
        for node in function.node:
            _widen_node(node)
    return copy


def evaluator(model):
    """ONNX's own executable specification, but for a few repairs, over the float64 copy of `model`."""
    return ReferenceEvaluator(widened(model), new_ops=list(REPAIRS))


def _widen_graph(graph):
    for tensor in graph.initializer:
        _widen_tensor(tensor)
    for value in [*graph.input, *graph.output, *graph.value_info]:
        kind = value.type.tensor_type
        if kind.elem_type == TensorProto.FLOAT:
            kind.elem_type = TensorProto.DOUBLE
    for node in graph.node:
        _widen_node(node)


def _widen_node(node):
    for attribute in node.attribute:
        if attribute.type == AttributeProto.TENSOR:
            _widen_tensor(attribute.t)
        elif attribute.type == AttributeProto.GRAPH:
            _widen_graph(attribute.g)
        elif attribute.name in TYPE_ATTRIBUTES and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.DOUBLE
        elif node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
            scalar = attribute.name == "value_float"
            values = np.array(attribute.f if scalar else list(attribute.floats), np.float64)
            attribute.CopyFrom(helper.make_attribute("value", numpy_helper.from_array(values)))


    if node.op_type == "ConstantOfShape" and not node.attribute:
        # Its default is a float32 zero.
        node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(np.zeros(1))))


def _widen_tensor(tensor):
    if tensor.data_type == TensorProto.FLOAT:
        wide = numpy_helper.to_array(tensor).astype(np.float64)
        tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
