//! Sequences whose elements are known one by one, as unrolled loops and `torch.split` leave them: their operators become
//! operators on tensors.
//! Source: <https://onnx.ai/onnx/operators/> (`SequenceAt`, `ConcatFromSequence`, …).

use std::collections::{HashMap, HashSet};

use super::super::pb::{GraphProto, NodeProto, TensorProto};
use super::super::scope::Names;
use super::super::shape::{axis, infer_graph};
use super::super::unread::{output_names, remove_unread};
use super::super::{Attributes, OnnxError, Shapes, int_tensor, node_name};
use super::identity;

/// Operators that give a sequence.
const MAKERS: &[&str] = &[
    "SequenceEmpty",
    "SequenceConstruct",
    "SequenceInsert",
    "SequenceErase",
    "SplitToSequence",
];
/// Sequences are followed up to that many elements.
const MOST_ELEMENTS: usize = 4096;
/// The elements of all sequences together: each step of a long sequence is a sequence of its own.
const MOST_IN_ALL: usize = 1 << 20;

/// Replaces what reads known sequences, and takes those sequences away that nothing reads any more.
pub(super) fn resolve(
    graph: &mut GraphProto,
    opset: i64,
    names: &mut Names,
) -> Result<(), OnnxError> {
    if !graph
        .node
        .iter()
        .any(|node| MAKERS.contains(&&node.op_type[..]))
    {
        return Ok(());
    }
    let shapes = infer_graph(graph, opset)?;
    let mut known = Sequences {
        elements: HashMap::new(),
        left: MOST_IN_ALL,
        opset,
        names,
        weights: vec![],
        out: vec![],
    };
    for node in std::mem::take(&mut graph.node) {
        if !known.take_in(&node, &shapes)? {
            known.out.push(node);
        }
    }
    graph.node = std::mem::take(&mut known.out);
    graph.initializer.append(&mut known.weights);
    let made: HashSet<String> = known.elements.into_keys().collect();
    let outputs = output_names(graph);
    remove_unread(graph, outputs, |node| {
        node.output.iter().any(|name| made.contains(name))
    });
    Ok(())
}

struct Sequences<'a> {
    /// The elements of each sequence whose elements are known.
    elements: HashMap<String, Vec<String>>,
    /// How many elements may still be learnt or read.
    left: usize,
    opset: i64,
    names: &'a mut Names,
    weights: Vec<TensorProto>,
    out: Vec<NodeProto>,
}

