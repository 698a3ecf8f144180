//! `pellucid differentiate`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use pellucid_shared::autodiff::{
    COTANGENT, FEATURES, FEATURES_GRAD, GRAD, Options, ReluRule, differentiate,
};
use serde::Serialize;

use super::model;
use super::output::{bytes, print, print_json, protect, write};

/// Add the input gradient to an ONNX model, as standard ONNX operators
///
/// The result keeps the model as it is and has one more input, `cotangent`, of the output's shape, and one more output,
/// `grad`, of the input's shape: grad = cotangentᵀ · ∂output/∂input. Feed a row that is 1 at a class and 0 elsewhere, and
/// `grad` is the gradient of that class's logit. Any runtime that runs the model runs the result.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pellucid differentiate resnet18.onnx -o resnet18-grad.onnx
  pellucid differentiate detector.onnx -o grad.onnx --output scores
  pellucid differentiate resnet18.onnx -o gradcam.onnx --features /layer4/layer4.1/relu_1/Relu
  pellucid differentiate resnet18.onnx -o guided.onnx --rule relu=guided")]
pub struct Args {
    /// The model to differentiate
    model: PathBuf,
    /// Where to write the result
    #[arg(short = 'o', long = "out", value_name = "ONNX")]
    out: PathBuf,
    /// The input to differentiate with respect to; needed where the model has several
    #[arg(long, value_name = "NAME")]
    input: Option<String>,
    /// The output to differentiate; needed where the model has several
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    /// Also hand out a feature map and its cotangent, as the outputs `features` and `features_grad`, for Grad-CAM: the
    /// name of a node or of a value (`pellucid inspect` lists them)
    #[arg(long, value_name = "NODE")]
    features: Option<String>,
    /// Pass the gradient through every Relu in another way: `relu=guided` (guided back-propagation) or `relu=deconvnet`
    /// (deconvolution). The result is an attribution, not a gradient
    #[arg(long, value_name = "OPERATOR=RULE", value_parser = relu_rule)]
    rule: Option<ReluRule>,
    /// Print what was added as JSON
    #[arg(long)]
    json: bool,
}

/// Reads `relu=exact|guided|deconvnet`.
fn relu_rule(text: &str) -> Result<ReluRule, String> {
    match text {
        "relu=exact" => Ok(ReluRule::Exact),
        "relu=guided" => Ok(ReluRule::Guided),
        "relu=deconvnet" => Ok(ReluRule::Deconvnet),
        _ => Err("write relu=guided, relu=deconvnet or relu=exact".to_owned()),
    }
}

/// What became of the file.
#[derive(Serialize)]
struct Report {
    output: PathBuf,
    cotangent: String,
    grad: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<String>,
    nodes_before: usize,
    nodes_added: usize,
    bytes_before: u64,
    bytes_after: u64,
}

/// Differentiates a file.
///
/// # Errors
/// Where the model cannot be read or differentiated, or the result not written.
pub fn run(args: Args) -> Result<()> {
    protect(&args.model, &args.out)?;
    let model = model::load(&args.model)?;
    let nodes_before = model.graph().node.len();
    let bytes_before = std::fs::metadata(&args.model)?.len();
    let options = Options {
        input: args.input,
        output: args.output,
        features: args.features,
        relu: args.rule.unwrap_or_default(),
    };
    let result = differentiate(model, &options)
        .with_context(|| format!("{} cannot be differentiated", args.model.display()))?;
    let encoded = result.to_bytes();
    write(&args.out, &encoded)?;

    let shape = |value: Option<&pellucid_shared::onnx::pb::ValueInfoProto>| {
        value.map_or_else(String::new, super::inspect::shape_text)
    };
    let inputs = result.inputs();
    let report = Report {
        cotangent: shape(inputs.into_iter().find(|i| i.name == COTANGENT)),
        grad: shape(result.outputs().iter().find(|o| o.name == GRAD)),
        features: options
            .features
            .is_some()
            .then(|| shape(result.outputs().iter().find(|o| o.name == FEATURES))),
        nodes_before,
        nodes_added: result.graph().node.len().saturating_sub(nodes_before),
        bytes_before,
        bytes_after: encoded.len() as u64,
        output: args.out,
    };
    if args.json {
        return print_json(&report);
    }
    let features = report.features.map_or_else(String::new, |shape| {
        format!(", the outputs `{FEATURES}` and `{FEATURES_GRAD}` {shape}")
    });
    print(&format!(
        "{}: added the input `{COTANGENT}` {}, the output `{GRAD}` {}{features} and {} nodes to {}; {} became {}\n",
        report.output.display(),
        report.cotangent,
        report.grad,
        report.nodes_added,
        report.nodes_before,
        bytes(report.bytes_before),
        bytes(report.bytes_after),
    ))
}
