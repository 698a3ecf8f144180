use std::collections::{HashMap, HashSet};

use ndarray::{ArrayD, ArrayViewD};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::model::TypedSimpleState;

use super::tract::{NAME, load_error, optimise, parse, run_error};
use super::{EngineError, contained, require_numbers};
use onnx_edit::{Footprint, Model};

/// A differentiated network on tract that remembers its forward pass.
///
/// [`TractTape::forward`] gives the output as soon as it is known, [`TractTape::backward`] the gradient of any
/// combination of outputs without running the forward half again: what a viewer needs that shows predictions first and
/// then the saliency of one class after another. Holds one packed copy of the weights per direction, and nothing of
/// the model it was made from.
pub struct TractTape {
    state: TypedSimpleState,
    image: usize,
    output: OutletId,
    forward: Vec<Step>,
    backward: Option<Backward>,
    /// What the gradient is called.
    grad: String,
    progress: Progress,
}

/// The backward half: what depends on the image alone is computed once per image, the rest once per cotangent.
struct Backward {
    cotangent: usize,
    grad: OutletId,
    once: Vec<Step>,
    each: Vec<Step>,
}

/// A node to compute, and the nodes whose values nobody reads afterwards.
struct Step {
    node: usize,
    frees: Vec<usize>,
}

/// What the state holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Nothing,
    Forward,
    Once,
}

impl TractTape {
    /// Makes a model runnable for one shape of its image, such as `[1, 3, 224, 224]`, and so one of its output, such as
    /// `[1, K]`.
    ///
    /// Where the model has an input and an output of the names in `direction`, the cotangent and the gradient, so has the tape; without
    /// them only [`TractTape::forward`] works.
    ///
    /// # Errors
    /// [`EngineError::Load`] where tract cannot run the graph, [`EngineError::MissingInput`] or
    /// [`EngineError::MissingOutput`] where it has no value of that name.
    pub fn new(
        model: Model,
        (input, input_shape): (&str, &[usize]),
        (output, output_shape): (&str, &[usize]),
        direction: (&str, &str),
    ) -> Result<Self, EngineError> {
        let inputs: Vec<String> = model.inputs().iter().map(|i| i.name.clone()).collect();
        let outputs: Vec<String> = model.outputs().iter().map(|o| o.name.clone()).collect();
        let mut footprint = Footprint::of(&model)?;
        let mut parsed = parse(model)?;
        let position = |names: &[String], name: &str| names.iter().position(|n| n == name);
        let image =
            position(&inputs, input).ok_or_else(|| EngineError::MissingInput(input.to_owned()))?;
        let output = position(&outputs, output)
            .ok_or_else(|| EngineError::MissingOutput(output.to_owned()))?;
        let (cotangent, grad) = direction;
        let direction = position(&inputs, cotangent).zip(position(&outputs, grad));

        let cotangent = direction.map(|(cotangent, _)| (cotangent, output_shape));
        let fed: Vec<_> = [(image, input_shape)]
            .into_iter()
            .chain(cotangent)
            .collect();
        let named: Vec<_> = fed
            .iter()
            .map(|&(index, shape)| (&inputs[index][..], shape))
            .collect();
        footprint.admit(&named)?;
        contained(NAME, || {
            for (index, shape) in fed {
                let fact = InferenceFact::dt_shape(f32::datum_type(), shape);
                parsed.set_input_fact(index, fact).map_err(load_error)?;
            }
            let plan = optimise(parsed)?;
            Self::schedule(&plan, image, output, direction, grad).map_err(load_error)
        })
    }

    /// Sorts the plan's nodes into the steps of the two halves.
    fn schedule(
        plan: &Arc<TypedRunnableModel>,
        image: usize,
        output: usize,
        direction: Option<(usize, usize)>,
        name: &str,
    ) -> TractResult<Self> {
        let model = plan.model();
        let order = plan.order_without_consts();
        let outlet = |index: usize| model.output_outlets().map(|outlets| outlets[index]);
        let output = outlet(output)?;
        let first = ancestors(model, output.node);
        let mut phases: [Vec<usize>; 3] = Default::default();
        phases[0].extend(order.iter().filter(|node| first.contains(node)));
        let mut kept = vec![output.node];
        let mut ends = None;
        if let Some((cotangent, grad)) = direction {
            let grad = outlet(grad)?;
            kept.push(grad.node);
            let varying = descendants(model, order, model.input_outlets()?[cotangent].node);
            let needed = ancestors(model, grad.node);
            for node in order
                .iter()
                .filter(|&node| needed.contains(node) && !first.contains(node))
            {
                phases[1 + usize::from(varying.contains(node))].push(*node);
            }
            ends = Some((cotangent, grad));
        }
        let [forward, once, each] = steps(model, &phases, &kept);
        Ok(Self {
            state: plan.spawn()?,
            image,
            output,
            forward,
            backward: ends.map(|(cotangent, grad)| Backward {
                cotangent,
                grad,
                once,
                each,
            }),
            grad: name.to_owned(),
            progress: Progress::Nothing,
        })
    }

