//! Watching for values that are no numbers.
//!
//! tract's kernels of `max`, `min`, `sigmoid` and others turn NaN into a number, so that a broken network would answer with
//! confidence. Wherever such an operator reads a computed value, a watch is put in between: it hands the value on as it is,
//! and ends the run if there is a NaN in it. That costs one more reading of those values, and that a convolution and the
//! activation behind it are two passes.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;

use super::convolve;
use super::fault::NotANumber;

/// The operators of a typed model that hand NaN on. All others are watched, whether they swallow it or not.
const HANDING_ON: &[&str] = &[
    "Abs",
    "Add",
    "AddAxis",
    "Concat",
    "Conv",
    "CumSum",
    "Deconv",
    "Div",
    "DynSlice",
    "DynTile",
    "EinSum",
    "Gather",
    "GatherElements",
    "GatherNd",
    "Identity",
    "IfThenElse",
    "Iff",
    "IntoShape",
    "MoveAxis",
    "Mul",
    "MultiBroadcastTo",
    "Neg",
    "Onehot",
    convolve::NAME,
    "Pad",
    "Pow",
    "Recip",
    "Reduce<MeanOfSquares>",
    "Reduce<Prod>",
    "Reduce<Sum>",
    "Reshape",
    "Resize",
    "RmAxis",
    "Rsqrt",
    "ScatterElements",
    "ScatterNd",
    "Slice",
    "Square",
    "Sqrt",
    "StridedSlice",
    "Sub",
    "SubF",
    "SumPool",
    "Tile",
    "Trilu",
];

/// Operators whose finite inputs have a finite result unless numbers overflow: behind them infinity is a fault too.
const LINEAR: &[&str] = &["Conv", "Deconv", "EinSum", convolve::NAME];

/// How many operators that only scale, shift or rearrange may stand between a linear one and the watch.
const LOOK_BACK: usize = 8;

/// Puts the watches into a decluttered model.
pub(super) fn watched(mut model: TypedModel) -> TractResult<TypedModel> {
    let mut places = vec![];
    for node in model.nodes() {
        let name = node.op.name();
        let floats = node.outputs.iter().any(|o| is_float(&o.fact));
        if !floats || node.inputs.is_empty() || HANDING_ON.contains(&&*name) {
            continue;
        }
        for (slot, &outlet) in node.inputs.iter().enumerate() {
            if is_never_nan(&model, outlet) || (name == convolve::GATE && slot == 1) {
                continue;
            }
            let fact = model.outlet_fact(outlet)?;
            if is_float(fact) && fact.konst.is_none() {
                places.push((outlet, InletId::new(node.id, slot), node.name.clone()));
            }
        }
    }
    let mut watches = std::collections::HashMap::new();
    for (outlet, inlet, reader) in places {
        let watch = match watches.get(&outlet) {
            Some(&watch) => watch,
            None => {
                let op = Watch {
                    reader,
                    finite: comes_of_a_sum(&model, outlet),
                };
                let fact = model.outlet_fact(outlet)?.clone();
                let name = format!("watch {}.{}", outlet.node, outlet.slot);
                let node = model.add_node(name, op, tvec!(fact))?;
                model.add_edge(outlet, InletId::new(node, 0))?;
                watches.insert(outlet, OutletId::new(node, 0));
                OutletId::new(node, 0)
            }
        };
        model.add_edge(watch, inlet)?;
    }
    Ok(model)
}

/// Whether a value is the larger of zero and something that is watched.
fn is_never_nan(model: &TypedModel, outlet: OutletId) -> bool {
    &*model.node(outlet.node).op.name() == convolve::RECTIFIED
}

fn is_float(fact: &TypedFact) -> bool {
    fact.datum_type == f32::datum_type()
}

/// Whether a value is a weighted sum, perhaps scaled and shifted by constants: then only an overflow makes it infinite.
fn comes_of_a_sum(model: &TypedModel, mut outlet: OutletId) -> bool {
    for _ in 0..LOOK_BACK {
        let node = model.node(outlet.node);
        let name = node.op.name();
        if LINEAR.contains(&&*name) {
            return true;
        }
        let passes = [
            "Add", "AddAxis", "Mul", "MoveAxis", "Reshape", "RmAxis", "Sub",
        ];
        // A mask that is added may be infinite by intention.
        let computed = |outlet: &&OutletId| !model.outlet_fact(**outlet).is_ok_and(is_finite);
        let inputs: TVec<OutletId> = node.inputs.iter().filter(computed).copied().collect();
        match (passes.contains(&&*name), &inputs[..]) {
            (true, &[only]) => outlet = only,
            _ => return false,
        }
    }
    false
}

/// Whether a value is a constant of finite numbers.
fn is_finite(fact: &TypedFact) -> bool {
    let values = fact.konst.as_ref().map(|k| k.to_plain_array_view::<f32>());
    values.is_some_and(|values| values.is_ok_and(|v| v.iter().all(|v| v.is_finite())))
}

/// Hands its input on, if it holds numbers only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Watch {
    /// The node behind it.
    reader: String,
    /// Whether infinity is refused too.
    finite: bool,
}

