//! The network that a training begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use pellucid_shared::card::{Class, Scores};
use pellucid_shared::contract::{Contract, Wishes};
use pellucid_shared::files;
use pellucid_shared::image::Preprocessing;
use pellucid_shared::kind::FileKind;
use pellucid_shared::onnx::{Batch, MOST_BYTES, Model, floats, inline, set_floats, tensor_shape};
use pellucid_shared::said;
use pellucid_shared::zoo::{Architecture, Blueprint, build};
use safetensors::{Dtype, SafeTensors};

use super::foreign::what_is_learnt;
use super::names::unwrapped;
use crate::engines::with_batch;

/// What to begin with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    /// The architecture; with `init` and without it, the file's own graph is trained.
    pub architecture: Option<Architecture>,
    /// Side of the input in pixels; otherwise the graph's own, or [`usual_size`].
    pub size: Option<u32>,
    /// An `.onnx` model or torchvision-named `.safetensors` weights.
    pub init: Option<PathBuf>,
}

/// A model to train, and what there is to say about it.
#[derive(Debug)]
pub(super) struct Initial {
    pub(super) model: Model,
    /// How images are cut and resized for it.
    pub(super) preprocessing: Preprocessing,
    /// The architecture's name for the card.
    pub(super) architecture: String,
    pub(super) notices: Vec<String>,
    /// Whether the graph is the file's own, which nobody here has exported before.
    pub(super) foreign: bool,
}

/// The input's side where nobody says: 224 pixels as on ImageNet, 64 for the small network.
#[must_use]
pub fn usual_size(architecture: Architecture) -> u32 {
    match architecture {
        Architecture::ResnetSmall => 64,
        _ => 224,
    }
}

/// Builds or loads the model for these classes.
pub(super) fn initial_model(start: &Start, classes: &[Class], seed: u64) -> Result<Initial> {
    match (&start.init, start.architecture) {
        (Some(file), None) if !is_safetensors(file) => own_graph(file, start.size, classes),
        (init, architecture) => {
            let architecture = architecture.unwrap_or(Architecture::Resnet18);
            let size = start.size.unwrap_or_else(|| usual_size(architecture));
            let blueprint = Blueprint::new(architecture, classes.len(), size as usize, seed);
            let mut model = build(&blueprint)?;
            let mut notices = vec![];
            if let Some(file) = init {
                let weights = unwrapped(read_weights(file)?, &model);
                let skipped = load_by_name(&mut model, &weights).with_context(|| {
                    format!(
                        "{} holds no weights of a {}: choose another --arch",
                        file.display(),
                        architecture.name()
                    )
                })?;
                if !skipped.is_empty() {
                    notices.push(format!(
                        "The head ({}) of {} is for other classes: it starts afresh.",
                        skipped.join(", "),
                        file.display()
                    ));
                }
            }
            Ok(Initial {
                model,
                preprocessing: Preprocessing::square(size),
                architecture: architecture.name().to_owned(),
                notices,
                foreign: false,
            })
        }
    }
}

/// Trains the graph of an ONNX file: as it is where it takes RGB in [0, 1] and answers with logits, and otherwise with what
/// its card, or convention, says of both taken into the graph.
fn own_graph(file: &Path, size: Option<u32>, classes: &[Class]) -> Result<Initial> {
    let place = file.display();
    let refused = || format!("{place} cannot be trained further");
    // Weights within functions get names that they can be written back under.
    let model = inline(Model::load(file)?).with_context(refused)?;
    let wishes = Wishes {
        size,
        ..Wishes::default()
    };
    let contract = Contract::resolve(&model, &wishes).with_context(refused)?;
    let preprocessing = contract
        .for_images()
        .with_context(refused)?
        .preprocessing
        .clone();
    let architecture = model.graph().name.clone();
    let (model, signature) = contract.of_pixels(model).with_context(refused)?;
    ensure!(
        !signature.differentiated,
        "{place} holds its gradient as well: train the file that it was made from"
    );
    ensure!(
        signature.scores == Scores::Softmax,
        "{place} gives each class a score of its own, and training needs classes that exclude each other: give --arch to \
         take its weights into a network with a new head, or say `\"scores\": \"softmax\"` in its card"
    );
    ensure!(
        signature.classes == classes.len(),
        "{place} has {} classes and the data have {}: choose --classes, or give --arch to take its \
         weights into a network with a new head",
        signature.classes,
        classes.len()
    );
    // What could not be compared here is rehearsed before the first epoch.
    let (model, _) = with_batch(model, Batch::Open).with_context(refused)?;
    let assumed = contract.assumed.iter();
    let mut notices: Vec<String> = assumed.map(|what| format!("assumed: {what}")).collect();
    notices.extend(what_is_learnt(&model));
    if contract.named {
        notices.extend(other_classes(&contract.classes, classes).with_context(refused)?);
    }
    Ok(Initial {
        model,
        preprocessing,
        architecture,
        notices,
        foreign: true,
    })
}

