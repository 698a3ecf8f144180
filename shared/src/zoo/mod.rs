//! Architectures as functions that return an ONNX graph.
