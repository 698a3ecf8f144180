//! The graph in tract's own protobuf types. Weights are moved, not copied.
//!
//! What tract has no field for does not change what it computes: metadata, how a graph is spread over devices, types other than
//! a tensor's.

use onnx_edit::pb;
use tract_onnx::pb as tract;

pub(super) fn model(model: pb::ModelProto) -> tract::ModelProto {
    tract::ModelProto {
        ir_version: model.ir_version,
        opset_import: each(model.opset_import, operator_set),
        producer_name: model.producer_name,
        producer_version: model.producer_version,
        domain: model.domain,
        model_version: model.model_version,
        doc_string: model.doc_string,
        graph: model.graph.map(graph),
        functions: each(model.functions, function),
        metadata_props: vec![],
        training_info: vec![],
    }
}

fn each<A, B>(list: Vec<A>, convert: impl Fn(A) -> B) -> Vec<B> {
    list.into_iter().map(convert).collect()
}

fn operator_set(set: pb::OperatorSetIdProto) -> tract::OperatorSetIdProto {
    tract::OperatorSetIdProto {
        domain: set.domain,
        version: set.version,
    }
}

fn function(function: pb::FunctionProto) -> tract::FunctionProto {
    tract::FunctionProto {
        name: Some(function.name),
        input: function.input,
        output: function.output,
        attribute: function.attribute,
        node: each(function.node, node),
        doc_string: Some(function.doc_string),
        opset_import: each(function.opset_import, operator_set),
        domain: Some(function.domain),
    }
}

fn graph(graph: pb::GraphProto) -> tract::GraphProto {
    tract::GraphProto {
        node: each(graph.node, node),
        name: graph.name,
        initializer: each(graph.initializer, tensor),
        sparse_initializer: each(graph.sparse_initializer, sparse_tensor),
        doc_string: graph.doc_string,
        input: each(graph.input, value),
        output: each(graph.output, value),
        value_info: each(graph.value_info, value),
        quantization_annotation: vec![],
    }
}

fn node(node: pb::NodeProto) -> tract::NodeProto {
    tract::NodeProto {
        input: node.input,
        output: node.output,
        name: node.name,
        op_type: node.op_type,
        domain: node.domain,
        attribute: each(node.attribute, attribute),
        doc_string: node.doc_string,
    }
}

fn attribute(attribute: pb::AttributeProto) -> tract::AttributeProto {
    tract::AttributeProto {
        name: attribute.name,
        ref_attr_name: attribute.ref_attr_name,
        doc_string: attribute.doc_string,
        r#type: attribute.r#type,
        f: attribute.f,
        i: attribute.i,
        s: attribute.s,
        t: attribute.t.map(tensor),
        g: attribute.g.map(graph),
        sparse_tensor: attribute.sparse_tensor.map(sparse_tensor),
        floats: attribute.floats,
        ints: attribute.ints,
        strings: attribute.strings,
        tensors: each(attribute.tensors, tensor),
        graphs: each(attribute.graphs, graph),
        sparse_tensors: each(attribute.sparse_tensors, sparse_tensor),
        type_protos: each(attribute.type_protos, type_of),
    }
}

fn tensor(tensor: pb::TensorProto) -> tract::TensorProto {
    tract::TensorProto {
        dims: tensor.dims,
        data_type: tensor.data_type,
        segment: tensor.segment.map(|segment| tract::tensor_proto::Segment {
            begin: segment.begin,
            end: segment.end,
        }),
        float_data: tensor.float_data,
        int32_data: tensor.int32_data,
        string_data: tensor.string_data,
        int64_data: tensor.int64_data,
        name: tensor.name,
        doc_string: tensor.doc_string,
        raw_data: tensor.raw_data,
        double_data: tensor.double_data,
        uint64_data: tensor.uint64_data,
        // Weights are in memory by now: reading brings them in from other files.
        data_location: None,
        external_data: vec![],
    }
}

fn sparse_tensor(sparse: pb::SparseTensorProto) -> tract::SparseTensorProto {
    tract::SparseTensorProto {
        values: sparse.values.map(tensor),
        indices: sparse.indices.map(tensor),
        dims: sparse.dims,
    }
}

fn value(value: pb::ValueInfoProto) -> tract::ValueInfoProto {
    tract::ValueInfoProto {
        name: value.name,
        r#type: value.r#type.map(type_of),
        doc_string: value.doc_string,
    }
}

fn type_of(kind: pb::TypeProto) -> tract::TypeProto {
    let value = match kind.value {
        Some(pb::type_proto::Value::TensorType(tensor)) => {
            let tensor = tract::type_proto::Tensor {
                elem_type: tensor.elem_type,
                shape: tensor.shape.map(shape),
            };
            Some(tract::type_proto::Value::TensorType(tensor))
        }
        _ => None,
    };
    tract::TypeProto {
        denotation: kind.denotation,
        value,
    }
}

fn shape(shape: pb::TensorShapeProto) -> tract::TensorShapeProto {
    use pb::tensor_shape_proto::dimension::Value as Size;
    use tract::tensor_shape_proto::dimension::Value as TractSize;
    let dimension =
        |dimension: pb::tensor_shape_proto::Dimension| tract::tensor_shape_proto::Dimension {
            denotation: dimension.denotation,
            value: dimension.value.map(|value| match value {
                Size::DimValue(size) => TractSize::DimValue(size),
                Size::DimParam(name) => TractSize::DimParam(name),
            }),
        };
    tract::TensorShapeProto {
        dim: each(shape.dim, dimension),
    }
}
