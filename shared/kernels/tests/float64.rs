//! Every kernel against the definition in float64, on shapes out of chance.

mod drawn;

use drawn::Chance;
use pellucid_kernels::{Accuracy, Activation, Convolution, Finish, Geometry, Scratch, Transposed};

/// A convolution by its definition.
fn convolved(geometry: &Geometry, image: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f64> {
    let mut result = vec![0.0; geometry.result_length()];
    drawn::each_product(geometry, |to, from, weight| {
        result[to] += f64::from(image[from]) * f64::from(weights[weight]);
    });
    let plane = geometry.result[0] * geometry.result[1];
    for (index, value) in result.iter_mut().enumerate() {
        *value += f64::from(bias[index / plane % geometry.filters]);
    }
    result
}

fn transposed(geometry: &Geometry, from: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f64> {
    let mut to = vec![0.0; geometry.image_length()];
    drawn::each_product(geometry, |result, image, weight| {
        to[image] += f64::from(from[result]) * f64::from(weights[weight]);
    });
    let plane = geometry.image[0] * geometry.image[1];
    for (index, value) in to.iter_mut().enumerate() {
        *value += f64::from(bias[index / plane % geometry.channels]);
    }
    to
}

#[test]
fn convolutions_are_what_their_definition_says() {
    let mut chance = Chance(1);
    let (mut scratch, mut plain) = (Scratch::default(), Scratch::of_no_processor());
    for case in 0..600 {
        let geometry = drawn::geometry(&mut chance, case);
        let image = chance.numbers(geometry.image_length());
        let weights = chance.numbers(geometry.weights_length());
        let bias = chance.numbers(geometry.filters);
        let expected = convolved(&geometry, &image, &weights, &bias);
        for (accuracy, bound) in [(Accuracy::Decisions, 1e-6), (Accuracy::Gradient, 2e-6)] {
            let convolution = Convolution::new(geometry, &weights, &bias, accuracy).unwrap();
            for scratch in [&mut scratch, &mut plain] {
                // What is not written stands out.
                let mut result = vec![f32::NAN; geometry.result_length()];
                let finite = convolution.run(&image, Finish::NOTHING, &mut result, scratch);
                assert_eq!(finite, Ok(true));
                let error = drawn::error(&result, &expected);
                assert!(error < bound, "{accuracy:?} {geometry:?}: {error:e}");
            }
        }
    }
}

#[test]
fn transposed_convolutions_are_what_their_definition_says() {
    let mut chance = Chance(2);
    let (mut scratch, mut plain) = (Scratch::default(), Scratch::of_no_processor());
    for case in 0..600 {
        let geometry = drawn::geometry(&mut chance, case);
        let from = chance.numbers(geometry.result_length());
        let weights = chance.numbers(geometry.weights_length());
        let bias = chance.numbers(geometry.channels);
        let expected = transposed(&geometry, &from, &weights, &bias);
        let operator = Transposed::new(geometry, &weights, &bias).unwrap();
        for scratch in [&mut scratch, &mut plain] {
            let mut to = vec![f32::NAN; geometry.image_length()];
            operator.run(&from, &mut to, scratch).unwrap();
            let error = drawn::error(&to, &expected);
            assert!(error < 1e-6, "{geometry:?}: {error:e}");
        }
    }
}

#[test]
fn what_is_added_and_the_activation_come_after_the_sums() {
    let mut chance = Chance(3);
    let mut scratch = Scratch::default();
    for case in 0..200 {
        let geometry = drawn::geometry(&mut chance, case);
        let image = chance.numbers(geometry.image_length());
        let weights = chance.numbers(geometry.weights_length());
        let plus = chance.numbers(geometry.result_length());
        let convolution = Convolution::new(geometry, &weights, &[], Accuracy::Decisions).unwrap();
        let mut run = |finish: Finish<'_>| {
            let mut result = vec![f32::NAN; geometry.result_length()];
            let finite = convolution.run(&image, finish, &mut result, &mut scratch);
            assert_eq!(finite, Ok(true));
            result
        };
        let plain = run(Finish::NOTHING);
        for activation in [
            Activation::None,
            Activation::Relu,
            Activation::Within(-0.5, 0.75),
        ] {
            for plus in [None, Some(&plus[..])] {
                let result = run(Finish { plus, activation });
                for (index, (result, plain)) in result.iter().zip(&plain).enumerate() {
                    let sum = plain + plus.map_or(0.0, |plus| plus[index]);
                    let expected = match activation {
                        Activation::Relu => sum.max(0.0),
                        Activation::Within(low, high) => sum.clamp(low, high),
                        _ => sum,
                    };
                    assert_eq!(*result, expected, "{geometry:?} {activation:?}");
                }
            }
        }
    }
}

/// One pixel, anywhere: a result that an activation would hide is still told of.
#[test]
fn what_is_no_number_is_told() {
    let mut chance = Chance(4);
    let mut scratch = Scratch::default();
    for case in 0..300 {
        let mut geometry = drawn::geometry(&mut chance, case);
        // Every pixel is read.
        geometry.strides = [1, 1];
        geometry.dilations = [1, 1];
        geometry.padding = geometry.padding.map(|padding| padding.min(1));
        for axis in 0..2 {
            let reach = (geometry.window[axis] - 1) * geometry.dilations[axis];
            geometry.image[axis] = geometry.image[axis].max(reach + 1);
            geometry.result[axis] = geometry.image[axis] + 2 * geometry.padding[axis] - reach;
        }
        let mut image = chance.numbers(geometry.image_length());
        let weights = vec![1.0; geometry.weights_length()];
        let convolution = Convolution::new(geometry, &weights, &[], Accuracy::Gradient).unwrap();
        let place = chance.below(image.len());
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            image[place] = value;
            let finish = Finish {
                plus: None,
                activation: Activation::Within(0.0, 6.0),
            };
            let mut result = vec![0.0; geometry.result_length()];
            let finite = convolution.run(&image, finish, &mut result, &mut scratch);
            assert_eq!(finite, Ok(false), "{value} in {geometry:?}");
        }
    }
}

