//! ONNX's node tests, and what they leave out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Result, anyhow};
use ndarray::ArrayD;
use pellucid_shared::autodiff::{self, AutodiffError, Options, differentiate};
use pellucid_shared::engine::take;
use pellucid_shared::onnx::{Dim, GraphBuilder, Model};
use pellucid_tests::corpus::{self, Corpus, ENGINES, NodeCase};
use pellucid_tests::{autograd, document, relative_distance, uniform};
use pellucid_trainer::engines::EngineKind;
use pellucid_trainer::torch::has_operator;
use tch::Kind;

use super::{refusal, short, title, without_names};

/// Float32 rounding of a single operator and its gradient, of which some cancel (softmax, variances).
const ROUNDING: f64 = 5e-5;
/// Operators newer than the corpus (onnx 1.18); a test below holds them to their formula.
const UNKNOWN_TO_ONNX: &[&str] = &["Swish"];

/// Where libtorch's right answers are counted, behind the engines'.
const LIBTORCH: usize = ENGINES.len();

/// What is known about one operator.
#[derive(Default)]
struct Row {
    cases: usize,
    differentiated: usize,
    /// Right answers by engine, and libtorch's.
    right: [usize; 3],
    remarks: BTreeMap<String, usize>,
}

impl Row {
    fn remark(&mut self, remark: String) {
        *self.remarks.entry(remark).or_default() += 1;
    }
}

#[test]
fn operators() {
    let corpus = corpus::nodes().unwrap();
    let mut rows: BTreeMap<String, Row> = autodiff::operators()
        .map(|op| (op.to_owned(), Row::default()))
        .collect();
    let mut without_rule = BTreeSet::new();
    let mut written_out = Row::default();
    let mut wrong = vec![];
    let known = corpus::known_to_fail().unwrap();
    for case in corpus.entries.iter().filter(|case| case.reason.is_none()) {
        let row = match &case.operators[..] {
            [op] if rows.contains_key(op) => rows.get_mut(op).unwrap(),
            [op] => {
                if lacks_rule(&corpus, case) {
                    without_rule.insert(format!("`{op}`"));
                }
                continue;
            }
            _ => &mut written_out,
        };
        let test = case.name.split('.').next().unwrap_or_default();
        let Some(why) = known.get(&case.name).or_else(|| known.get(test)) else {
            let found = judge(&corpus, case, row);
            wrong.extend(found.iter().map(|why| format!("{}: {why}", case.name)));
            continue;
        };
        let mut alone = Row::default();
        if judge(&corpus, case, &mut alone).is_empty() {
            wrong.push(format!("{} does not fail any more", case.name));
        }
        row.cases += alone.cases;
        row.differentiated += alone.differentiated;
        row.remark(format!("not compared: {why}"));
    }
    assert!(
        wrong.is_empty(),
        "{} gradients are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let untested: Vec<_> = rows
        .iter()
        .filter(|(op, row)| row.right[..2] == [0, 0] && !UNKNOWN_TO_ONNX.contains(&&op[..]))
        .map(|(op, _)| op)
        .collect();
    assert!(untested.is_empty(), "nothing tests {untested:?}");
    let mut table = "| operator | differentiated | ONNX Runtime | tract | libtorch | remarks |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for (op, row) in &rows {
        line(&mut table, &format!("`{op}`"), row);
    }
    line(&mut table, "functions written out", &written_out);
    let without_rule: Vec<_> = without_rule.into_iter().collect();
    let _ = writeln!(
        table,
        "\nTested by ONNX, and without a rule: {}.",
        without_rule.join(", ")
    );
    document::hold("operators", &table).unwrap();
}

/// What a case differentiates with respect to what.
fn options(case: &NodeCase) -> Options {
    Options {
        input: Some(case.input.clone()),
        output: Some(case.output.clone()),
        ..Options::default()
    }
}

/// Whether the gradient would have to pass an operator without a rule.
fn lacks_rule(corpus: &Corpus<NodeCase>, case: &NodeCase) -> bool {
    let model = corpus.model(&case.name, "model.onnx");
    let found = model.map(|model| differentiate(model, &options(case)));
    matches!(found, Ok(Err(AutodiffError::NoRule { .. })))
}

