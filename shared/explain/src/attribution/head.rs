use ndarray::{Array2, Axis, Ix2};

use super::layout::Layout;
use super::{AttributionError, Signature};
use onnx_edit::pb::{NodeProto, TensorProto};
use onnx_edit::{Attributes, Model, floats, ints};

/// A classifier's head where it is global average pooling and one linear layer: what CAM needs.
pub(super) struct LinearHead {
    /// The value that is pooled.
    pub(super) features: String,
    /// The order of its axes.
    pub(super) layout: Layout,
    /// `[K, C]`: how much each channel's mean counts for each logit.
    pub(super) weights: Array2<f32>,
}

/// Reads the head from the logits upwards: an added bias, one `Gemm` or `MatMul` with constant weights, whatever only
/// flattens (`Flatten`, `Reshape`, `Squeeze`, `Identity`, `Dropout`), and `GlobalAveragePool` or a `ReduceMean` over height
/// and width.
pub(super) fn linear_head(
    model: &Model,
    signature: &Signature,
) -> Result<LinearHead, AttributionError> {
    let refuse = |why: String| AttributionError::NoLinearHead { why };
    let walk = Walk { model };
    let mut node = walk.maker(&signature.output).map_err(refuse)?;
    if node.op_type == "Add" {
        let summand = node.input.iter().find(|name| walk.constant(name).is_none());
        node = walk
            .maker(summand.map_or("", |name| &name[..]))
            .map_err(refuse)?;
    }
    let weights = walk.weights(node, signature.classes)?;
    let mut pooled = node.input.first();
    let layout = loop {
        node = walk
            .maker(pooled.map_or("", |name| &name[..]))
            .map_err(refuse)?;
        match &node.op_type[..] {
            "Flatten" | "Reshape" | "Squeeze" | "Identity" | "Dropout" => {
                pooled = node.input.first()
            }
            "GlobalAveragePool" => break Layout::ChannelsFirst,
            op => {
                let mean = if op == "ReduceMean" {
                    walk.global_mean(node)?
                } else {
                    None
                };
                let between = || told(node, "stands between pooling and linear layer");
                break mean.ok_or_else(|| refuse(between()))?;
            }
        }
    };
    Ok(LinearHead {
        layout,
        features: node.input.first().cloned().unwrap_or_default(),
        weights,
    })
}

struct Walk<'a> {
    model: &'a Model,
}

impl<'a> Walk<'a> {
    fn maker(&self, value: &str) -> Result<&'a NodeProto, String> {
        let nodes = &self.model.graph().node;
        let found = nodes
            .iter()
            .find(|node| node.output.iter().any(|name| name == value));
        found.ok_or_else(|| format!("no node makes `{value}`"))
    }

    /// The tensor of a value that does not depend on the input.
    fn constant(&self, value: &str) -> Option<&'a TensorProto> {
        self.model.initializer(value).or_else(|| {
            let node = self
                .maker(value)
                .ok()
                .filter(|node| node.op_type == "Constant")?;
            Attributes(node).tensor("value").ok().flatten()
        })
    }

    /// The weights `[K, C]` of a linear layer.
    fn weights(&self, node: &NodeProto, classes: usize) -> Result<Array2<f32>, AttributionError> {
        let refuse = |why: &str| AttributionError::NoLinearHead {
            why: told(node, why),
        };
        let attributes = Attributes(node);
        let (scale, transposed) = match &node.op_type[..] {
            "Gemm" if attributes.int("transA", 0)? == 0 => (
                attributes.float("alpha", 1.0)?,
                attributes.int("transB", 0)? != 0,
            ),
            "MatMul" => (1.0, false),
            _ => return Err(refuse("makes the logits and is not a linear layer")),
        };
        let tensor = node.input.get(1).and_then(|name| self.constant(name));
        let tensor = tensor.ok_or_else(|| refuse("has weights that are not constant"))?;
        let matrix = floats(tensor)?.into_dimensionality::<Ix2>();
        let mut matrix = matrix.map_err(|_| refuse("has weights that are not a matrix"))?;
        if !transposed {
            matrix = matrix.reversed_axes();
        }
        if matrix.len_of(Axis(0)) != classes {
            return Err(refuse("does not have a row of weights per class"));
        }
        Ok(matrix * scale)
    }

    /// The layout of what a mean runs over, if that is height and width and nothing else.
    fn global_mean(&self, node: &NodeProto) -> Result<Option<Layout>, AttributionError> {
        let mut axes: Vec<i64> = match Attributes(node).ints("axes")? {
            Some(axes) => axes.to_vec(),
            None => match node.input.get(1).and_then(|name| self.constant(name)) {
                Some(tensor) => ints(tensor)?.into_iter().collect(),
                None => vec![],
            },
        };
        for axis in axes.iter_mut().filter(|axis| **axis < 0) {
            *axis += 4;
        }
        axes.sort_unstable();
        Ok(match axes[..] {
            [2, 3] => Some(Layout::ChannelsFirst),
            [1, 2] => Some(Layout::ChannelsLast),
            _ => None,
        })
    }
}

