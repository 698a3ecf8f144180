//! Inlining: calls of the model's own functions, branches of `If` whose condition is constant, loops whose number of
//! iterations is constant, and the sequences that these leave.
//! Source: <https://github.com/onnx/onnx/blob/main/docs/IR.md> ("Model Local Functions").

mod copies;
mod scalar;
mod sequence;
#[cfg(test)]
mod tests;
mod tidy;
mod unroll;

use std::collections::HashMap;

use super::normalise::drop_stale;
use super::pb::{FunctionProto, GraphProto, NodeProto, TensorProto};
use super::scope::Names;
use super::shape::infer_graph;
use super::{Budget, Cost, Model, OnnxError};
use copies::copy_for_call;

/// Functions may call functions so deep, and control flow may stand in control flow.
const DEEPEST: usize = 32;

/// The model with its functions' bodies in place of their calls, with the branch that is taken in place of every `If`
/// whose condition is constant, with copies of its body in place of every `Loop` whose number of iterations is (up to 256,
/// and where there is room), and without sequences whose elements are known. Weights are not copied.
///
/// # Errors
/// [`OnnxError::Node`] where a function calls itself, uses another operator set than the model, or makes the model
/// grow beyond all bounds.
pub fn inline(model: Model) -> Result<Model, OnnxError> {
    let opset = model.opset();
    let mut proto = model.into_proto();
    let Some(mut graph) = proto.graph.take() else {
        return Err(OnnxError::NotOnnx("it holds no graph".into()));
    };
    let functions = std::mem::take(&mut proto.functions);
    let mut names = Names::of(&graph);
    let mut budget = Budget::INLINING;
    let own = tidy::values(&graph);
    let mut changed = !functions.is_empty();
    if !functions.is_empty() {
        let mut calls = Calls {
            functions: HashMap::new(),
            names: &mut names,
            opset,
            budget: &mut budget,
            out: vec![],
        };
        for function in &functions {
            let key = Key(domain(&function.domain), &function.name, &function.overload);
            if calls.functions.insert(key, function).is_some() {
                return Err(OnnxError::Invalid(format!(
                    "two functions are named `{}`",
                    function.name
                )));
            }
        }
        for node in std::mem::take(&mut graph.node) {
            calls.take_in(node, 0)?;
        }
        graph.node = calls.out;
    }
    for _ in 0..DEEPEST {
        if !unfold(&mut graph, opset, &mut names, &mut budget)? {
            break;
        }
        changed = true;
    }
    scalar::range_of_scalars(&mut graph, opset, &mut names)?;
    tidy::tidy(&mut graph, &own);
    if changed {
        // How often a loop runs, and with it the shape of what it collects, is first known here.
        drop_stale(&mut graph, opset);
    }
    proto.graph = Some(graph);
    Model::from_proto(proto)
}

/// Replaces the control flow of the main graph that is constant, one level of it, and says whether there was any.
fn unfold(
    graph: &mut GraphProto,
    opset: i64,
    names: &mut Names,
    budget: &mut Budget,
) -> Result<bool, OnnxError> {
    sequence::resolve(graph, opset, names)?;
    if !graph
        .node
        .iter()
        .any(|node| ["If", "Loop"].contains(&&node.op_type[..]))
    {
        return Ok(false);
    }
    let shapes = infer_graph(graph, opset)?;
    let mut changed = false;
    let mut nodes = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        let condition = node.input.first().and_then(|name| shapes.constant(name));
        match (&node.op_type[..], condition) {
            ("If", Some(&[holds])) => {
                let weights = &mut graph.initializer;
                branch(&mut node, holds != 0, names, &mut nodes, weights)?;
                changed = true;
            }
            ("Loop", _) => match unroll::iterations(&node, &shapes, budget) {
                Some(iterations) => {
                    let mut unrolling = unroll::Unrolling {
                        opset,
                        names,
                        out: &mut nodes,
                        weights: &mut graph.initializer,
                    };
                    unrolling.unroll(node, iterations)?;
                    changed = true;
                }
                None => nodes.push(node),
            },
            _ => nodes.push(node),
        }
    }
    graph.node = nodes;
    Ok(changed)
}

fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

