//! Every operator on its own: libtorch, ONNX Runtime and tract give the same values, and the differentiated graph the
//! gradient that autograd and finite differences give.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use ndarray::ArrayD;
use pellucid_shared::autodiff;
use pellucid_shared::onnx::Model;
use pellucid_tests::{
    Answer, Case, autograd, cases, differentiated, finite_differences, relative_distance, uniform,
};
use pellucid_trainer::check::WITHOUT_CASE;
use pellucid_trainer::engines::{EngineKind, open};
use pellucid_trainer::torch;
use tch::Kind;

/// Single operators on small inputs: float32 rounding alone, 2⁻²⁴ times the few additions of a 3×3×3 window.
const ROUNDING: f64 = 2e-6;
/// Central differences with step 1e-5 in float64: h² and rounding/h, both near 1e-10.
const DIFFERENCES: f64 = 1e-8;

fn cotangent_of(model: &Model, input: &ArrayD<f32>) -> ArrayD<f32> {
    let zero = ndarray::arr0(0.0).into_dyn();
    let output = autograd(model, input, &zero, Kind::Double)
        .expect("libtorch executes the operator")
        .output;
    uniform(output.shape(), -1.0, 1.0, 99)
}

fn for_every_case(check: impl Fn(&Case, &ArrayD<f32>, &Answer) -> Vec<String>) {
    let mut failures = vec![];
    for case in cases().unwrap() {
        let cotangent = cotangent_of(&case.model, &case.input);
        let exact = autograd(&case.model, &case.input, &cotangent, Kind::Double).unwrap();
        failures.extend(
            check(&case, &cotangent, &exact)
                .into_iter()
                .map(|why| format!("{}: {why}", case.name)),
        );
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_operator_that_libtorch_executes_and_has_a_rule_has_a_case() {
    let tried: BTreeSet<String> = cases()
        .unwrap()
        .iter()
        .map(|case| case.name.split(' ').next().unwrap().to_owned())
        .collect();
    let executed = |op: &&str| torch::has_operator(op) && !WITHOUT_CASE.contains(op);
    for op in autodiff::operators().filter(executed) {
        assert!(
            tried.contains(op),
            "{op} has a gradient rule but no test case"
        );
    }
}

#[test]
fn autograd_agrees_with_finite_differences() {
    for_every_case(|case, cotangent, exact| {
        let slopes = finite_differences(&case.model, &case.input, cotangent).unwrap();
        let distance = relative_distance(&exact.grad, &slopes);
        if distance < DIFFERENCES {
            vec![]
        } else {
            vec![format!("gradient is {distance:e} off")]
        }
    });
}

#[test]
fn engines_agree_with_libtorch_on_values_and_gradients() {
    for_every_case(|case, cotangent, exact| {
        let mut failures = vec![];
        for kind in [EngineKind::Ort, EngineKind::Tract] {
            let answer = match differentiated(&case.model, &case.input, cotangent, |model| {
                open(kind, model)
            }) {
                Ok(answer) => answer,
                Err(error) => {
                    failures.push(format!("{kind:?}: {error:#}"));
                    continue;
                }
            };
            for (what, ours, theirs) in [
                ("value", &answer.output, &exact.output),
                ("gradient", &answer.grad, &exact.grad),
            ] {
                if ours.shape() != theirs.shape() {
                    failures.push(format!(
                        "{kind:?}: {what} has shape {:?}, not {:?}",
                        ours.shape(),
                        theirs.shape()
                    ));
                } else if relative_distance(ours, theirs) > ROUNDING {
                    failures.push(format!(
                        "{kind:?}: {what} is {:e} off",
                        relative_distance(ours, theirs)
                    ));
                }
            }
        }
        failures
    });
}

#[test]
fn tied_maxima_send_the_gradient_where_libtorch_sends_it() {
    let flat = ArrayD::zeros(ndarray::IxDyn(&[2, 3, 7, 8]));
    for case in cases()
        .unwrap()
        .into_iter()
        .filter(|case| case.name.starts_with("MaxPool"))
    {
        let cotangent = cotangent_of(&case.model, &flat);
        let exact = autograd(&case.model, &flat, &cotangent, Kind::Float).unwrap();
        for kind in [EngineKind::Ort, EngineKind::Tract] {
            let answer =
                differentiated(&case.model, &flat, &cotangent, |model| open(kind, model)).unwrap();
            let distance = relative_distance(&answer.grad, &exact.grad);
            assert!(
                distance < ROUNDING,
                "{} in {kind:?}: {distance:e} off",
                case.name
            );
        }
    }
}
