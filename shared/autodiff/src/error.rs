use onnx_edit::OnnxError;
use pellucid_files::said;

/// Why a model could not be differentiated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AutodiffError {
    /// The graph itself is at fault.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The gradient flows through operators that no rule is known for; every such node is named.
    #[error(
        "the gradient flows through operators that cannot be differentiated yet: {}{}",
        said::list(nodes.iter().map(|(op, node)| format!("{} (node `{}`)", said::name(op), said::name(node)))),
        if nodes.iter().any(|(op, _)| op == "QuantizeLinear") {
            ": rounding has no slope, and only the straight-through rule passes it"
        } else {
            ""
        }
    )]
    NoRule {
        /// Operator and node name of each.
        nodes: Vec<(String, String)>,
    },
    /// No differentiable path leads from the input to the output.
    #[error(
        "the output `{}` does not depend on the input `{}` through floating-point operations: name another input or output",
        said::name(output),
        said::name(input)
    )]
    NoPath {
        /// The input's name.
        input: String,
        /// The output's name.
        output: String,
    },
    /// The rule needs a shape that the graph leaves open.
    #[error(
        "node `{}`: the gradient needs the shape of `{}`, which the graph leaves open: export the model with a fixed image size",
        said::name(node),
        said::name(value)
    )]
    OpenShape {
        /// The node whose rule it is.
        node: String,
        /// The value whose shape is unknown.
        value: String,
    },
    /// The model's input or output is of a type that has no gradient, or a rule meets an unusual form of an operator.
    #[error("`{}`: {}", said::name(what), said::reason(why))]
    Unsupported {
        /// The input, output or node.
        what: String,
        /// What about it.
        why: String,
    },
    /// Another rule than the exact one was asked for `Relu`, and no activation on the way is one.
    #[error(
        "{rule} passes the gradient through Relu, ReLU6 and max(x, 0) in another way, and the network has none of them on the way to `{}`{}: the result would be the plain gradient",
        said::name(output),
        if others.is_empty() { String::new() } else { format!(" (its activations are {})", said::names(others.iter().map(|other| &other[..]))) }
    )]
    NoActivation {
        /// The rule's method.
        rule: &'static str,
        /// The output's name.
        output: String,
        /// The operators of other activations on the way.
        others: Vec<String>,
    },
    /// A name that the result needs is taken: the model probably holds its gradient already.
    #[error("the model already has a value named `{}`: is it differentiated already?", said::name(.0))]
    Taken(String),
}