    /// Whether [`TractTape::backward`] works.
    #[must_use]
    pub fn has_gradient(&self) -> bool {
        self.backward.is_some()
    }

    /// Runs the network on an image of the shape given to [`TractTape::new`] and returns its output, such as the
    /// logits `[1, K]`.
    ///
    /// # Errors
    /// [`EngineError::Run`] where the shape is another, or tract fails.
    pub fn forward(&mut self, image: ArrayViewD<'_, f32>) -> Result<ArrayD<f32>, EngineError> {
        self.progress = Progress::Nothing;
        require_numbers("image", &image)?;
        let output = contained(NAME, || self.record(image).map_err(run_error))?;
        self.progress = Progress::Forward;
        Ok(output)
    }

    fn record(&mut self, image: ArrayViewD<'_, f32>) -> TractResult<ArrayD<f32>> {
        // A state that has not run yet has nothing to reset, and tract would not survive the attempt.
        if !self.state.turn_state.values.is_empty() {
            self.state.reset_turn()?;
        }
        self.state.set_input(self.image, tensor(image))?;
        run(&mut self.state, &self.forward)?;
        value(&self.state, self.output)
    }

    /// The gradient of `cotangent · output` with respect to the image last given to [`TractTape::forward`], in the
    /// image's shape. The cotangent has the output's shape; a one-hot row picks a class.
    ///
    /// # Errors
    /// [`EngineError::MissingOutput`] where the model was not differentiated, [`EngineError::Run`] where no image has
    /// been run, the shape is another, or tract fails.
    pub fn backward(&mut self, cotangent: ArrayViewD<'_, f32>) -> Result<ArrayD<f32>, EngineError> {
        let Some(backward) = &self.backward else {
            return Err(EngineError::MissingOutput(self.grad.clone()));
        };
        if self.progress == Progress::Nothing {
            return Err(EngineError::Run {
                engine: NAME,
                why: "no image has been run forward yet".to_owned(),
            });
        }
        let started = std::mem::replace(&mut self.progress, Progress::Nothing);
        let grad = contained(NAME, || {
            gradient(&mut self.state, backward, started, cotangent).map_err(run_error)
        })?;
        self.progress = Progress::Once;
        Ok(grad)
    }
}

fn gradient(
    state: &mut TypedSimpleState,
    backward: &Backward,
    started: Progress,
    cotangent: ArrayViewD<'_, f32>,
) -> TractResult<ArrayD<f32>> {
    if started == Progress::Forward {
        run(state, &backward.once)?;
    }
    state.set_input(backward.cotangent, tensor(cotangent))?;
    run(state, &backward.each)?;
    value(state, backward.grad)
}

fn run(state: &mut TypedSimpleState, steps: &[Step]) -> TractResult<()> {
    for step in steps {
        let inputs = state.prepare_inputs(step.node)?;
        // Before the operator runs: tract works in place on values that nobody else holds.
        for &node in &step.frees {
            state.turn_state.values[node] = None;
        }
        state.compute_one_with_inputs(step.node, inputs)?;
    }
    Ok(())
}

/// The node and everything that it is computed from.
fn ancestors(model: &TypedModel, node: usize) -> HashSet<usize> {
    let mut found = HashSet::from([node]);
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        for input in &model.node(node).inputs {
            if found.insert(input.node) {
                open.push(input.node);
            }
        }
    }
    found
}

/// The node and everything that is computed from it.
fn descendants(model: &TypedModel, order: &[usize], node: usize) -> HashSet<usize> {
    let mut found = HashSet::from([node]);
    for &node in order {
        if model
            .node(node)
            .inputs
            .iter()
            .any(|input| found.contains(&input.node))
        {
            found.insert(node);
        }
    }
    found
}

/// The steps of each phase. A value is freed at its last use, unless a later cotangent needs it again: the last phase
/// frees only what it computed itself.
fn steps(model: &TypedModel, phases: &[Vec<usize>; 3], kept: &[usize]) -> [Vec<Step>; 3] {
    let mut made_in = HashMap::new();
    let mut last_use = HashMap::new();
    for (phase, nodes) in phases.iter().enumerate() {
        for (index, &node) in nodes.iter().enumerate() {
            made_in.insert(node, phase);
            for input in &model.node(node).inputs {
                last_use.insert(input.node, (phase, index));
            }
        }
    }
    let mut frees: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
    for (node, at) in last_use {
        // Constants are made in no phase and stay.
        let freed = made_in
            .get(&node)
            .is_some_and(|&made| at.0 < 2 || made == 2);
        if freed && !kept.contains(&node) {
            frees.entry(at).or_default().push(node);
        }
    }
    std::array::from_fn(|phase| {
        let nodes = phases[phase].iter().enumerate();
        let step = |(index, &node): (usize, &usize)| Step {
            node,
            frees: frees.remove(&(phase, index)).unwrap_or_default(),
        };
        nodes.map(step).collect()
    })
}

