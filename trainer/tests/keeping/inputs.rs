//! What is no file is not read: a pipe would wait for ever, a device never end.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::bench::Bench;

/// What an option is given, by what the sentence calls it.
const ODD: [(&str, &str); 4] = [
    ("pipe", "a named pipe, not a file"),
    ("socket", "a socket, not a file"),
    ("zero", "a device, not a file"),
    ("folder", "a folder"),
];

#[test]
fn pipes_devices_sockets_and_folders_are_named_wherever_a_file_is_read() {
    let bench = Bench::new();
    let pipe = Command::new("mkfifo").arg(bench.path("pipe")).status();
    assert!(pipe.unwrap().success());
    let _socket = UnixListener::bind(bench.path("socket")).unwrap();
    symlink("/dev/zero", bench.path("zero")).unwrap();
    std::fs::create_dir(bench.path("folder")).unwrap();
    for (_, kind) in [("", "npy"), ("", "safetensors")] {
        symlink(bench.path("pipe"), bench.path(&format!("pipe.{kind}"))).unwrap();
    }
    let mut commands = vec![
        "explain ODD plain.png -o map.png",
        "explain small.onnx ODD -o map.png",
        "explain small.onnx plain.png --card ODD",
        "explain small.onnx plain.png --labels ODD",
        "differentiate ODD -o grad.onnx",
        "inspect ODD",
        "evaluate ODD --data phantom:9",
        "evaluate small.onnx --data folder:images --split ODD",
        "report --model ODD --data folder:images",
        "report --model small.onnx --data folder:images --split ODD",
    ];
    if cfg!(feature = "torch") {
        commands.extend([
            "train --data phantom:30 --arch resnet-small --size 32 --batch 8 --head-epochs 0 --out run --init ODD",
            "train --data phantom:30 --arch resnet-small --size 32 --batch 8 --out run --split ODD",
        ]);
    }
    let before = bench.files();
    for (place, command) in commands.into_iter().enumerate() {
        // One reader reads them all: a kind of each is enough after the first.
        let kinds = if place < 2 {
            0..4
        } else {
            place % 4..place % 4 + 1
        };
        for (name, what) in &ODD[kinds] {
            let arguments = command.replace("ODD", name);
            let error = bench.error(1, &arguments);
            // A folder in place of a model is told with what it may be, and therefore longer.
            assert!(error.contains(what), "{arguments}: {error}");
        }
    }
    let mut by_ending = vec!["explain small.onnx pipe.npy"];
    if cfg!(feature = "torch") {
        by_ending.push("train --data phantom:30 --arch resnet-small --size 32 --batch 8 --head-epochs 0 --out run --init pipe.safetensors");
    }
    for arguments in by_ending {
        let error = bench.error(1, arguments);
        assert!(error.contains("a named pipe"), "{error}");
    }
    assert_eq!(bench.files(), before);
}

#[test]
fn weights_tables_and_images_beside_are_files_too() {
    let bench = Bench::new();
    std::fs::remove_file(bench.path("small.onnx.data")).unwrap();
    symlink("/dev/zero", bench.path("small.onnx.data")).unwrap();
    let error = bench.error(1, "inspect small.onnx");
    assert!(error.contains("small.onnx.data"), "{error}");
    std::fs::remove_file(bench.path("small.onnx.data")).unwrap();
    let pipe = |name: &str| {
        let made = Command::new("mkfifo").arg(bench.path(name)).status();
        assert!(made.unwrap().success());
    };
    pipe("small.onnx.data");
    let error = bench.error(1, "inspect small.onnx");
    assert!(error.contains("a named pipe"), "{error}");
    // In a folder of images a pipe is no image, and a link into a device is none either.
    pipe("images/a/pipe.png");
    pipe("images/a/pipe");
    symlink("/dev/zero", bench.path("images/b/zero.png")).unwrap();
    let packed = bench.path("images");
    std::fs::rename(packed.join("a"), packed.join("nv")).unwrap();
    std::fs::rename(packed.join("b"), packed.join("mel")).unwrap();
    let said = bench.ok("pack --data folder:images --size 32 --out packed");
    assert!(said.starts_with("6 images"), "{said}");
}

/// A terabyte that takes no disk.
#[test]
fn what_is_too_large_is_refused_before_it_takes_memory() {
    let bench = Bench::new();
    for name in ["large.onnx", "large.png", "large.json", "large.npy"] {
        let file = std::fs::File::create(bench.path(name)).unwrap();
        file.set_len(1 << 40).unwrap();
    }
    // The head of a PyTorch checkpoint.
    std::fs::File::create(bench.path("large.pt"))
        .and_then(|file| {
            use std::io::Write;
            (&file).write_all(
                b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0archive/data.pkl",
            )?;
            file.set_len(1 << 40)
        })
        .unwrap();
    for (arguments, reason) in [
        ("inspect large.onnx", "has at most 2147483647"),
        ("inspect large.pt", "PyTorch"),
        ("explain small.onnx large.png", "has at most 1073741824"),
        ("explain small.onnx large.npy", "has at most 1073741824"),
        (
            "explain small.onnx plain.png --card large.json",
            "has at most 67108864",
        ),
    ] {
        let error = bench.error(1, arguments);
        assert!(error.contains(reason), "{arguments}: {error}");
    }
}
