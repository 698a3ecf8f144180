//! `pellucid differentiate`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use pellucid_shared::autodiff::{
    COTANGENT, DIFFERENTIATED, FEATURES, FEATURES_GRAD, GRAD, Options, QUANTIZED, Quantized,
    ReluRule, activations, differentiate,
};
use pellucid_shared::contract::{About, Assumption, Contract, Wishes};
use pellucid_shared::onnx::{
    Batch, GraphBuilder, MOST_BYTES, Model, NEWEST_OPSET, OPSET, data_file, infer_shapes, inline,
    raise_opset,
};
use serde::Serialize;

use crate::engines::with_batch;

use super::feed::assumed_lines;
use super::model;
use super::output::{bytes, print, print_json};
use super::values::{MOST_BATCH, nonzero, one_of};

/// Add the input gradient to an ONNX model, as standard ONNX operators
///
/// The result keeps the model as it is and has one more input, `cotangent`, of the output's shape, and one more output,
/// `grad`, of the input's shape: grad = cotangentᵀ · ∂output/∂input. Feed a row that is 1 at a class and 0 elsewhere, and
/// `grad` is the gradient of that class's logit. Any runtime that runs the model runs the result. Of a classifier that
/// ends in a Softmax or Sigmoid the score before it is differentiated, and becomes an output beside the model's own;
/// --output names another.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pellucid differentiate resnet18.onnx -o resnet18-grad.onnx
  pellucid differentiate detector.onnx -o grad.onnx --output scores
  pellucid differentiate resnet18.onnx -o gradcam.onnx --features /layer4/layer4.1/relu_1/Relu
  pellucid differentiate resnet18.onnx -o guided.onnx --rule relu=guided
  pellucid differentiate quantized.onnx -o grad.onnx --quantized straight-through
  pellucid differentiate batch-of-one.onnx -o grad.onnx --batch dynamic
  pellucid differentiate resnet18.onnx -o grad.onnx --batch 8 --opset 23")]
pub struct Args {
    /// The model to differentiate
    model: PathBuf,
    /// Where to write the result
    #[arg(short = 'o', long = "out", value_name = "ONNX")]
    out: PathBuf,
    /// The input to differentiate with respect to; needed where the model has several
    #[arg(long, value_name = "NAME")]
    input: Option<String>,
    /// The output, or value inside the graph, to differentiate [default: the score before the last Softmax or Sigmoid];
    /// needed where the model has several
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    /// Also hand out a feature map and its cotangent, as the outputs `features` and `features_grad`, for Grad-CAM: the
    /// name of a node or of a value (`pellucid inspect` lists them)
    #[arg(long, value_name = "NODE")]
    features: Option<String>,
    /// Pass the gradient through every Relu in another way: `relu=guided` (guided back-propagation) or `relu=deconvnet`
    /// (deconvolution). The result is an attribution, not a gradient
    #[arg(long, value_name = "OPERATOR=RULE", value_parser = one_of(RELU_RULES))]
    rule: Option<ReluRule>,
    /// Pass the gradient through QuantizeLinear and DequantizeLinear: `straight-through` takes their rounding for the
    /// identity. The result is an estimate, not a gradient
    #[arg(long, value_name = "RULE", value_parser = one_of(ROUNDING))]
    quantized: Option<Quantized>,
    /// Change the batch before the model is differentiated: a number of images, or `dynamic` for any; the answers are compared with the file's
    #[arg(long, value_name = "N|dynamic", value_parser = batch)]
    batch: Option<Batch>,
    /// Raise the model to this operator set, 17 to 24, before it is differentiated; an older model is raised to 17 anyway
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(OPSET..=NEWEST_OPSET))]
    opset: Option<i64>,
    /// Print what was added as JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The files that are written; the second only where a model takes more than one can hold.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        vec![self.out.clone(), data_file(&self.out)]
    }
}

const RELU_RULES: [(&str, ReluRule); 3] = [
    ("relu=exact", ReluRule::Exact),
    ("relu=guided", ReluRule::Guided),
    ("relu=deconvnet", ReluRule::Deconvnet),
];

/// How gradients may pass rounding.
pub(super) const ROUNDING: [(&str, Quantized); 1] =
    [("straight-through", Quantized::StraightThrough)];

/// Reads a number of images or `dynamic`.
fn batch(text: &str) -> Result<Batch, String> {
    if text == "dynamic" {
        return Ok(Batch::Open);
    }
    nonzero(MOST_BATCH)(text)
        .map(Batch::Fixed)
        .map_err(|_| format!("write a number of images from 1 to {MOST_BATCH}, or dynamic"))
}

/// What became of the file.
#[derive(Serialize)]
struct DifferentiationReport {
    output: PathBuf,
    /// Where the weights are, if not in the output itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<PathBuf>,
    /// The value that is differentiated.
    of: String,
    /// Why it is this one, where nobody named it.
    assumed: Vec<Assumption>,
    cotangent: String,
    grad: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<String>,
    /// How the gradient passes rounding, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantized: Option<String>,
    /// Activations that pass the gradient by another rule than the exact one.
    #[serde(skip_serializing_if = "Option::is_none")]
    activations: Option<usize>,
    nodes_before: usize,
    nodes_added: usize,
    bytes_before: u64,
    bytes_after: u64,
}

