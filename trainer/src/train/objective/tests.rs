//! Objectives on a linear network, held to numbers that the authors' own code gives in PyTorch (float64).

use ndarray::Array2;
use pellucid_shared::onnx::{Dim, GraphBuilder};
use tch::Device;

use super::*;
use crate::train::{Optimization, OptimizerChoice};

/// `sin(1.3 i + k)`.
fn wave(count: usize, k: f64) -> Vec<f32> {
    (0..count)
        .map(|i| (1.3 * i as f64 + k).sin() as f32)
        .collect()
}

/// Twelve pixels times a matrix: three logits.
fn network() -> Network {
    let mut graph = GraphBuilder::new("linear");
    let [n, c, s] = [Dim::Named("N".into()), Dim::Known(3), Dim::Known(2)];
    let image = graph.input("image", &[n, c, s.clone(), s]);
    let flat = graph.node("Flatten", "flat", &[&image], []);
    let weight: Vec<f32> = wave(36, 2.0).iter().map(|w| 1.5 * w).collect();
    let weight = Array2::from_shape_vec((12, 3), weight).unwrap();
    let weight = graph.floats("weight", &weight.into_dyn());
    let logits = graph.node("MatMul", "logits", &[&flat, &weight], []);
    graph.output(&logits, None);
    Network::new(&graph.finish().unwrap(), Device::Cpu).unwrap()
}

fn tensor(values: &[f32]) -> Tensor {
    Tensor::from_slice(values).view([4, 3, 2, 2])
}

/// Images, the same as an attack left them, and their classes.
fn shown() -> (Tensor, Tensor, Tensor) {
    let images: Tensor = 0.5 + 0.4 * tensor(&wave(48, 0.0));
    let offset: Tensor = 0.1 * tensor(&wave(48, 5.0));
    let attacked = (&images + offset).clamp(0.0, 1.0);
    (images, attacked, Tensor::from_slice(&[0_i64, 1, 2, 1]))
}

fn lesson<'a>(images: &'a Tensor, labels: &'a Tensor, objective: Objective) -> Lesson<'a> {
    Lesson {
        images,
        labels,
        attack: None,
        class_weights: None,
        objective,
        seed: 0,
    }
}

fn gradient(network: &Network) -> Tensor {
    network.parameters()[0].1.grad()
}

/// The loss, its gradient's length, and that gradient's first two numbers.
fn assert_near(network: &Network, loss: &Tensor, wanted: [f64; 4]) {
    let gradient = gradient(network);
    let found = [
        loss.double_value(&[]),
        gradient.norm().double_value(&[]),
        gradient.double_value(&[0, 0]),
        gradient.double_value(&[0, 1]),
    ];
    for (found, wanted) in found.into_iter().zip(wanted) {
        assert!((found - wanted).abs() < 2e-6, "{found} {wanted}");
    }
}

