//! Writes a model with its input gradient beside it: `saliency MODEL.onnx OUT.onnx`.

use std::error::Error;

use onnx_autodiff::{COTANGENT, GRAD, Options, differentiate};
use onnx_edit::{Model, declared_shape};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    let [from, to] = &files[..] else {
        return Err("say which model to read and which to write".into());
    };
    let model = Model::load(from.as_ref())?;
    let nodes = model.graph().node.len();
    let gradient = differentiate(model, &Options::default())?;
    gradient.save(to.as_ref())?;
    println!("{nodes} nodes became {}", gradient.graph().node.len());
    for value in [
        gradient.input(Some(COTANGENT))?,
        gradient.output(Some(GRAD))?,
    ] {
        let shape = declared_shape(value).unwrap_or_default();
        let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
        println!("{} [{}]", value.name, shape.join(", "));
    }
    Ok(())
}
