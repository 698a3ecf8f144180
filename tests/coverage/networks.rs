//! Whole networks as PyTorch exports them.

use std::fmt::Write;

use ndarray::ArrayD;
use pellucid_shared::autodiff::{self, AutodiffError, Options, differentiate};
use pellucid_shared::engine::take;
use pellucid_shared::onnx::Model;
use pellucid_tests::corpus::{self, Corpus, ENGINES, NetworkCase};
use pellucid_tests::{autograd, document, relative_distance};
use pellucid_trainer::engines::EngineKind;
use pellucid_trainer::export;
use tch::Kind;

use super::{refusal, short, title, training, without_names};

/// What the project promises of a network's logits and gradient.
const NETWORK: f64 = 1e-4;

#[test]
fn networks() {
    hold("models", "networks");
}

#[test]
fn timm() {
    hold("timm", "timm");
}

/// Holds the table `title` of the documentation to a zoo's networks.
fn hold(zoo: &str, title: &str) {
    let corpus = corpus::networks(zoo).unwrap();
    let mut table = "| network | exporter | ONNX Runtime | tract | libtorch | training | remarks |\n| --- | --- | --- | --- | --- | --- | --- |\n".to_owned();
    let mut wrong = vec![];
    for case in &corpus.entries {
        for exporter in &case.exporters {
            let (cells, mut remarks) = network(&corpus, &case.name, exporter, &mut wrong);
            remarks.extend(case.autograd_off.map(held_to_differences));
            let _ = writeln!(
                table,
                "| {} | {exporter} | {} | {} | {} | {} | {} |",
                case.name,
                cells[0],
                cells[1],
                cells[2],
                cells[3],
                remarks.join("; ")
            );
        }
        for (exporter, why) in &case.refused {
            let why = short(why);
            let _ = writeln!(
                table,
                "| {} | {exporter} | – | – | – | – | PyTorch does not export it: {why} |",
                case.name
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    document::hold(title, &table).unwrap();
}

/// The order of magnitude alone: processors round differently.
fn held_to_differences(off: f64) -> String {
    format!(
        "held to differences, which autograd is off by 1e{:.0}",
        off.log10().floor()
    )
}

/// A network's cells in the table, one per engine, and remarks. What is wrong is added to `wrong`.
fn network(
    corpus: &Corpus<NetworkCase>,
    name: &str,
    exporter: &str,
    wrong: &mut Vec<String>,
) -> ([&'static str; 4], Vec<String>) {
    let mut cells = ["–"; 4];
    let model = corpus.model(name, &format!("{exporter}.onnx"));
    let graph = model
        .as_ref()
        .map_err(|error| format!("{error:#}"))
        .and_then(|model| {
            differentiate(model.clone(), &Options::default()).map_err(|error| match error {
                AutodiffError::NoRule { .. } => refusal(&error, ""),
                other => other.to_string(),
            })
        });
    let (Ok(model), Ok(graph)) = (&model, &graph) else {
        let why = graph.err().unwrap_or_default();
        return (cells, vec![short(&without_names(&why))]);
    };
    let array = |array| corpus.array::<f32>(name, array).unwrap();
    let exact = |array| corpus.array::<f64>(name, array).unwrap();
    let (image, cotangent) = (array("image"), array("cotangent"));
    let (logits, grad) = (exact("logits"), exact("grad"));
    let mut remarks = vec![];
    match autograd(model, &image, &cotangent, Kind::Double) {
        Ok(answer) => {
            let off = (
                relative_distance(&answer.output, &logits),
                relative_distance(&answer.grad, &grad),
            );
            eprintln!(
                "{name} {exporter} libtorch in float64: logits {:.1e}, gradient {:.1e}",
                off.0, off.1
            );
            if off.0 < NETWORK && off.1 < NETWORK {
                cells[2] = "equal";
            } else {
                wrong.push(format!(
                    "{name} ({exporter}) in libtorch: logits {:.1e} off, the gradient {:.1e}",
                    off.0, off.1
                ));
            }
        }
        Err(error) => {
            eprintln!("{name} {exporter} in libtorch: {error:#}");
            let why = without_names(&format!("{error:#}"));
            remarks.push(format!("libtorch: {}", short(&why)));
        }
    }
    let known = corpus.array::<f64>(name, "step");
    match known.and_then(|known| Ok((training::step(model, &image)?, known))) {
        Ok((found, known)) => match training::agrees(found, &known) {
            Ok(()) => cells[3] = "equal",
            Err(why) => match training::otherwise(name, exporter) {
                Some(reason) => remarks.push(reason.to_owned()),
                None => wrong.push(format!("{name} ({exporter}) trained: {why}")),
            },
        },
        // Why it is not executed is remarked above.
        Err(error) => eprintln!("{name} {exporter} trained: {error:#}"),
    }
    for (cell, kind) in cells.iter_mut().zip(ENGINES) {
        let inputs = [("image", &image), (autodiff::COTANGENT, &cotangent)];
        let answer = corpus::run(kind, graph, &inputs).and_then(|mut outputs| {
            let found = take(&mut outputs, "logits")?.mapv(f64::from);
            let slope = take(&mut outputs, autodiff::GRAD)?.mapv(f64::from);
            Ok((
                relative_distance(&found, &logits),
                relative_distance(&slope, &grad),
            ))
        });
        let (logits, gradient) = match answer {
            Ok(off) => off,
            Err(error) => {
                let why = without_names(&format!("{error:#}"));
                eprintln!("{name} {exporter} in {}: {error:#}", title(kind));
                remarks.push(format!("{}: {}", title(kind), short(&why)));
                continue;
            }
        };
        eprintln!(
            "{name} {exporter} {}: logits {logits:.1e}, gradient {gradient:.1e}",
            title(kind)
        );
        if logits < NETWORK && gradient < NETWORK {
            *cell = "equal";
        } else if logits < NETWORK && equal_on_its_piece(model, &image, kind) {
            // A decision fell otherwise than in float64. Where it does is a matter of the processor: the table is silent.
            *cell = "equal";
        } else {
            wrong.push(format!(
                "{name} ({exporter}) in {}: logits are {logits:.1e} off, the gradient {gradient:.1e}",
                title(kind)
            ));
        }
    }
    (cells, remarks)
}

/// Whether an engine's gradient is libtorch's in float64 once the decisions of `Relu`, `Clip` and `MaxPool` are those that the
/// engine made.
fn equal_on_its_piece(model: &Model, image: &ArrayD<f32>, kind: EngineKind) -> bool {
    let images = image.clone().into_dimensionality().unwrap();
    let report = match export::compare(model, model, &images) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("the linear pieces cannot be compared: {error:#}");
            return false;
        }
    };
    let name = match kind {
        EngineKind::Ort => "onnxruntime",
        EngineKind::Tract => "tract",
        EngineKind::Torch => "torch",
    };
    report.engines.iter().any(|engine| {
        eprintln!("{engine:?}");
        engine.engine == name
            && engine.logits < export::LOGITS
            && engine.gradient < export::GRADIENT
            && engine.piece < export::PIECE
    })
}