/// What there is to say where a model's named classes are not the data's. The same ones in another order are refused: each
/// logit would be taught to mean another class than it does.
fn other_classes(own: &[Class], data: &[Class]) -> Result<Option<String>> {
    let codes = |classes: &[Class]| classes.iter().map(|c| c.code.clone()).collect::<Vec<_>>();
    let (own, data) = (codes(own), codes(data));
    if own == data {
        return Ok(None);
    }
    let sorted = |codes: &[String]| codes.iter().cloned().collect::<BTreeSet<_>>();
    ensure!(
        sorted(&own) != sorted(&data),
        "its classes stand in the order {}, the data's in the order {}: give --classes {}",
        own.join(","),
        data.join(","),
        own.join(",")
    );
    Ok(Some(format!(
        "The model's classes were {}; from now on they are {}.",
        few(&own),
        few(&data)
    )))
}

/// The first of these names.
fn few(names: &[String]) -> String {
    const NAMED: usize = 5;
    let more = if names.len() > NAMED { ", …" } else { "" };
    names[..names.len().min(NAMED)].join(", ") + more
}

fn is_safetensors(file: &Path) -> bool {
    file.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("safetensors"))
}

/// Shape and values by name.
type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn read_weights(file: &Path) -> Result<Weights> {
    let place = file.display();
    if !is_safetensors(file) {
        let model = Model::load(file).with_context(|| format!("{place} cannot be read"))?;
        let floats = model.graph().initializer.iter().filter_map(|tensor| {
            let values = floats(tensor).ok()?;
            let flat = values.iter().copied().collect();
            Some((tensor.name.clone(), (values.shape().to_vec(), flat)))
        });
        return Ok(floats.collect());
    }
    let bytes =
        files::read(file, MOST_BYTES as u64).with_context(|| format!("{place} cannot be read"))?;
    let tensors = SafeTensors::deserialize(&bytes).with_context(|| match FileKind::of(&bytes) {
        Some(kind) if kind != FileKind::Safetensors => {
            format!(
                "{place} is {}: copy or download the file itself",
                kind.name()
            )
        }
        _ => format!("{place} is not a whole .safetensors file: copy or download it again"),
    })?;
    let mut weights = Weights::new();
    for (name, tensor) in tensors.tensors() {
        let data = tensor.data();
        let values = match tensor.dtype() {
            Dtype::F32 => numbers(data, f32::from_le_bytes),
            Dtype::F64 => numbers(data, |bytes| f64::from_le_bytes(bytes) as f32),
            Dtype::BF16 => numbers(data, |bytes| {
                f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
            }),
            // Counters such as `num_batches_tracked` are no weights.
            Dtype::I64 | Dtype::I32 => continue,
            other => bail!(
                "`{}` in {place} is of type {other:?}: save the weights as float32, float64 or bfloat16",
                said::name(&name)
            ),
        };
        weights.insert(name, (tensor.shape().to_vec(), values));
    }
    Ok(weights)
}

fn numbers<const N: usize>(data: &[u8], from: fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks::<N>()
        .0
        .iter()
        .map(|&bytes| from(bytes))
        .collect()
}

/// Takes every weight of the model by name, but a head of another shape; returns what it left.
fn load_by_name(model: &mut Model, weights: &Weights) -> Result<Vec<String>> {
    let head = head(model);
    let mut skipped = vec![];
    for tensor in model.initializers_mut() {
        // The normalization's constants are this model's own.
        if tensor.name.starts_with("normalize.") {
            continue;
        }
        let shape = tensor_shape(tensor)?;
        match weights.get(&tensor.name) {
            Some((found, values)) if *found == shape => set_floats(tensor, values)?,
            Some(_) | None if head.contains(&tensor.name) => skipped.push(tensor.name.clone()),
            Some((found, _)) => bail!(
                "`{}` has the shape {found:?} there and {shape:?} in the network",
                tensor.name
            ),
            None => bail!("`{}` is missing", tensor.name),
        }
    }
    Ok(skipped)
}

