use std::fs;
use std::path::Path;

use ndarray::{ArrayD, IxDyn};

use super::*;
use crate::pb::{
    AttributeProto, GraphProto, NodeProto, StringStringEntryProto, TensorProto,
    attribute_proto::AttributeType, tensor_proto::DataLocation,
};
use crate::{Dim, GraphBuilder, float_tensor, float_value};

fn values(count: usize) -> ArrayD<f32> {
    ArrayD::from_shape_fn(IxDyn(&[count]), |i| (i[0] as f32).sqrt())
}

/// Weights as initializers, in a node's attribute and in a graph within a node.
fn model() -> Model {
    let mut graph = GraphBuilder::new("weights");
    let x = graph.input("x", &[Dim::Known(500)]);
    let weight = graph.floats("weight", &values(500));
    let small = graph.floats("small", &values(1));
    let y = graph.node("Mul", "scaled", &[&x, &weight], []);
    let y = graph.node("Mul", "doubled", &[&y, &small], []);
    let constant = AttributeProto {
        name: "value".into(),
        r#type: AttributeType::Tensor as i32,
        t: Some(float_tensor("in_attribute", &values(500))),
        ..AttributeProto::default()
    };
    let node =
        |op: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>| NodeProto {
            name: output.into(),
            op_type: op.into(),
            input: inputs.iter().map(|&i| i.to_owned()).collect(),
            output: vec![output.into()],
            attribute,
            ..NodeProto::default()
        };
    let branch = |name: &str, weight: &str| AttributeProto {
        name: name.into(),
        r#type: AttributeType::Graph as i32,
        g: Some(GraphProto {
            initializer: vec![float_tensor(weight, &values(500))],
            node: vec![node(
                "Identity",
                &[weight],
                &format!("{weight}_out"),
                vec![],
            )],
            output: vec![float_value(&format!("{weight}_out"), None)],
            ..GraphProto::default()
        }),
        ..AttributeProto::default()
    };
    graph.input("condition", &[]);
    let branches = vec![branch("then_branch", "then"), branch("else_branch", "else")];
    graph.graph_mut().node.extend([
        node("Constant", &[], "constant", vec![constant]),
        node("If", &["condition"], "chosen", branches),
    ]);
    let y = graph.node("Sum", "y", &[&y, "constant", "chosen"], []);
    graph.output(&y, None);
    let mut model = graph.finish().unwrap();
    model.set_metadata("note", "kept".into());
    model
}

#[test]
fn two_files_hold_what_one_would() {
    let folder = tempfile::tempdir().unwrap();
    let (model, path) = (model(), folder.path().join("big.onnx"));
    model.save_within(&path, 4000).unwrap();
    let data = folder.path().join("big.onnx.data");
    assert_eq!(data_file(&path), data);
    // Four tensors of 2,000 bytes, each from a page on; the small one stays in the message.
    assert_eq!(fs::metadata(&data).unwrap().len(), 3 * 4096 + 2000);
    assert!(fs::metadata(&path).unwrap().len() < 2000);
    let (read, files) = Model::load_with_files(&path).unwrap();
    assert_eq!(read, model);
    assert_eq!(files, [path.clone(), data.canonicalize().unwrap()]);

    // What is small enough is one file.
    let one = folder.path().join("one.onnx");
    read.save(&one).unwrap();
    assert_eq!(fs::read(&one).unwrap(), model.to_bytes());
    assert_eq!(
        fs::metadata(&one).unwrap().len(),
        model.encoded_len() as u64
    );
    assert!(!data_file(&one).exists());
    let refused = Model::parse(&fs::read(&path).unwrap()).unwrap_err();
    assert!(matches!(refused, OnnxError::External(name) if name == "weight"));
}

/// A model file of one weight of four floats that lies as `entries` say, beside `weights.bin` of 24 bytes.
fn beside(folder: &Path, entries: &[(&str, &str)]) -> PathBuf {
    let mut graph = GraphBuilder::new("external");
    let x = graph.input("x", &[Dim::Known(4)]);
    let weight = graph.floats("weight", &values(4));
    let y = graph.node("Mul", "y", &[&x, &weight], []);
    graph.output(&y, None);
    let mut proto = graph.finish().unwrap().into_proto();
    let tensor: &mut TensorProto = &mut proto.graph.as_mut().unwrap().initializer[0];
    tensor.raw_data.clear();
    tensor.data_location = DataLocation::External as i32;
    let entries = entries.iter().map(|(key, value)| StringStringEntryProto {
        key: (*key).into(),
        value: (*value).into(),
    });
    tensor.external_data = entries.collect();
    let bytes: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    fs::write(folder.join("weights.bin"), bytes).unwrap();
    let path = folder.join("model.onnx");
    fs::write(&path, proto.encode_to_vec()).unwrap();
    path
}