#[test]
fn trades_and_mart_are_their_authors() {
    let (images, attacked, labels) = shown();
    type Loss = fn(&Network, &Lesson<'_>, &Tensor) -> Result<(Tensor, Tensor)>;
    let cases: [(Loss, [f64; 4]); 2] = [
        (
            trades::loss,
            [
                1.2671653687142383,
                0.848281452679341,
                0.1649082673760718,
                -0.12701951204727913,
            ],
        ),
        (
            mart::loss,
            [
                1.9838566858072832,
                1.603096380768258,
                0.3959579859825813,
                -0.3071865352744648,
            ],
        ),
    ];
    for (objective, wanted) in cases {
        let network = network();
        let lesson = lesson(&images, &labels, Objective::default());
        let (loss, _) = objective(&network, &lesson, &attacked).unwrap();
        loss.backward();
        assert_near(&network, &loss, wanted);
    }
}

const SMOOTHED: Objective = Objective {
    method: Method::Pgd,
    beta: 6.0,
    replays: 4,
    weight_perturbation: None,
    smoothing: 0.1,
};

#[test]
fn classes_are_weighed_and_smoothed_as_pytorch_does() {
    let (images, attacked, labels) = shown();
    let network = network();
    let weights = Tensor::from_slice(&[1.0_f32, 2.0, 0.5]);
    let lesson = Lesson {
        class_weights: Some(&weights),
        ..lesson(&images, &labels, SMOOTHED)
    };
    let (loss, _) = pgd::loss(&network, &lesson, &attacked).unwrap();
    loss.backward();
    let wanted = [
        1.1529645752070194,
        1.1298468999841613,
        0.2474210975209249,
        -0.2913870856623539,
    ];
    assert_near(&network, &loss, wanted);
}

#[test]
fn weights_are_moved_to_look_and_stay_where_they_were() {
    let (images, attacked, labels) = shown();
    let network = network();
    let before = network.state();
    let weights = Tensor::from_slice(&[1.0_f32, 2.0, 0.5]);
    let lesson = Lesson {
        class_weights: Some(&weights),
        ..lesson(&images, &labels, SMOOTHED)
    };
    let mut optimizer = Optimizer::new(Optimization::default(), &network, 0.1).unwrap();
    let (loss, _) = weights::against(&network, &mut optimizer, 0.05, || {
        pgd::loss(&network, &lesson, &attacked)
    })
    .unwrap();
    let wanted = [
        1.5603042944440604,
        1.426530464135007,
        0.32731592949197186,
        -0.3648292843055224,
    ];
    assert_near(&network, &loss, wanted);
    assert!(network.state()[0].1.equal(&before[0].1));
}

/// One replay is a step on the attack's start; more go on from where its gradient leads, within the ball.
#[test]
fn free_training_learns_with_the_gradient_that_it_attacks_with() {
    let (images, _, labels) = shown();
    let attack = Attack::fgsm(Norm::Linf, 0.1, None).unwrap();
    let plain = Optimization {
        optimizer: OptimizerChoice::Sgd,
        momentum: 0.0,
        weight_decay: 0.0,
        ..Optimization::default()
    };
    let after = |replays: usize| {
        let network = network();
        let mut optimizer = Optimizer::new(plain, &network, 0.1).unwrap();
        let lesson = Lesson {
            attack: Some((attack, 3)),
            ..lesson(
                &images,
                &labels,
                Objective {
                    method: Method::Free,
                    replays,
                    ..Objective::default()
                },
            )
        };
        learn(&network, &mut optimizer, &lesson).unwrap();
        network.state()[0].1.copy()
    };
    let by_hand = |replays: usize| {
        let network = network();
        let mut optimizer = Optimizer::new(plain, &network, 0.1).unwrap();
        let mut image = attack.start(&images, 3).unwrap();
        for _ in 0..replays {
            let shown = image.detach().set_requires_grad(true);
            let logits = network.forward(&shown, Mode::Train).unwrap();
            optimizer
                .descend(&logits.cross_entropy_for_logits(&labels))
                .unwrap();
            let step = shown.grad().sign() * attack.step_size;
            let reach = (&image + step - &images).clamp(-0.1, 0.1);
            image = (&images + reach).clamp(0.0, 1.0);
        }
        network.state()[0].1.copy()
    };
    for replays in [1, 3] {
        let distance = (after(replays) - by_hand(replays)).abs().max();
        assert!(distance.double_value(&[]) < 1e-6, "{distance}");
    }
}

/// Attacked with TRADES' own loss, an image's answer differs more than anywhere on the way of chance.
#[test]
fn trades_attacks_what_moves_the_answer() {
    let (images, _, _) = shown();
    let network = network();
    let attack = Attack::for_training(Norm::Linf, 0.1, 5, None).unwrap();
    let moved = trades::attacked(&network, &images, &attack, 1).unwrap();
    let clean = network.forward(&images, Mode::Eval).unwrap();
    let far = |shown: &Tensor| {
        let logits = network.forward(shown, Mode::Eval).unwrap();
        let moved = divergence(&clean, &logits.log_softmax(1, Kind::Float)).unwrap();
        Vec::<f32>::try_from(moved).unwrap()
    };
    let start = attack.start(&images, 1).unwrap();
    for (start, end) in far(&start).iter().zip(far(&moved)) {
        assert!(end > *start, "{end} {start}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let attack = Attack::for_training(Norm::L2, 1.0, 3, None).unwrap();
    let fourier = Attack::unconstrained(Norm::Fourier, 3, 1.0).unwrap();
    let usual = Objective::default();
    for (objective, attack, reason) in [
        (
            Objective {
                method: Method::Mart,
                ..usual
            },
            None,
            "--method mart",
        ),
        (
            Objective {
                method: Method::Free,
                weight_perturbation: Some(0.1),
                ..usual
            },
            Some(attack),
            "--awp",
        ),
        (
            Objective {
                method: Method::Free,
                ..usual
            },
            Some(fourier),
            "--method free",
        ),
        (
            Objective {
                smoothing: 1.0,
                ..usual
            },
            None,
            "--label-smoothing",
        ),
    ] {
        let error = objective.check(attack.as_ref()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