impl Op for Watch {
    fn name(&self) -> StaticName {
        "Watch".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Watch {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        for input in &inputs {
            let values = input.to_plain_array_view::<f32>()?;
            let sound = match values.as_slice_memory_order() {
                Some(values) => sound(values, self.finite),
                None => values.iter().all(|&v| sound(&[v], self.finite)),
            };
            if !sound {
                let node = self.reader.clone();
                return Err(NotANumber { node }.into());
            }
        }
        Ok(inputs)
    }
}

impl TypedOp for Watch {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}

/// Whether all values are numbers, or finite ones. Without a branch per element, so that it is one pass of vector
/// instructions.
fn sound(values: &[f32], finite: bool) -> bool {
    /// The bits of infinity: all exponents are below, NaN is above.
    const INFINITY: u32 = 0x7f80_0000;
    let most = if finite { INFINITY - 1 } else { INFINITY };
    values.chunks(4096).all(|chunk| {
        let beyond = chunk.iter().fold(0, |found, value| {
            found | u32::from(value.to_bits() & 0x7fff_ffff > most)
        });
        beyond == 0
    })
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;

    use super::super::{Engine, EngineError, TractEngine};
    use onnx_edit::{AttributeValue, Dim, GraphBuilder};

    /// What an operator makes of `x / x`, `[1, 2, 4, 4]`.
    fn answer(
        op: &str,
        with: &[f32],
        attributes: &[(&str, AttributeValue)],
        x: &ArrayD<f32>,
    ) -> Result<ArrayD<f32>, EngineError> {
        let mut graph = GraphBuilder::new("nan");
        graph.input("x", &[1, 2, 4, 4].map(Dim::Known));
        let quotient = graph.node("Div", "quotient", &["x", "x"], []);
        let constants: Vec<String> = with.iter().map(|&v| graph.scalar("c", v)).collect();
        let mut inputs = vec![&quotient[..]];
        inputs.extend(constants.iter().map(|name| &name[..]));
        graph.node(op, "y", &inputs, attributes.iter().cloned());
        graph.output("y", None);
        let mut engine = TractEngine::new(&graph.finish().unwrap())?;
        Ok(engine.run(&[("x", x.view())])?.remove("y").unwrap())
    }

    /// 0 / 0 in one place: every operator hands it on, or the run ends and names it.
    #[test]
    fn no_operator_turns_nan_into_a_number() {
        let mut x = ArrayD::from_elem(vec![1, 2, 4, 4], 0.5);
        x[[0, 1, 2, 2]] = 0.0;
        let window = [("kernel_shape", AttributeValue::from([2, 2]))];
        let none: &[(&str, AttributeValue)] = &[];
        for (op, with, attributes) in [
            ("Relu", &[][..], none),
            ("Clip", &[0.0, 6.0], none),
            ("Max", &[0.0], none),
            ("Min", &[0.0], none),
            ("Sigmoid", &[], none),
            ("Tanh", &[], none),
            ("Erf", &[], none),
            ("Exp", &[], none),
            ("Elu", &[], none),
            ("Selu", &[], none),
            ("HardSigmoid", &[], none),
            ("HardSwish", &[], none),
            ("LeakyRelu", &[], none),
            ("PRelu", &[0.1], none),
            ("Softplus", &[], none),
            ("Softsign", &[], none),
            ("Mish", &[], none),
            ("Softmax", &[], none),
            ("LogSoftmax", &[], none),
            ("ReduceMax", &[], none),
            ("ReduceLogSumExp", &[], none),
            ("GlobalMaxPool", &[], none),
            ("GlobalAveragePool", &[], none),
            ("MaxPool", &[], &window),
            ("AveragePool", &[], &window),
            ("LpNormalization", &[], none),
            ("Abs", &[], none),
            ("Sqrt", &[], none),
        ] {
            match answer(op, with, attributes, &x) {
                Ok(y) => assert!(y.iter().any(|v| v.is_nan()), "{op}: {y}"),
                Err(EngineError::NotANumber { node }) => assert_eq!(node, "y", "{op}"),
                // What tract does not run says nothing wrong.
                Err(EngineError::Load { .. }) => {}
                Err(other) => panic!("{op}: {other}"),
            }
            let sound = ArrayD::from_elem(vec![1, 2, 4, 4], 0.5);
            if let Ok(y) = answer(op, with, attributes, &sound) {
                assert!(y.iter().all(|v| v.is_finite()), "{op}: {y}");
            }
        }
    }

    /// A mask of −∞ before a softmax is meant so; a product beyond all bounds is not.
    #[test]
    fn infinity_is_a_fault_where_an_overflow_made_it() {
        let run = |weight: f32, mask: f32| {
            let mut graph = GraphBuilder::new("mask");
            graph.input("x", &[1, 2].map(Dim::Known));
            graph.floats("w", &ndarray::arr2(&[[weight, 1.0], [1.0, 2.0]]).into_dyn());
            graph.floats("mask", &ndarray::arr1(&[0.0, mask]).into_dyn());
            graph.node("MatMul", "product", &["x", "w"], []);
            graph.node("Add", "masked", &["product", "mask"], []);
            graph.node("Softmax", "y", &["masked"], []);
            graph.output("y", None);
            let mut engine = TractEngine::new(&graph.finish().unwrap()).unwrap();
            let x = ArrayD::from_elem(vec![1, 2], 3.0);
            engine.run(&[("x", x.view())])
        };
        let masked = run(1.0, f32::NEG_INFINITY).unwrap();
        assert_eq!(masked["y"].iter().copied().collect::<Vec<_>>(), [1.0, 0.0]);
        let beyond = run(3e38, 0.0);
        assert!(matches!(beyond, Err(EngineError::NotANumber { .. })));
    }
}