/// Puts the nodes of the branch that is taken in the place of an `If`.
fn branch(
    node: &mut NodeProto,
    holds: bool,
    names: &mut Names,
    out: &mut Vec<NodeProto>,
    weights: &mut Vec<TensorProto>,
) -> Result<(), OnnxError> {
    let prefix = super::node_name(node);
    let wanted = if holds { "then_branch" } else { "else_branch" };
    let taken = node
        .attribute
        .iter_mut()
        .find(|a| a.name == wanted)
        .and_then(|a| a.g.take());
    let Some(mut taken) = taken.filter(|graph| graph.output.len() == node.output.len()) else {
        return Err(Model::node_error(
            node,
            format!("its `{wanted}` is missing or has a different number of outputs"),
        ));
    };
    let mut map = HashMap::new();
    for mut tensor in std::mem::take(&mut taken.initializer) {
        let name = names.fresh(&prefix, &tensor.name);
        map.insert(std::mem::replace(&mut tensor.name, name.clone()), name);
        weights.push(tensor);
    }
    for mut inner in taken.node {
        // What the branch makes hides what is called so outside.
        names.rename(&mut inner, &prefix, &mut map);
        out.push(inner);
    }
    for (inner, outer) in taken
        .output
        .iter()
        .zip(&node.output)
        .filter(|(_, outer)| !outer.is_empty())
    {
        let inner = map.get(&inner.name).unwrap_or(&inner.name);
        out.push(identity(names.fresh(&prefix, "Identity"), inner, outer));
    }
    Ok(())
}

fn identity(name: String, from: &str, to: &str) -> NodeProto {
    NodeProto {
        name,
        op_type: "Identity".into(),
        input: vec![from.to_owned()],
        output: vec![to.to_owned()],
        ..NodeProto::default()
    }
}

/// Domain, name and overload: what a call says of its function.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a>(&'a str, &'a str, &'a str);

/// The inlining of calls.
struct Calls<'a> {
    functions: HashMap<Key<'a>, &'a FunctionProto>,
    names: &'a mut Names,
    opset: i64,
    budget: &'a mut Budget,
    out: Vec<NodeProto>,
}

impl Calls<'_> {
    /// Appends a node, or the body of the function that it calls.
    fn take_in(&mut self, mut node: NodeProto, depth: usize) -> Result<(), OnnxError> {
        let key = Key(domain(&node.domain), &node.op_type, &node.overload);
        let Some(&function) = self.functions.get(&key) else {
            for attribute in &mut node.attribute {
                for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                    let outer = std::mem::take(&mut self.out);
                    for inner in std::mem::take(&mut graph.node) {
                        self.take_in(inner, depth + 1)?;
                    }
                    graph.node = std::mem::replace(&mut self.out, outer);
                }
            }
            self.out.push(node);
            return Ok(());
        };
        if depth > DEEPEST {
            return Err(Model::node_error(
                &node,
                "its function calls itself, or functions call each other too deeply",
            ));
        }
        let set = function
            .opset_import
            .iter()
            .find(|set| domain(&set.domain).is_empty());
        if let Some(set) = set.filter(|set| set.version != self.opset) {
            let why = format!(
                "its function uses operator set {}, the model {}",
                set.version, self.opset
            );
            return Err(Model::node_error(&node, why));
        }
        self.body(&node, function, depth)
    }

    fn body(
        &mut self,
        call: &NodeProto,
        function: &FunctionProto,
        depth: usize,
    ) -> Result<(), OnnxError> {
        let too_large = || {
            let why = "with its function's body the model becomes too large";
            Model::node_error(call, why)
        };
        // The function may have no nodes.
        let one = Cost {
            nodes: 1,
            ..Cost::default()
        };
        self.budget.take(one).ok_or_else(too_large)?;
        let prefix = super::node_name(call);
        let mut map: HashMap<String, String> = HashMap::new();
        for (index, inner) in function.input.iter().enumerate() {
            map.insert(
                inner.clone(),
                call.input.get(index).cloned().unwrap_or_default(),
            );
        }
        let mut passed = vec![];
        for (inner, outer) in function
            .output
            .iter()
            .zip(&call.output)
            .filter(|(_, outer)| !outer.is_empty())
        {
            match map.get(inner) {
                // An output that is an input, or stands twice.
                Some(_) => passed.push((inner, outer)),
                None => drop(map.insert(inner.clone(), outer.clone())),
            }
        }
        // What the call does not give has the function's default.
        let defaults = function.attribute_proto.iter();
        let given = defaults
            .chain(&call.attribute)
            .map(|a| (&a.name[..], a))
            .collect();
        for node in &function.node {
            let copy = copy_for_call(node, &prefix, &given, self.budget);
            let mut node = copy.ok_or_else(too_large)?;
            self.names.rename(&mut node, &prefix, &mut map);
            self.take_in(node, depth + 1)?;
        }
        for (inner, outer) in passed {
            let from = map.get(inner).cloned().unwrap_or_default();
            self.out.push(identity(
                self.names.fresh(&prefix, "Identity"),
                &from,
                outer,
            ));
        }
        Ok(())
    }
}
