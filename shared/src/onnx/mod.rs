//! The ONNX graph as a value.