/// The names of the weights of the last layer: what turns features into logits.
pub(super) fn head(model: &Model) -> Vec<String> {
    let graph = model.graph();
    let stored = |name: &&String| graph.initializer.iter().any(|t| t.name == **name);
    let last = graph.node.iter().rev().find(|node| {
        matches!(&node.op_type[..], "Gemm" | "MatMul" | "Conv")
            && node.input.get(1).is_some_and(|name| stored(&name))
    });
    let inputs = last.map_or(&[][..], |node| &node.input[..]);
    inputs.iter().filter(stored).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use pellucid_shared::card::{Card, Input};
    use pellucid_shared::engine::{Engine, TractEngine};
    use pellucid_shared::image::Crop;
    use pellucid_shared::onnx::{Dim, GraphBuilder};
    use pellucid_shared::zoo::{IMAGENET_MEAN, IMAGENET_STD};
    use safetensors::tensor::TensorView;

    use super::*;

    fn small(classes: usize, seed: u64) -> Model {
        build(&Blueprint::new(
            Architecture::ResnetSmall,
            classes,
            32,
            seed,
        ))
        .unwrap()
    }

    /// A model's weights as torchvision would save them: without the normalization, with counters.
    fn safetensors(model: &Model, path: &Path, leave_out: &str) {
        let mut stored: HashMap<String, (Vec<usize>, Vec<u8>, Dtype)> = HashMap::new();
        for tensor in &model.graph().initializer {
            if !tensor.name.starts_with("normalize.") && tensor.name != leave_out {
                let shape = tensor_shape(tensor).unwrap();
                stored.insert(
                    tensor.name.clone(),
                    (shape, tensor.raw_data.clone(), Dtype::F32),
                );
            }
        }
        let counter = (vec![], 7_i64.to_le_bytes().to_vec(), Dtype::I64);
        stored.insert("bn1.num_batches_tracked".into(), counter);
        let views: Vec<(&String, TensorView<'_>)> = stored
            .iter()
            .map(|(name, (shape, data, kind))| {
                (name, TensorView::new(*kind, shape.clone(), data).unwrap())
            })
            .collect();
        std::fs::write(path, ::safetensors::serialize(views, None).unwrap()).unwrap();
    }

    /// Classes as a folder's: `0`, `1`, ….
    fn classes(count: usize) -> Vec<Class> {
        let class = |index: usize| Class {
            code: index.to_string(),
            name: String::new(),
        };
        (0..count).map(class).collect()
    }

    fn start(init: &Path, architecture: Option<Architecture>) -> Start {
        Start {
            architecture,
            size: Some(32),
            init: Some(init.to_owned()),
        }
    }

    #[test]
    fn torchvisions_names_load_and_a_head_for_other_classes_starts_afresh() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let pretrained = small(5, 1);
        safetensors(&pretrained, &path, "");
        let start = start(&path, Some(Architecture::ResnetSmall));

        let same = initial_model(&start, &classes(5), 2).unwrap();
        assert_eq!(
            same.model.graph().initializer,
            pretrained.graph().initializer
        );
        assert!(same.notices.is_empty());

        let other = initial_model(&start, &classes(3), 2).unwrap();
        assert!(
            other.notices[0].contains("fc.weight, fc.bias"),
            "{:?}",
            other.notices
        );
        let fresh = small(3, 2);
        for tensor in &other.model.graph().initializer {
            let from = if tensor.name.starts_with("fc.") {
                &fresh
            } else {
                &pretrained
            };
            assert_eq!(Some(tensor), from.initializer(&tensor.name));
        }
    }

    #[test]
    fn weights_of_something_else_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        safetensors(&small(3, 1), &path, "layer2.0.conv1.weight");
        for (architecture, reason) in [
            (
                Architecture::ResnetSmall,
                "`layer2.0.conv1.weight` is missing",
            ),
            (Architecture::Resnet18, "has the shape"),
        ] {
            let error =
                initial_model(&start(&path, Some(architecture)), &classes(3), 0).unwrap_err();
            let error = format!("{error:#}");
            assert!(
                error.contains(reason) && error.contains("choose another --arch"),
                "{error}"
            );
        }
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = initial_model(&start(&path, None), &classes(3), 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("not a whole .safetensors"), "{error}");
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        std::fs::write(&path, pointer).unwrap();
        let error = initial_model(&start(&path, None), &classes(3), 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("Git LFS"), "{error}");
    }

    #[test]
    fn an_onnx_file_is_trained_as_it_is_or_lends_its_weights() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        small(3, 1).save(&path).unwrap();
        let own = initial_model(&start(&path, None), &classes(3), 2).unwrap();
        assert_eq!((own.preprocessing.size, own.model), (32, small(3, 1)));
        let error = initial_model(&start(&path, None), &classes(4), 2)
            .unwrap_err()
            .to_string();
        assert!(error.contains("3 classes and the data have 4"), "{error}");
        let lent = initial_model(
            &start(&path, Some(Architecture::ResnetSmall)),
            &classes(4),
            2,
        )
        .unwrap();
        assert_eq!(lent.notices.len(), 1);
        let larger = Start {
            size: Some(64),
            ..start(&path, None)
        };
        let error = format!("{:#}", initial_model(&larger, &classes(3), 2).unwrap_err());
        assert!(error.contains("32×32 pixels, not 64×64"), "{error}");
        std::fs::write(&path, "not a model").unwrap();
        let error = format!(
            "{:#}",
            initial_model(&start(&path, None), &classes(3), 2).unwrap_err()
        );
        assert!(error.contains("not an ONNX model"), "{error}");
    }

    /// What the file's card says is done to pixels before they are fed is done in the graph that is trained.
    #[test]
    fn what_is_fed_to_a_file_is_what_its_card_says_or_what_is_assumed() {
        const WEIGHTS: [[f32; 3]; 2] = [[1.0, -2.0, 0.5], [0.0, 3.0, 4.0]];
        const COLOUR: [f32; 3] = [0.2, 0.4, 0.8];
        let mut graph = GraphBuilder::new("own");
        let [n, c, s] = [Dim::Named("N".into()), Dim::Known(3), Dim::Known(8)];
        graph.input("image", &[n, c, s.clone(), s]);
        let pooled = graph.node("GlobalAveragePool", "pool", &["image"], []);
        let flat = graph.node("Flatten", "flat", &[&pooled], []);
        let w = graph.floats("w", &ndarray::arr2(&WEIGHTS).into_dyn());
        let raw = graph.node("Gemm", "raw", &[&flat, &w], [("transB", 1.into())]);
        let softmax = graph.node("Softmax", "softmax", &[&raw], []);
        graph.output(&softmax, None);
        let model = graph.finish().unwrap();

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.onnx");
        let trained = |model: &Model| {
            model.save(&path).unwrap();
            let start = Start {
                size: None,
                ..start(&path, None)
            };
            let initial = initial_model(&start, &classes(2), 0).unwrap();
            let mut engine = TractEngine::new(&initial.model).unwrap();
            let image = ndarray::Array4::from_shape_fn((1, 3, 8, 8), |at| COLOUR[at.1]);
            let mut outputs = engine.run(&[("image", image.view().into_dyn())]).unwrap();
            let output = initial.model.outputs()[0].name.clone();
            (
                initial,
                outputs.remove(&output).unwrap().into_raw_vec_and_offset().0,
            )
        };
        let by_hand = |mean: [f32; 3], std: [f32; 3]| {
            WEIGHTS.map(|row| {
                (0..3)
                    .map(|c| row[c] * (COLOUR[c] - mean[c]) / std[c])
                    .sum::<f32>()
            })
        };
        let close = |found: Vec<f32>, wanted: [f32; 2]| {
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((found - wanted).abs() < 1e-4, "{found} for {wanted}");
            }
        };

        let (assumed, logits) = trained(&model);
        close(logits, by_hand(IMAGENET_MEAN, IMAGENET_STD));
        assert!(
            assumed
                .notices
                .iter()
                .any(|notice| notice.contains("ImageNet"))
        );

        let (mean, std) = ([0.5, 0.25, 0.1], [0.5, 2.0, 0.7]);
        let mut input = Input::plain(Preprocessing {
            crop: Crop::Stretch,
            ..Preprocessing::square(8)
        });
        (input.mean, input.std) = (Some(mean), Some(std));
        let mut told = model;
        Card::new("own", vec![], input)
            .write_into(&mut told)
            .unwrap();
        let (told, logits) = trained(&told);
        close(logits, by_hand(mean, std));
        assert_eq!(told.preprocessing.crop, Crop::Stretch);
    }

    #[test]
    fn classes_in_another_order_are_refused_and_other_classes_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        let mut model = small(3, 1);
        let mut turned = classes(3);
        turned.rotate_left(1);
        Card::new("own", turned, Input::plain(Preprocessing::square(32)))
            .write_into(&mut model)
            .unwrap();
        model.save(&path).unwrap();
        let error = initial_model(&start(&path, None), &classes(3), 2).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("give --classes 1,2,0"), "{error}");
        let mut others = classes(3);
        others[0].code = "mel".into();
        let initial = initial_model(&start(&path, None), &others, 2).unwrap();
        let told = initial.notices.join("\n");
        assert!(
            told.contains("were 1, 2, 0; from now on they are mel, 1, 2"),
            "{told}"
        );
    }

    #[test]
    fn the_head_is_the_last_layer() {
        assert_eq!(head(&small(3, 0)), ["fc.weight", "fc.bias"]);
    }
}