fn tensor(value: ArrayViewD<'_, f32>) -> TValue {
    Tensor::from(value.to_owned()).into()
}

fn value(state: &TypedSimpleState, outlet: OutletId) -> TractResult<ArrayD<f32>> {
    let values = state.turn_state.values[outlet.node].as_ref();
    let value = values.and_then(|values| values.get(outlet.slot));
    let value = value.ok_or_else(|| TractError::msg("an output was not computed"))?;
    value.clone().into_tensor().into_plain_array::<f32>()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, IxDyn};

    use super::*;
    use crate::engine::{Engine, TractEngine};
    use onnx_autodiff::{COTANGENT, GRAD, Options, differentiate};
    use pellucid_zoo::{self as zoo, Architecture, Blueprint, IMAGE, LOGITS};

    const SHAPE: [usize; 4] = [1, 3, 32, 32];

    fn network() -> Model {
        zoo::build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 7)).unwrap()
    }

    fn taped(model: Model) -> Result<TractTape, EngineError> {
        TractTape::new(model, (IMAGE, &SHAPE), (LOGITS, &[1, 3]), (COTANGENT, GRAD))
    }

    fn image(phase: f32) -> ArrayD<f32> {
        let mut index = 0.0;
        Array::from_shape_simple_fn(IxDyn(&SHAPE), || {
            index += 1.0;
            (index * 0.37 + phase).sin() * 0.5 + 0.5
        })
    }

    fn one_hot(class: usize) -> ArrayD<f32> {
        let mut row = ArrayD::zeros(IxDyn(&[1, 3]));
        row[[0, class]] = 1.0;
        row
    }

    /// Two images, classes in any order: what is kept from before must never leak into what is asked now.
    #[test]
    fn both_halves_give_what_one_run_gives() {
        let differentiated = differentiate(network(), &Options::default()).unwrap();
        let mut whole = TractEngine::new(&differentiated).unwrap();
        let mut tape = taped(differentiated).unwrap();
        for phase in [0.0, 1.0] {
            let image = image(phase);
            let logits = tape.forward(image.view()).unwrap();
            for class in [2, 0, 0, 1] {
                let inputs = [
                    (IMAGE, image.view()),
                    (COTANGENT, one_hot(class).into_dyn().view()),
                ]
                .map(|(name, value)| (name, value.to_owned()));
                let views: Vec<_> = inputs
                    .iter()
                    .map(|(name, value)| (*name, value.view()))
                    .collect();
                let expected = whole.run(&views).unwrap();
                assert_eq!(logits, expected[LOGITS]);
                assert_eq!(
                    tape.backward(one_hot(class).view()).unwrap(),
                    expected[GRAD]
                );
            }
        }
    }

    #[test]
    fn order_and_shape_mistakes_are_errors() {
        let differentiated = differentiate(network(), &Options::default()).unwrap();
        let mut tape = taped(differentiated).unwrap();
        assert!(matches!(
            tape.backward(one_hot(0).view()),
            Err(EngineError::Run { .. })
        ));
        let small = ArrayD::zeros(IxDyn(&[1, 3, 16, 16]));
        assert!(matches!(
            tape.forward(small.view()),
            Err(EngineError::Run { .. })
        ));
        assert!(
            tape.backward(one_hot(0).view()).is_err(),
            "a failed image must not be explained"
        );
        tape.forward(image(0.0).view()).unwrap();
        let wide = ArrayD::zeros(IxDyn(&[1, 4]));
        assert!(tape.backward(wide.view()).is_err());
        assert!(matches!(
            TractTape::new(
                network(),
                ("picture", &SHAPE),
                (LOGITS, &[1, 3]),
                (COTANGENT, GRAD)
            ),
            Err(EngineError::MissingInput(_))
        ));
    }

    #[test]
    fn a_plain_model_runs_forward_only() {
        let mut tape = taped(network()).unwrap();
        assert!(!tape.has_gradient());
        assert_eq!(tape.forward(image(0.0).view()).unwrap().shape(), [1, 3]);
        assert!(matches!(
            tape.backward(one_hot(0).view()),
            Err(EngineError::MissingOutput(_))
        ));
    }
}