fn told(node: &NodeProto, what: &str) -> String {
    format!(
        "{} (node `{}`) {what}",
        node.op_type,
        onnx_edit::node_name(node)
    )
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;
    use onnx_edit::{Dim, GraphBuilder};

    fn graph() -> GraphBuilder {
        let mut graph = GraphBuilder::new("head");
        graph.input("image", &[1, 3, 4, 4].map(Dim::Known));
        graph
    }

    fn head(mut graph: GraphBuilder, logits: &str) -> Result<LinearHead, String> {
        graph.output(logits, Some(&[Dim::Known(1), Dim::Known(2)]));
        let model = graph.finish().unwrap();
        let signature = Signature::of(&model, None).unwrap();
        linear_head(&model, &signature).map_err(|error| error.to_string())
    }

    #[test]
    fn the_weights_are_read_in_every_usual_form() {
        let weights = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        for form in ["Gemm transB", "Gemm", "MatMul and Add"] {
            let mut graph = graph();
            let relu = graph.node("Relu", "relu", &["image"], []);
            let pooled = if form == "Gemm" {
                graph.node("GlobalAveragePool", "pool", &[&relu], [])
            } else {
                graph.node("ReduceMean", "pool", &[&relu], [("axes", [-1, 2].into())])
            };
            let flat = graph.node("Flatten", "flat", &[&pooled], []);
            let flat = graph.node("Dropout", "drop", &[&flat], []);
            let logits = match form {
                "Gemm transB" => {
                    let w = graph.floats("w", &weights.clone().into_dyn());
                    let how = [("transB", 1.into()), ("alpha", 0.5.into())];
                    graph.node("Gemm", "logits", &[&flat, &w], how)
                }
                "Gemm" => {
                    let w = graph.floats("w", &weights.t().to_owned().into_dyn());
                    graph.node("Gemm", "logits", &[&flat, &w], [])
                }
                _ => {
                    let w = graph.floats("w", &weights.t().to_owned().into_dyn());
                    let b = graph.floats("b", &arr2(&[[1.0, 1.0]]).into_dyn());
                    let product = graph.node("MatMul", "product", &[&flat, &w], []);
                    graph.node("Add", "logits", &[&b, &product], [])
                }
            };
            let found = head(graph, &logits).unwrap();
            assert_eq!(found.features, "relu", "{form}");
            let scale = if form == "Gemm transB" { 0.5 } else { 1.0 };
            assert_eq!(found.weights, &weights * scale, "{form}");
        }
    }

    #[test]
    fn another_head_is_refused_with_the_reason() {
        let mut hidden = graph();
        let pooled = hidden.node("GlobalAveragePool", "pool", &["image"], []);
        let flat = hidden.node("Flatten", "flat", &[&pooled], []);
        let relu = hidden.node("Relu", "hidden", &[&flat], []);
        let w = hidden.floats("w", &arr2(&[[1.0; 2]; 3]).into_dyn());
        let logits = hidden.node("Gemm", "logits", &[&relu, &w], []);
        let error = head(hidden, &logits).err().unwrap();
        assert!(
            error.contains("Relu (node `hidden`) stands between"),
            "{error}"
        );

        let mut convolution = graph();
        let w = convolution.floats("w", &ndarray::ArrayD::zeros(vec![2, 3, 1, 1]));
        let maps = convolution.node("Conv", "conv", &["image", &w], []);
        let pooled = convolution.node("GlobalAveragePool", "pool", &[&maps], []);
        let logits = convolution.node("Flatten", "logits", &[&pooled], []);
        let error = head(convolution, &logits).err().unwrap();
        assert!(
            error.contains("Flatten (node `logits`) makes the logits"),
            "{error}"
        );
    }
}
