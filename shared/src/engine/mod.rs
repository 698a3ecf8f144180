//! What runs a graph: named tensors in, named tensors out.
