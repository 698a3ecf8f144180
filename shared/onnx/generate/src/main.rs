//! Writes the protobuf types of `onnx-graph` from the official `onnx.proto`:
//!
//! ```sh
//! cargo run --manifest-path shared/onnx/generate/Cargo.toml -- PATH/TO/onnx.proto > shared/onnx/src/pb.rs
//! ```
//!
//! ONNX publishes its format in protobuf's second language and, made from it by leaving out `optional`, in its third
//! (<https://github.com/onnx/onnx/blob/main/onnx/gen_proto.py>). The bytes are the same; the third has plain fields.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(path) => match generated(&PathBuf::from(path)) {
            Ok(code) => {
                print!("{code}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
        None => {
            eprintln!("error: say where onnx.proto is");
            ExitCode::FAILURE
        }
    }
}

/// The Rust types of a protobuf file, without its comments.
fn generated(path: &PathBuf) -> Result<String> {
    let official = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let folder = std::env::temp_dir().join(format!("onnx-protobuf-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("onnx.proto");
    std::fs::write(&file, third(&official))?;
    let descriptors = protox::compile([&file], [&folder])?;
    let mut config = prost_build::Config::new();
    config.disable_comments(["."]).out_dir(&folder);
    config.compile_fds(descriptors)?;
    let code = std::fs::read_to_string(folder.join("onnx.rs"))?;
    std::fs::remove_dir_all(&folder)?;
    Ok(code)
}

/// A file of protobuf's second language in its third.
fn third(official: &str) -> String {
    let lines = official.lines().map(|line| match line.trim_start().strip_prefix("optional ") {
        Some(field) => field.to_owned(),
        None => line.replace("syntax = \"proto2\"", "syntax = \"proto3\""),
    });
    lines.collect::<Vec<_>>().join("\n")
}