/// The model with the batch and the operator set that were asked for.
fn prepared(mut model: Model, batch: Option<Batch>, opset: Option<i64>) -> Result<Model> {
    if let Some(wanted) = opset.filter(|&wanted| wanted < model.opset()) {
        let found = model.opset();
        bail!(
            "the model uses operator set {found} already, and sets can only be raised, not lowered to {wanted}: leave --opset out"
        );
    }
    if batch.is_some() || opset.is_some() {
        model = inline(model)?;
    }
    if let Some(batch) = batch {
        let (changed, untried) = with_batch(model, batch)?;
        if let Some(why) = untried {
            eprintln!("its answers with the new batch were not compared with the file's: {why}");
        }
        model = changed;
    }
    Ok(match opset {
        Some(opset) => raise_opset(model, opset)?,
        None => model,
    })
}

/// What is differentiated where the user does not say it: of a classifier the score before the last Softmax or Sigmoid, which
/// becomes an output. Any other model is left to its only output.
fn with_its_output(
    model: Model,
    named: Option<String>,
    several_inputs: bool,
) -> Result<(Model, String, Vec<Assumption>)> {
    let (value, assumed) = match named {
        Some(name) => (name, vec![]),
        None => match Contract::resolve(&model, &Wishes::default()) {
            Ok(contract) if !several_inputs => {
                let mut assumed = contract.assumed.clone();
                assumed.retain(|what| what.about == About::Output);
                (contract.value().to_owned(), assumed)
            }
            _ => (model.output(None)?.name.clone(), vec![]),
        },
    };
    let graph = model.graph();
    let is_output = graph.output.iter().any(|output| output.name == value);
    let is_value = graph.node.iter().any(|node| node.output.contains(&value));
    if is_output || !is_value {
        return Ok((model, value, assumed));
    }
    let shape = infer_shapes(&model)?.get(&value).cloned();
    let mut builder = GraphBuilder::edit(model);
    builder.output(&value, shape.as_deref());
    Ok((builder.finish()?, value, assumed))
}

/// Differentiates a file.
///
/// # Errors
/// Where the model cannot be read or differentiated, or the result not written.
pub fn run(args: Args) -> Result<()> {
    let (model, files) = model::load_with_files(&args.model)?;
    let nodes_before = model.graph().node.len();
    let bytes_before = model::size(&files)?;
    let model = prepared(model, args.batch, args.opset)
        .with_context(|| args.model.display().to_string())?;
    let (model, output, assumed) = with_its_output(model, args.output, args.input.is_some())
        .with_context(|| args.model.display().to_string())?;
    let several = model.outputs().len() > 1;
    let options = Options {
        input: args.input,
        output: Some(output.clone()),
        features: args.features,
        relu: args.rule.unwrap_or_default(),
        quantized: args.quantized.unwrap_or_default(),
    };
    let mut result = differentiate(model, &options)
        .with_context(|| format!("{} cannot be differentiated", args.model.display()))?;
    if several {
        result.set_metadata(DIFFERENTIATED, output.clone());
    }
    let data = (result.encoded_len() > MOST_BYTES).then(|| data_file(&args.out));
    model::save(&result, &args.out)?;

    let shape = |value: Option<&pellucid_shared::onnx::pb::ValueInfoProto>| {
        value.map_or_else(String::new, super::inspect::shape_text)
    };
    let inputs = result.inputs();
    let report = DifferentiationReport {
        of: output,
        assumed,
        cotangent: shape(inputs.into_iter().find(|i| i.name == COTANGENT)),
        grad: shape(result.outputs().iter().find(|o| o.name == GRAD)),
        features: options
            .features
            .is_some()
            .then(|| shape(result.outputs().iter().find(|o| o.name == FEATURES))),
        quantized: result.metadata(QUANTIZED).map(str::to_owned),
        activations: activations(&result),
        nodes_before,
        nodes_added: result.graph().node.len().saturating_sub(nodes_before),
        bytes_before,
        bytes_after: result.encoded_len() as u64,
        data,
        output: args.out,
    };
    if args.json {
        return print_json(&report);
    }
    let features = report.features.map_or_else(String::new, |shape| {
        format!(", the outputs `{FEATURES}` and `{FEATURES_GRAD}` {shape}")
    });
    let estimate = report.quantized.map_or_else(String::new, |rule| {
        format!("; `{GRAD}` is an estimate: it passes rounding by the {rule} rule")
    });
    let rule = report.activations.map_or_else(String::new, |count| {
        format!("; {count} activations pass the gradient by the rule for Relu")
    });
    let data = report.data.map_or_else(String::new, |file| {
        format!(" with the weights in {}", file.display())
    });
    let of = format!("differentiates `{}`", report.of);
    print(&format!(
        "{}: {of}; added the input `{COTANGENT}` {}, the output `{GRAD}` {}{features} and {} nodes to {}; {} became {}{data}{rule}{estimate}\n",
        report.output.display(),
        report.cotangent,
        report.grad,
        report.nodes_added,
        report.nodes_before,
        bytes(report.bytes_before),
        bytes(report.bytes_after),
    ))?;
    print(&assumed_lines(&report.assumed))
}