/// Counts one case in its operator's row. Returns what is wrong: an engine's number, not its refusal.
fn judge(corpus: &Corpus<NodeCase>, case: &NodeCase, row: &mut Row) -> Vec<String> {
    let model = match corpus.model(&case.name, "model.onnx") {
        Ok(model) => model,
        Err(error) => {
            row.cases += 1;
            row.remark(format!(
                "refused: {}",
                short(&without_names(&format!("{error:#}")))
            ));
            return vec![];
        }
    };
    let graph = match differentiate(model.clone(), &options(case)) {
        // No path, and no slope.
        Err(AutodiffError::NoPath { .. }) if case.zero => return vec![],
        Err(error) => {
            row.cases += 1;
            row.remark(refusal(&error, &case.input));
            return vec![];
        }
        Ok(graph) => graph,
    };
    row.cases += 1;
    row.differentiated += 1;
    let array = |name| corpus.array::<f32>(&case.name, name).unwrap();
    let (point, cotangent) = (array("input"), array("cotangent"));
    let slopes = corpus.array::<f64>(&case.name, "slopes").unwrap();
    let directions = corpus.array::<i8>(&case.name, "directions").unwrap();
    let mut wrong = vec![];
    let plain = corpus::with_outputs(&model, &[&case.output]);
    let output = array("output").mapv(f64::from);
    let known = plain.as_ref().is_ok_and(|model| {
        let nodes = &model.graph().node;
        nodes.iter().all(|node| has_operator(&node.op_type))
    });
    if let (true, Ok(plain)) = (known, &plain) {
        let answer = autograd(plain, &point, &cotangent, Kind::Double);
        match answer.and_then(|answer| corpus::along(&answer.grad, &directions)) {
            Ok(found) if norm(&(&found - &slopes)) < ROUNDING * scale(&slopes, &cotangent) => {
                row.right[LIBTORCH] += 1;
            }
            Ok(found) => wrong.push(format!("libtorch is wrong: {found}, not {slopes}")),
            Err(error) => row.remark(format!(
                "libtorch: {}",
                short(&without_names(&format!("{error:#}")))
            )),
        }
    }
    for (engine, kind) in ENGINES.into_iter().enumerate() {
        // How far the operator itself is off; `None` where the reference evaluator answers in another shape.
        let forward = || -> Result<Option<f64>> {
            let mut outputs = corpus::run(
                kind,
                plain.as_ref().map_err(|e| anyhow!("{e}"))?,
                &[(&case.input, &point)],
            )?;
            let found = take(&mut outputs, &case.output)?.mapv(f64::from);
            let same = found.shape() == output.shape();
            Ok(same.then(|| relative_distance(&found, &output)))
        };
        let found = corpus::gradient(kind, &graph, (&case.input, &point), &cotangent)
            .and_then(|grad| corpus::along(&grad, &directions));
        match found {
            Ok(found) => {
                let off = norm(&(&found - &slopes)) / scale(&slopes, &cotangent);
                if off < ROUNDING {
                    row.right[engine] += 1;
                    if let Ok(Some(off)) = forward()
                        && off > ROUNDING
                    {
                        match kind {
                            EngineKind::Ort => row.remark(format!(
                                "{} computes the operator itself otherwise",
                                title(kind)
                            )),
                            _ => wrong.push(format!("{kind:?} is {off:.1e} off forward")),
                        }
                    }
                } else if matches!(forward(), Ok(Some(off)) if off > ROUNDING) {
                    row.remark(format!(
                        "{} computes the operator itself wrong",
                        title(kind)
                    ));
                } else {
                    wrong.push(format!("{kind:?} is {off:.1e} off"));
                }
            }
            Err(error) => {
                eprintln!("{} in {}: {error:#}", case.name, title(kind));
                row.remark(if forward().is_err() {
                    format!("{} does not run the operator itself", title(kind))
                } else {
                    let why = without_names(&format!("{error:#}"));
                    format!("{}: {}", title(kind), short(&why))
                });
            }
        }
    }
    wrong
}

/// What an error is held against: a gradient that cancels is rounded as finely as what cancels.
fn scale(slopes: &ArrayD<f64>, cotangent: &ArrayD<f32>) -> f64 {
    norm(slopes).max(1e-2 * norm(&cotangent.mapv(f64::from)))
}

fn norm(values: &ArrayD<f64>) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn line(table: &mut String, name: &str, row: &Row) {
    let remarks: Vec<_> = row
        .remarks
        .iter()
        .map(|(remark, count)| format!("{remark} ({count})"))
        .collect();
    let _ = writeln!(
        table,
        "| {name} | {} of {} | {} | {} | {} | {} |",
        row.differentiated,
        row.cases,
        row.right[0],
        row.right[1],
        row.right[2],
        remarks.join("; ")
    );
}

/// `y = x · σ(αx)`, so `dx = dy · (σ + αx · σ · (1 − σ))`: against the formula in float64.
#[test]
fn swish_is_differentiated_by_its_definition() {
    let mut g = GraphBuilder::new("swish");
    let x = g.input("x", &[Dim::Known(2), Dim::Known(7)]);
    let y = g.node("Swish", "y", &[&x], [("alpha", 1.5_f32.into())]);
    g.output(&y, None);
    let mut proto = g.finish().unwrap().into_proto();
    for set in &mut proto.opset_import {
        set.version = 24;
    }
    let model = Model::from_proto(proto).unwrap();
    let graph = differentiate(model, &Options::default()).unwrap();
    let (point, dy) = (
        uniform(&[2, 7], -3.0, 3.0, 1),
        uniform(&[2, 7], -1.0, 1.0, 2),
    );
    // tract does not know the operator itself; its gradient it does.
    let found = corpus::gradient(EngineKind::Tract, &graph, ("x", &point), &dy).unwrap();
    let slope = point.mapv(f64::from).mapv(|x| {
        let s = 1.0 / (1.0 + (-1.5 * x).exp());
        s + 1.5 * x * s * (1.0 - s)
    });
    assert!(relative_distance(&found, &(slope * dy.mapv(f64::from))) < 1e-6);
}
