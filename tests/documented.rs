//! The Python of docs/differentiate.md, run as it stands there. Its JavaScript is run by tests/browser/documented.test.mjs,
//! its Rust as an example of this crate's documentation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::{Array2, Array3, Array4, Axis};
use ndarray_npy::{read_npy, write_npy};
use pellucid_shared::autodiff::{COTANGENT, GRAD, Options, differentiate};
use pellucid_shared::engine::{Engine, TractEngine, take};
use pellucid_shared::onnx::Model;
use pellucid_tests::{documented_model, uniform};

/// The Python that `cargo xtask reference` made.
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join(".pellucid/reference/bin/python");
    assert!(
        python.is_file(),
        "there is no Python environment: run `cargo xtask reference`"
    );
    python
}

/// The page's blocks of that language, in order.
fn blocks(language: &str) -> Vec<String> {
    let page = include_str!("../docs/differentiate.md");
    let opening = format!("```{language}\n");
    page.split(&opening)
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned()))
        .collect()
}

fn run_python(python: &Path, script: &str, folder: &Path) {
    let output = Command::new(python)
        .args(["-c", script])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_page_s_python_computes_the_gradient_and_grad_cam() {
    let python = python();
    let folder = documented_model().unwrap();
    let model = Model::load(&folder.join("model.onnx")).unwrap();
    let image = uniform(&[1, 3, 64, 64], 0.0, 1.0, 5);
    write_npy(folder.join("image.npy"), &image).unwrap();
    let features = "layer4.0.relu2".to_owned();
    let plain = differentiate(model.clone(), &Options::default()).unwrap();
    let with_features = Options {
        features: Some(features),
        ..Options::default()
    };
    let with_features = differentiate(model, &with_features).unwrap();
    plain.save(&folder.join("model-grad.onnx")).unwrap();
    with_features.save(&folder.join("model-cam.onnx")).unwrap();
    let scripts = blocks("python");
    assert_eq!(scripts.len(), 2);
    for script in &scripts {
        run_python(&python, script, &folder);
    }

    let mut cotangent = Array2::<f32>::zeros((1, 3)).into_dyn();
    cotangent[[0, 1]] = 1.0;
    let feeds = [("image", image.view()), (COTANGENT, cotangent.view())];
    let mut ours = TractEngine::new(&with_features)
        .unwrap()
        .run(&feeds)
        .unwrap();
    let close = |a: f32, b: f32, largest: f32| (a - b).abs() <= 1e-4 * largest;
    let grad: Array4<f32> = read_npy(folder.join("grad.npy")).unwrap();
    let expected = take(&mut ours, GRAD).unwrap();
    let largest = expected.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
    assert!(largest > 0.0);
    assert!(
        grad.iter()
            .zip(&expected)
            .all(|(a, b)| close(*a, *b, largest))
    );

    // Selvaraju et al., *Grad-CAM*, 2017, equations 1 and 2.
    let as_map = |value: ndarray::ArrayD<f32>| -> Array3<f32> {
        value
            .index_axis_move(Axis(0), 0)
            .into_dimensionality()
            .unwrap()
    };
    let (maps, slopes) = (
        as_map(take(&mut ours, "features").unwrap()),
        as_map(take(&mut ours, "features_grad").unwrap()),
    );
    let weights = slopes
        .mean_axis(Axis(2))
        .unwrap()
        .mean_axis(Axis(1))
        .unwrap();
    let weighted = &maps * &weights.insert_axis(Axis(1)).insert_axis(Axis(2));
    let expected = weighted.sum_axis(Axis(0)).mapv(|v| v.max(0.0));
    let cam: Array2<f32> = read_npy(folder.join("cam.npy")).unwrap();
    let largest = expected.iter().fold(0.0_f32, |most, v| most.max(*v));
    assert!(largest > 0.0);
    assert!(
        cam.iter()
            .zip(&expected)
            .all(|(a, b)| close(*a, *b, largest))
    );
    std::fs::remove_dir_all(folder).unwrap();
}
