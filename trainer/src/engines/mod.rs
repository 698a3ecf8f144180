//! Engines beside tract: ONNX Runtime.