impl Sequences<'_> {
    /// Learns the sequence that a node makes, or replaces a node that reads one; says whether it has replaced it.
    fn take_in(&mut self, node: &NodeProto, shapes: &Shapes) -> Result<bool, OnnxError> {
        let input = |index: usize| node.input.get(index).map_or("", |name| &name[..]);
        let output = node.output.first().cloned().unwrap_or_default();
        let elements = self.elements.get(input(0));
        let Some(left) = self.left.checked_sub(elements.map_or(0, Vec::len)) else {
            return Ok(false);
        };
        self.left = left;
        let elements = elements.cloned();
        let made = match (&node.op_type[..], elements) {
            ("SequenceEmpty", _) => Some(vec![]),
            ("SequenceConstruct", _) => Some(node.input.clone()),
            ("Identity", elements) => elements,
            ("SequenceInsert", Some(mut elements)) => {
                let end = elements.len();
                place(input(2), end, end, end, shapes).map(|at| {
                    elements.insert(at, input(1).to_owned());
                    elements
                })
            }
            ("SequenceErase", Some(mut elements)) => {
                let end = elements.len();
                let last = end.checked_sub(1);
                last.and_then(|last| place(input(1), last, end, last, shapes))
                    .map(|at| {
                        elements.remove(at);
                        elements
                    })
            }
            ("SplitToSequence", _) => self.split(node, shapes)?,
            ("SequenceAt", Some(elements)) => {
                let end = elements.len();
                let last = end.checked_sub(1);
                let Some(at) = last.and_then(|last| place(input(1), end, end, last, shapes)) else {
                    return Ok(false);
                };
                let name = self.names.fresh(&node_name(node), "Identity");
                self.out.push(identity(name, &elements[at], &output));
                return Ok(true);
            }
            ("SequenceLength", Some(elements)) => {
                let mut tensor = int_tensor(&output, &[elements.len() as i64]);
                tensor.dims.clear();
                self.weights.push(tensor);
                return Ok(true);
            }
            ("ConcatFromSequence", Some(elements)) if !elements.is_empty() => {
                return self.concat(node, elements);
            }
            _ => None,
        };
        if let Some(elements) = made.filter(|elements| elements.len() <= MOST_ELEMENTS) {
            self.elements.insert(output, elements);
        }
        Ok(false)
    }

    /// The parts of a split along an axis of known size, as one `Split` beside the node.
    fn split(
        &mut self,
        node: &NodeProto,
        shapes: &Shapes,
    ) -> Result<Option<Vec<String>>, OnnxError> {
        let attributes = Attributes(node);
        let input = node.input.first().cloned().unwrap_or_default();
        // The lengths of a `Split` are an attribute before operator set 13.
        let Some(shape) = shapes.get(&input).filter(|_| self.opset >= 13) else {
            return Ok(None);
        };
        let given_axis = attributes.int("axis", 0)?;
        let size = axis(given_axis, shape.len()).and_then(|axis| shape[axis].known());
        let lengths = match node.input.get(1).filter(|name| !name.is_empty()) {
            // Each position by itself, and without `keepdims` without its axis.
            None if attributes.int("keepdims", 1)? == 0 => None,
            None => size
                .filter(|size| *size <= MOST_ELEMENTS)
                .map(|size| vec![1; size]),
            Some(name) => match (shapes.constant(name), shapes.get(name).map(Vec::len), size) {
                (Some(lengths), Some(1), _) => Some(lengths.to_vec()),
                (Some(&[length]), Some(0), Some(size))
                    if length > 0 && size.div_ceil(length as usize) <= MOST_ELEMENTS =>
                {
                    let length = length as usize;
                    let starts = (0..size).step_by(length);
                    Some(
                        starts
                            .map(|start| length.min(size - start) as i64)
                            .collect(),
                    )
                }
                _ => None,
            },
        };
        let Some(lengths) = lengths.filter(|l| (1..=MOST_ELEMENTS).contains(&l.len())) else {
            return Ok(None);
        };
        let Some(left) = self.left.checked_sub(lengths.len()) else {
            return Ok(None);
        };
        self.left = left;
        let prefix = node_name(node);
        let given = self.names.fresh(&prefix, "split");
        self.weights.push(int_tensor(&given, &lengths));
        let parts: Vec<String> = lengths
            .iter()
            .map(|_| self.names.fresh(&prefix, "part"))
            .collect();
        self.out.push(NodeProto {
            name: self.names.fresh(&prefix, "Split"),
            op_type: "Split".into(),
            input: vec![input, given],
            output: parts.clone(),
            attribute: vec![super::super::AttributeValue::from(given_axis).named("axis")],
            ..NodeProto::default()
        });
        Ok(Some(parts))
    }

    /// `Concat` in the place of `ConcatFromSequence`.
    fn concat(&mut self, node: &NodeProto, elements: Vec<String>) -> Result<bool, OnnxError> {
        if Attributes(node).int("new_axis", 0)? != 0 {
            return Ok(false);
        }
        let kept = node.attribute.iter().filter(|a| a.name == "axis");
        self.out.push(NodeProto {
            name: node.name.clone(),
            op_type: "Concat".into(),
            input: elements,
            output: node.output.clone(),
            attribute: kept.cloned().collect(),
            ..NodeProto::default()
        });
        Ok(true)
    }
}

/// The place that a constant names in a sequence of so many elements, counted from the end where it is negative, up to the
/// place `most`; `default` where none is named.
fn place(
    name: &str,
    default: usize,
    elements: usize,
    most: usize,
    shapes: &Shapes,
) -> Option<usize> {
    let at = match name {
        "" => default,
        _ => {
            let &[at] = shapes.constant(name)? else {
                return None;
            };
            let from_front = if at < 0 {
                at.checked_add(elements as i64)?
            } else {
                at
            };
            usize::try_from(from_front).ok()?
        }
    };
    (at <= most).then_some(at)
}
