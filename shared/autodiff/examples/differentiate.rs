//! Differentiates many models in one process: what `tests/reference/check_nodes.py` calls, since starting a program a
//! thousand times takes longer than what it does.
//!
//! Every line of the standard input is `MODEL <tab> RESULT <tab> INPUT <tab> OUTPUT`: two paths and two names. Every line
//! of the answer is `ok`, `no rule`, `no path`, `refused` or `failed`, a tab, and what the error says. A panic is a failure too.

use std::io::BufRead;
use std::panic::catch_unwind;

use onnx_autodiff::{AutodiffError, Options, differentiate};
use onnx_edit::Model;

fn main() -> std::io::Result<()> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (verdict, why) = match line.split('\t').collect::<Vec<_>>()[..] {
            [model, result, input, output] => catch_unwind(|| one(model, result, input, output))
                .unwrap_or_else(|_| ("failed", "panicked".to_owned())),
            _ => ("failed", "the line does not have four fields".to_owned()),
        };
        println!("{verdict}\t{}", why.replace(['\n', '\t'], " "));
    }
    Ok(())
}

fn one(model: &str, result: &str, input: &str, output: &str) -> (&'static str, String) {
    let options = Options {
        input: Some(input.to_owned()),
        output: Some(output.to_owned()),
        ..Options::default()
    };
    let failed = |error: &dyn std::fmt::Display| ("failed", error.to_string());
    let bytes = match std::fs::read(model) {
        Ok(bytes) => bytes,
        Err(error) => return failed(&error),
    };
    let model = match Model::parse(&bytes) {
        Ok(model) => model,
        Err(error) => return failed(&error),
    };
    match differentiate(model, &options) {
        Ok(graph) => match std::fs::write(result, graph.to_bytes()) {
            Ok(()) => ("ok", String::new()),
            Err(error) => failed(&error),
        },
        Err(error @ AutodiffError::NoRule { .. }) => ("no rule", error.to_string()),
        Err(error @ AutodiffError::NoPath { .. }) => ("no path", error.to_string()),
        Err(error @ (AutodiffError::Unsupported { .. } | AutodiffError::OpenShape { .. })) => {
            ("refused", error.to_string())
        }
        Err(error) => failed(&error),
    }
}
