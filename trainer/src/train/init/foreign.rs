//! Graphs that nobody here has exported: what of them a training changes.

use pellucid_shared::onnx::Model;
use pellucid_shared::said;

use crate::torch::survey;

/// What a foreign graph's training changes, and what it leaves as it is.
pub(super) fn what_is_learnt(model: &Model) -> Vec<String> {
    let survey = survey(model);
    let mut told = vec![format!(
        "learnt: {} numbers in {} tensors",
        survey.learnt, survey.tensors
    )];
    if !survey.fixed.is_empty() {
        let names = said::names(survey.fixed.iter().map(|name| &name[..]));
        told.push(format!("not learnt: {names}"));
    }
    let normalized = |op: &str| op.ends_with("Normalization");
    let nodes = &model.graph().node;
    let convolutions = nodes.iter().filter(|node| node.op_type == "Conv").count();
    if convolutions > 0 && !nodes.iter().any(|node| normalized(&node.op_type)) {
        told.push(format!(
            "no normalization beside {convolutions} convolutions: if the network had batch normalizations, its exporter has folded them away, and their statistics do not adapt"
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2};
    use pellucid_shared::onnx::{Dim, GraphBuilder};

    #[test]
    fn what_is_learnt_and_what_is_not_is_told() {
        let mut graph = GraphBuilder::new("scores");
        let x = graph.input("x", &[Dim::Named("N".into()), Dim::Known(4)]);
        let means = graph.floats("means", &Array1::from_elem(4, 0.5).into_dyn());
        let x = graph.node("Sub", "shifted", &[&x, &means], []);
        let weights = graph.floats("weights", &Array2::ones((4, 3)).into_dyn());
        let product = graph.node("MatMul", "product", &[&x, &weights], []);
        let bias = graph.floats("bias", &Array1::zeros(3).into_dyn());
        let y = graph.node("Add", "y", &[&product, &bias], []);
        graph.output(&y, None);
        let told = what_is_learnt(&graph.finish().unwrap());
        assert_eq!(
            told,
            ["learnt: 15 numbers in 2 tensors", "not learnt: means"]
        );
    }
}
