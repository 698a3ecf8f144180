//! Looking around in a graph: who makes a value, who reads it, what is constant.

use std::collections::{HashMap, HashSet};

use onnx_edit::pb::NodeProto;
use onnx_edit::{Attributes, Model, floats};

/// The nodes of a graph by the values that they make and read.
pub(super) struct Nodes<'a> {
    model: &'a Model,
    makers: HashMap<&'a str, &'a NodeProto>,
    readers: HashMap<&'a str, Vec<&'a NodeProto>>,
}

impl<'a> Nodes<'a> {
    pub(super) fn of(model: &'a Model) -> Self {
        let (mut makers, mut readers) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
        for node in &model.graph().node {
            makers.extend(node.output.iter().map(|name| (&name[..], node)));
            for name in &node.input {
                readers.entry(&name[..]).or_default().push(node);
            }
        }
        Self {
            model,
            makers,
            readers,
        }
    }

    pub(super) fn maker(&self, value: &str) -> Option<&'a NodeProto> {
        self.makers.get(value).copied()
    }

    /// Who reads a value for its numbers: not for its shape.
    pub(super) fn readers(&self, value: &str) -> Vec<&'a NodeProto> {
        let all = self.readers.get(value).map_or(&[][..], |nodes| &nodes[..]);
        let counts = |node: &&&NodeProto| !matches!(&node.op_type[..], "Shape" | "Size");
        all.iter().filter(counts).copied().collect()
    }

    pub(super) fn opset(&self) -> i64 {
        self.model.opset()
    }

    /// The shape of a weight.
    pub(super) fn weight_shape(&self, name: &str) -> Option<Vec<i64>> {
        let tensor = self.model.initializer(name).or_else(|| {
            let maker = self.maker(name).filter(|node| node.op_type == "Constant")?;
            Attributes(maker).tensor("value").ok().flatten()
        })?;
        Some(tensor.dims.clone())
    }

    /// The numbers of a value that does not depend on the input: of an initializer or a `Constant`, also behind nodes that
    /// change no number. One number, or one per channel; `None` for others and where they cannot be read.
    pub(super) fn constant(&self, name: &str) -> Option<Vec<f32>> {
        let mut name = name;
        // Bounded, so that no graph keeps it busy.
        for _ in 0..16 {
            if let Some(tensor) = self.model.initializer(name) {
                return few(floats(tensor).ok()?.into_iter().collect());
            }
            let maker = self.maker(name)?;
            let attributes = Attributes(maker);
            match &maker.op_type[..] {
                "Constant" => {
                    if let Ok(Some(tensor)) = attributes.tensor("value") {
                        return few(floats(tensor).ok()?.into_iter().collect());
                    }
                    if let Ok(Some(list)) = attributes.floats("value_floats") {
                        return few(list.to_vec());
                    }
                    return attributes
                        .has("value_float")
                        .then(|| attributes.float("value_float", 0.0).ok().map(|x| vec![x]))?;
                }
                "Identity" | "Cast" | "Reshape" | "Unsqueeze" | "Squeeze" => {
                    name = maker.input.first()?;
                }
                _ => return None,
            }
        }
        None
    }

    /// Whether a value hangs on another.
    pub(super) fn depends(&self, value: &str, on: &str) -> bool {
        let (mut seen, mut open) = (HashSet::new(), vec![value]);
        while let Some(name) = open.pop() {
            if name == on {
                return true;
            }
            if seen.insert(name)
                && let Some(maker) = self.maker(name)
            {
                open.extend(maker.input.iter().map(|name| &name[..]));
            }
        }
        false
    }
}

/// More numbers than channels are no normalization.
fn few(values: Vec<f32>) -> Option<Vec<f32>> {
    matches!(values.len(), 1 | 3).then_some(values)
}