#[test]
fn lengths_and_sizes_that_contradict_are_errors() {
    let geometry = Geometry {
        images: 1,
        channels: 4,
        filters: 6,
        groups: 2,
        image: [5, 5],
        window: [3, 3],
        strides: [1, 1],
        dilations: [1, 1],
        padding: [1, 1],
        result: [5, 5],
    };
    let weights = vec![0.0; geometry.weights_length()];
    let made = |geometry, weights: &[f32], bias: &[f32]| {
        Convolution::new(geometry, weights, bias, Accuracy::Decisions)
    };
    let convolution = made(geometry, &weights, &[]).unwrap();
    assert!(made(geometry, &weights[1..], &[]).is_err());
    assert!(made(geometry, &weights, &[0.0; 5]).is_err());
    assert!(
        made(
            Geometry {
                groups: 3,
                ..geometry
            },
            &weights,
            &[]
        )
        .is_err()
    );
    assert!(
        made(
            Geometry {
                groups: 0,
                ..geometry
            },
            &weights,
            &[]
        )
        .is_err()
    );
    assert!(
        made(
            Geometry {
                image: [usize::MAX, 5],
                ..geometry
            },
            &weights,
            &[]
        )
        .is_err()
    );
    assert!(
        made(
            Geometry {
                result: [1 << 29, 1 << 29],
                ..geometry
            },
            &weights,
            &[]
        )
        .is_err()
    );
    assert!(Transposed::new(geometry, &weights[1..], &[]).is_err());
    let mut scratch = Scratch::default();
    let mut result = vec![0.0; geometry.result_length()];
    let image = vec![0.0; geometry.image_length()];
    let mut run = |image: &[f32], result: &mut [f32]| {
        convolution.run(image, Finish::NOTHING, result, &mut scratch)
    };
    assert!(run(&image[1..], &mut result).is_err());
    assert!(run(&image, &mut result[1..]).is_err());
    assert!(run(&image, &mut result).is_ok());
}
