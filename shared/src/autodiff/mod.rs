//! ONNX to ONNX reverse-mode automatic differentiation.
