//! Unrolling: a `Loop` whose number of iterations is constant becomes as many copies of its body.
//! Source: <https://onnx.ai/onnx/operators/onnx__Loop.html>.

use std::collections::HashMap;

use super::super::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, tensor_proto::DataType,
};
use super::super::rounds::nodes_run;
use super::super::scope::Names;
use super::super::{
    AttributeValue, Attributes, Budget, Model, OnnxError, Shapes, int_tensor, node_name,
};
use super::copies::cost_of_rounds;
use super::identity;

/// A loop is unrolled up to that many iterations: those that exporters write run over the axes of a tensor.
const MOST_ITERATIONS: i64 = 256;

/// How often a `Loop` iterates, where that is constant: its trip count is, and its condition holds from beginning to end.
/// Takes the room that so many copies of its body need; where there is not so much, the loop stays.
pub(super) fn iterations(node: &NodeProto, shapes: &Shapes, budget: &mut Budget) -> Option<i64> {
    let trips = match shapes.constant(node.input.first()?) {
        Some(&[trips]) => trips.max(0),
        _ => return None,
    };
    let condition = node.input.get(1).map_or("", |name| &name[..]);
    let starts = condition.is_empty() || shapes.constant(condition).is_some_and(|c| c == [1]);
    let body = Attributes(node).graph("body").ok().flatten()?;
    let passed_on = passes_on(body, &body.input.get(1)?.name, &body.output.first()?.name);
    // A loop within that is too long for it will stay, and no gradient passes that: copies around it would be of no use.
    let known = |name: &str| match shapes.constant(name) {
        Some(&[value]) => Some(value),
        _ => None,
    };
    let constant = starts
        && passed_on
        && (1..=MOST_ITERATIONS).contains(&trips)
        && nodes_run(node, &known) <= budget.left().nodes;
    if !constant {
        return None;
    }
    budget.take(cost_of_rounds(body, trips as usize, &node_name(node))?)?;
    Some(trips)
}

/// Whether an output of a graph is an input, but for `Identity`.
fn passes_on(graph: &GraphProto, input: &str, output: &str) -> bool {
    let mut value = output;
    for node in graph.node.iter().rev() {
        if node.op_type == "Identity" && node.output.iter().any(|made| made == value) {
            value = node.input.first().map_or("", |name| &name[..]);
        }
    }
    value == input
}

/// The graph that a `Loop` is unrolled into.
pub(super) struct Unrolling<'a> {
    pub(super) opset: i64,
    pub(super) names: &'a mut Names,
    pub(super) out: &'a mut Vec<NodeProto>,
    pub(super) weights: &'a mut Vec<TensorProto>,
}

impl Unrolling<'_> {
    /// Puts `iterations` copies of the body in the place of a `Loop`.
    ///
    /// # Errors
    /// [`OnnxError::Node`] where the body does not fit the loop.
    pub(super) fn unroll(&mut self, mut node: NodeProto, iterations: i64) -> Result<(), OnnxError> {
        let prefix = node_name(&node);
        let body = node.attribute.iter_mut().find(|a| a.name == "body");
        let Some(mut body) = body.and_then(|a| a.g.take()) else {
            return Err(Model::node_error(&node, "its `body` is missing"));
        };
        let carried = node.input.len().saturating_sub(2);
        if body.input.len() != 2 + carried
            || body.output.len() != 1 + node.output.len()
            || node.output.len() < carried
        {
            let why = "its body has a different number of inputs or outputs";
            return Err(Model::node_error(&node, why));
        }
        let mut around = HashMap::new();
        for mut tensor in std::mem::take(&mut body.initializer) {
            let name = self.names.fresh(&prefix, &tensor.name);
            around.insert(std::mem::replace(&mut tensor.name, name.clone()), name);
            self.weights.push(tensor);
        }
        let always = self.names.fresh(&prefix, "condition");
        self.weights.push(TensorProto {
            name: always.clone(),
            data_type: DataType::Bool as i32,
            raw_data: vec![1],
            ..TensorProto::default()
        });

        let mut state: Vec<String> = node.input.iter().skip(2).cloned().collect();
        let mut scanned = vec![vec![]; node.output.len() - carried];
        for iteration in 0..iterations {
            let mut map = around.clone();
            let number = self.names.fresh(&prefix, "iteration");
            let mut tensor = int_tensor(&number, &[iteration]);
            tensor.dims.clear();
            self.weights.push(tensor);
            let values = [number, always.clone()].into_iter().chain(state);
            map.extend(
                body.input
                    .iter()
                    .map(|input| input.name.clone())
                    .zip(values),
            );
            // What the body makes hides what is called so outside.
            for inner in &body.node {
                let mut inner = inner.clone();
                self.names.rename(&mut inner, &prefix, &mut map);
                self.out.push(inner);
            }
            let mut results = body.output[1..].iter().map(|output| {
                let name = map.get(&output.name).unwrap_or(&output.name);
                name.clone()
            });
            state = results.by_ref().take(carried).collect();
            for (scans, result) in scanned.iter_mut().zip(results) {
                scans.push(result);
            }
        }
        for (from, to) in state
            .iter()
            .zip(&node.output)
            .filter(|(_, to)| !to.is_empty())
        {
            self.out
                .push(identity(self.names.fresh(&prefix, "Identity"), from, to));
        }
        for (scans, to) in scanned.iter().zip(&node.output[carried..]) {
            if !to.is_empty() {
                let rows = self.unsqueezed(scans, &prefix);
                let name = self.names.fresh(&prefix, "Concat");
                let axis = vec![AttributeValue::from(0_i64).named("axis")];
                self.out.push(step("Concat", name, rows, to, axis));
            }
        }
        Ok(())
    }

    /// Values with a new first axis each.
    fn unsqueezed(&mut self, values: &[String], prefix: &str) -> Vec<String> {
        // The axes became an input with operator set 13.
        let (mut axes, mut attributes) = (vec![], vec![]);
        if self.opset < 13 {
            attributes.push(AttributeValue::from(vec![0]).named("axes"));
        } else {
            let name = self.names.fresh(prefix, "axes");
            self.weights.push(int_tensor(&name, &[0]));
            axes.push(name);
        }
        let mut rows = vec![];
        for value in values {
            let row = self.names.fresh(prefix, "Unsqueeze");
            let inputs = [&[value.clone()][..], &axes].concat();
            self.out.push(step(
                "Unsqueeze",
                row.clone(),
                inputs,
                &row,
                attributes.clone(),
            ));
            rows.push(row);
        }
        rows
    }
}

fn step(
    op: &str,
    name: String,
    input: Vec<String>,
    output: &str,
    attribute: Vec<AttributeProto>,
) -> NodeProto {
    NodeProto {
        name,
        op_type: op.into(),
        input,
        output: vec![output.to_owned()],
        attribute,
        ..NodeProto::default()
    }
}