#[test]
fn data_lie_where_offset_and_length_say() {
    let folder = tempfile::tempdir().unwrap();
    let within = |location: &'static str| ("location", location);
    for entries in [
        &[within("weights.bin"), ("offset", "8"), ("length", "16")][..],
        &[within("./weights.bin"), ("offset", "8")],
        &[within("weights.bin"), ("offset", "8"), ("checksum", "0")],
    ] {
        let model = Model::load(&beside(folder.path(), entries)).unwrap();
        let weight = crate::floats(model.initializer("weight").unwrap()).unwrap();
        assert_eq!(weight.as_slice().unwrap(), [2.0, 3.0, 4.0, 5.0]);
    }
    fs::create_dir(folder.path().join("deep")).unwrap();
    fs::write(folder.path().join("deep/weights.bin"), [0; 16]).unwrap();
    let path = beside(folder.path(), &[within("deep/weights.bin")]);
    assert!(Model::load(&path).is_ok());
}

#[test]
fn what_lies_elsewhere_or_does_not_fit_is_refused_with_the_reason() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), [0; 16]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let absolute = outside.path().join("secret");
    let absolute = absolute.to_str().unwrap();
    let up = format!(
        "../{}/secret",
        outside.path().file_name().unwrap().to_str().unwrap()
    );
    let location = |location| ("location", location);
    let inside = location("weights.bin");
    for (entries, why) in [
        (&[][..], "leads out of the model's folder"),
        (&[location(absolute)], "leads out of the model's folder"),
        (&[location(&up)], "leads out of the model's folder"),
        (
            &[location("deep/../weights.bin")],
            "leads out of the model's folder",
        ),
        (&[location("missing.bin")], "copy it there too"),
        (&[location(".")], "it is a folder, not a file"),
        (
            &[inside, ("offset", "12")],
            "go beyond the file, which has 24",
        ),
        (
            &[inside, ("offset", "18446744073709551615")],
            "go beyond the file",
        ),
        (
            &[inside, ("length", "8")],
            "8 bytes there, and its type and shape take 16",
        ),
        (&[inside, ("offset", "-1")], "`-1` is not a number of bytes"),
        (
            &[inside, ("length", "many")],
            "`many` is not a number of bytes",
        ),
    ] {
        let error = Model::load(&beside(folder.path(), entries)).unwrap_err();
        assert!(matches!(&error, OnnxError::ExternalData { tensor, .. } if tensor == "weight"));
        assert!(error.to_string().contains(why), "{entries:?}: {error}");
    }
}

#[test]
fn tensors_that_share_their_data_are_refused_since_they_could_fill_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = beside(folder.path(), &[("location", "weights.bin")]);
    let mut proto = decode(&fs::read(&path).unwrap()).unwrap();
    let graph = proto.graph.as_mut().unwrap();
    let again = TensorProto {
        name: "again".into(),
        ..graph.initializer[0].clone()
    };
    graph.initializer.push(again);
    fs::write(&path, proto.encode_to_vec()).unwrap();
    let error = Model::load(&path).unwrap_err().to_string();
    assert!(
        error.contains("tensor `again`") && error.contains("share their data"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn links_may_not_lead_out_but_a_store_of_links_is_read() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), [0; 16]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    symlink(outside.path().join("secret"), folder.path().join("link")).unwrap();
    symlink(outside.path(), folder.path().join("folder")).unwrap();
    for location in ["link", "folder/secret"] {
        let path = beside(folder.path(), &[("location", location)]);
        let error = Model::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("a link out of the model's folder"),
            "{error}"
        );
    }

    // As the cache of a model hub lies: both names are links into a folder of contents.
    let (contents, names) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = model();
    model.save_within(&contents.path().join("m"), 4000).unwrap();
    symlink(contents.path().join("m"), names.path().join("m")).unwrap();
    symlink(contents.path().join("m.data"), names.path().join("m.data")).unwrap();
    assert_eq!(Model::load(&names.path().join("m")).unwrap(), model);
}

#[cfg(target_os = "linux")]
#[test]
fn a_model_of_two_files_does_not_go_into_a_device() {
    let error = model()
        .save_within(Path::new("/dev/null"), 4000)
        .unwrap_err();
    assert!(
        error.to_string().contains("name an ordinary file"),
        "{error}"
    );
    assert!(model().save(Path::new("/dev/null")).is_ok());
}

/// A producer that calls itself by bytes which are a message too, in a file as old as a SavedModel says it is.
#[test]
fn a_model_is_not_taken_for_what_its_producer_looks_like() {
    let mut proto = model().into_proto();
    proto.ir_version = 1;
    proto.producer_name = "\n\u{3}\u{12}\u{1}N".into();
    let bytes = Model::from_proto(proto).unwrap().to_bytes();
    assert_eq!(FileKind::of(&bytes), Some(FileKind::SavedModel));
    Model::parse(&bytes).unwrap();
    // The mark of a tar archive stands 257 bytes from its beginning; one of these lengths puts it there.
    let mut marked = 0;
    for length in 200..257 {
        let mut proto = model().into_proto();
        proto.producer_name = format!("{}ustar", "x".repeat(length));
        let bytes = Model::from_proto(proto).unwrap().to_bytes();
        marked += usize::from(FileKind::of(&bytes) == Some(FileKind::Archive));
        Model::parse(&bytes).unwrap();
    }
    assert_eq!(marked, 1);
    let cut = Model::parse(&bytes[..40]).unwrap_err();
    assert!(
        matches!(cut, OnnxError::Foreign(FileKind::SavedModel)),
        "{cut}"
    );
}
