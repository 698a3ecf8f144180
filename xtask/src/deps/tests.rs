//! The whole chore against a `python3` that is a small script: real processes, real files, real wheels made on the fly.

use super::cache::Cache;
use super::tables::{Bundle, Pin, Place, Wheel};
use super::{provide, toolchain};
use crate::checkout::Checkout;
use crate::process::Programs;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const FILE: &str = "thing-1.0-py3-none-any.whl";
/// A pip that works: notes that it was called and copies the wheel that the test made to where it is told to.
const WORKING_PIP: &str = r#"
echo called >> "$HERE/calls"
while [ $# -gt 0 ]; do [ "$1" = --dest ] && dest=$2; shift; done
/bin/cp "$HERE/thing-1.0-py3-none-any.whl" "$dest/"
"#;

/// A machine for one test: programs, a cache and a checkout, all in a temporary folder.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["bin", "checkout"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    fn with_pip(script: &str) -> Self {
        let machine = Self::new();
        machine.program("python3", script);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a shell script on this machine's `PATH`.
    fn program(&self, name: &str, script: &str) {
        let here = self.folder.path().display();
        // Written elsewhere and renamed: a file that is open for writing in any thread's child cannot be executed.
        let path = self.path("bin").join(name);
        let beside = path.with_extension("new");
        fs::write(&beside, format!("#!/bin/sh\nHERE='{here}'\n{script}\n")).unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(beside, path).unwrap();
    }

    /// Makes a wheel of these files and tells what the table says about it.
    fn wheel(&self, files: &[(&str, &str)]) -> Bundle {
        let mut zip = zip::ZipWriter::new(fs::File::create(self.path(FILE)).unwrap());
        for (name, content) in files {
            zip.start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        self.bundle()
    }

    /// The table's entry for the file that lies where the wheel would.
    fn bundle(&self) -> Bundle {
        let bytes = fs::read(self.path(FILE)).unwrap();
        let digest = Sha256::digest(&bytes);
        let sha256 = digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        let keep = [
            ("thing/include/", "include/"),
            ("thing/libthing.so.1", "lib/libthing.so"),
        ];
        let owned = |(from, to): (&str, &str)| (from.to_owned(), to.to_owned());
        let wheel = Wheel {
            project: "thing".into(),
            pin: Pin {
                version: "1.0".into(),
                tags: "py3-none-any".into(),
                sha256,
                bytes: bytes.len() as u64,
            },
            keep: keep.into_iter().map(owned).collect(),
        };
        Bundle {
            place: Place {
                title: "thing 1.0".into(),
                folder: "thing-1.0".into(),
                link: "thing".into(),
                kept_bytes: 1000,
                written: [owned(("build-version", "1.0\n"))].into(),
            },
            wheels: vec![wheel],
        }
    }

    fn provide(&self, bundle: &Bundle) -> Result<(), String> {
        self.provide_to("checkout", bundle)
    }

    fn provide_to(&self, checkout: &str, bundle: &Bundle) -> Result<(), String> {
        let cache = Cache::at(&self.path("cache"));
        let checkout = Checkout::at(&self.path(checkout));
        provide(
            bundle,
            &cache,
            &checkout,
            &Programs::only_in(&self.path("bin")),
        )
        .map_err(|error| format!("{error:#}"))
    }

    /// How often pip was called.
    fn calls(&self) -> usize {
        fs::read_to_string(self.path("calls"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    /// The names in the cache, but for the lock's.
    fn cached(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("cache")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name != ".lock").collect()
    }
}

const WHOLE: &[(&str, &str)] = &[
    ("thing/include/thing.h", "int thing();"),
    ("thing/include/deep/er.h", ""),
    ("thing/libthing.so.1", "machine code"),
    ("thing/__init__.py", "not wanted"),
];

fn assert_whole(folder: &Path) {
    assert_eq!(
        fs::read_to_string(folder.join("include/thing.h")).unwrap(),
        "int thing();"
    );
    assert_eq!(
        fs::read_to_string(folder.join("include/deep/er.h")).unwrap(),
        ""
    );
    assert_eq!(
        fs::read_to_string(folder.join("lib/libthing.so")).unwrap(),
        "machine code"
    );
    assert_eq!(
        fs::read_to_string(folder.join("build-version")).unwrap(),
        "1.0\n"
    );
    assert!(!folder.join("__init__.py").exists());
}

#[test]
fn a_bundle_is_fetched_once_and_serves_every_checkout() {
    let machine = Machine::with_pip(WORKING_PIP);
    let bundle = machine.wheel(WHOLE);
    machine.provide(&bundle).unwrap();
    assert_whole(&machine.path("checkout/.pellucid/thing"));
    assert_eq!(machine.cached(), ["thing-1.0"]);

    fs::remove_file(machine.path("bin/python3")).unwrap();
    machine.provide(&bundle).unwrap();
    machine.provide_to("second", &bundle).unwrap();
    assert_whole(&machine.path("second/.pellucid/thing"));
    assert_eq!(machine.calls(), 1);
}

#[test]
fn two_runs_at_once_fetch_once() {
    let machine = Machine::with_pip(&format!("/bin/sleep 0.2\n{WORKING_PIP}"));
    let bundle = machine.wheel(WHOLE);
    std::thread::scope(|scope| {
        for checkout in ["checkout", "second"] {
            let (machine, bundle) = (&machine, &bundle);
            scope.spawn(move || machine.provide_to(checkout, bundle).unwrap());
        }
    });
    assert_eq!(machine.calls(), 1);
    assert_whole(&machine.path("second/.pellucid/thing"));
}

#[test]
fn a_missing_python_is_named_with_its_package() {
    let machine = Machine::new();
    let error = machine.provide(&machine.wheel(WHOLE)).unwrap_err();
    assert!(
        error.contains("python3 was not found") && error.contains("apt-get install python3"),
        "{error}"
    );
    assert!(machine.cached().is_empty());
}

#[test]
fn a_missing_pip_is_named_with_its_package() {
    let machine = Machine::with_pip("echo '/usr/bin/python3: No module named pip' >&2; exit 1");
    let error = machine.provide(&machine.wheel(WHOLE)).unwrap_err();
    assert!(
        error.contains("apt-get install python3-pip") && error.contains("ensurepip"),
        "{error}"
    );
}

#[test]
fn no_network_is_told_from_other_failures() {
    // What pip 23 prints when names cannot be resolved.
    let machine = Machine::with_pip(
        "echo \"WARNING: Retrying (Retry(total=4, ...)) after connection broken by 'NewConnectionError('<...>: Failed to \
         establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/thing/\" >&2\n\
         echo 'ERROR: Could not find a version that satisfies the requirement thing==1.0 (from versions: none)' >&2\nexit 1",
    );
    let error = machine.provide(&machine.wheel(WHOLE)).unwrap_err();
    assert!(error.contains("check the network"), "{error}");

    let machine = Machine::with_pip(
        "echo 'ERROR: No matching distribution found for thing==1.0' >&2; exit 1",
    );
    let error = machine.provide(&machine.wheel(WHOLE)).unwrap_err();
    assert!(
        !error.contains("check the network") && error.contains("No matching distribution found"),
        "{error}"
    );
}

#[test]
fn a_disk_without_room_is_noticed_before_the_download() {
    let machine = Machine::with_pip(WORKING_PIP);
    let mut bundle = machine.wheel(WHOLE);
    bundle.place.kept_bytes = u64::MAX / 2;
    let error = machine.provide(&bundle).unwrap_err();
    assert!(
        error.contains("make room") && error.contains("XDG_CACHE_HOME"),
        "{error}"
    );
    assert_eq!(machine.calls(), 0);
}

#[test]
fn a_disk_that_fills_during_the_download_leaves_nothing() {
    let machine = Machine::with_pip(
        "echo half > \"$TMPDIR/half.whl\"; echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1",
    );
    let error = machine.provide(&machine.wheel(WHOLE)).unwrap_err();
    assert!(error.contains("disk is full"), "{error}");
    assert!(machine.cached().is_empty());
}

#[test]
fn the_real_pip_takes_the_pinned_wheel_and_refuses_another() {
    let machine = Machine::new();
    let python = Programs::on_path()
        .find("python3")
        .expect("python3 brings pip");
    let path = std::env::var("PATH").unwrap();
    let index = "PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS=\"$HERE\"";
    machine.program(
        "python3",
        &format!("PATH='{path}' {index} exec '{}' \"$@\"", python.display()),
    );
    let described = [
        (
            "thing-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
        ),
        (
            "thing-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        ),
        ("thing-1.0.dist-info/RECORD", ""),
    ];
    let bundle = machine.wheel(&[WHOLE, &described].concat());
    let whole = fs::read(machine.path(FILE)).unwrap();
    fs::write(machine.path(FILE), [&whole[..], b"more"].concat()).unwrap();
    let error = machine.provide(&bundle).unwrap_err();
    assert!(
        error.contains("arrived broken") && error.contains("run `cargo xtask deps` again"),
        "{error}"
    );
    assert!(machine.cached().is_empty());
    assert!(!machine.path("checkout/.pellucid").exists());

    fs::write(machine.path(FILE), whole).unwrap();
    machine.provide(&bundle).unwrap();
    assert_whole(&machine.path("checkout/.pellucid/thing"));
    assert_eq!(machine.cached(), ["thing-1.0"]);
}

#[test]
fn a_wheel_that_lacks_a_file_or_is_none_at_all_fails() {
    let machine = Machine::with_pip(WORKING_PIP);
    let error = machine.provide(&machine.wheel(&WHOLE[..2])).unwrap_err();
    assert!(
        error.contains("lacks") && error.contains("libthing.so"),
        "{error}"
    );

    fs::write(machine.path(FILE), "an error page").unwrap();
    let error = machine.provide(&machine.bundle()).unwrap_err();
    assert!(error.contains("is no wheel"), "{error}");
    assert!(machine.cached().is_empty());
}

#[test]
fn a_wheel_cannot_write_outside_its_folder() {
    let machine = Machine::with_pip(WORKING_PIP);
    let files = [WHOLE, &[("thing/include/../../../../escaped", "x")]].concat();
    let error = machine.provide(&machine.wheel(&files)).unwrap_err();
    assert!(error.contains("outside its folder"), "{error}");
}

#[test]
fn a_folder_that_is_incomplete_or_made_by_hand_is_made_anew() {
    let machine = Machine::with_pip(WORKING_PIP);
    let bundle = machine.wheel(WHOLE);
    let folder = machine.path("cache/thing-1.0");
    fs::create_dir_all(folder.join("lib")).unwrap();
    fs::write(folder.join("lib/stray.so"), "from elsewhere").unwrap();
    machine.provide(&bundle).unwrap();
    assert_whole(&folder);
    assert!(!folder.join("lib/stray.so").exists());

    fs::write(folder.join("lib/libthing.so"), "machine").unwrap();
    machine.provide(&bundle).unwrap();
    assert_whole(&folder);
    assert_eq!(machine.calls(), 2);
}

#[test]
fn what_a_killed_run_left_is_removed() {
    let machine = Machine::with_pip(WORKING_PIP);
    fs::create_dir_all(machine.path("cache/.unfinished-abc/wheels")).unwrap();
    machine.provide(&machine.wheel(WHOLE)).unwrap();
    assert_eq!(machine.cached(), ["thing-1.0"]);
}

#[test]
fn a_stale_link_is_replaced_and_a_folder_in_its_place_is_left_alone() {
    let machine = Machine::with_pip(WORKING_PIP);
    let bundle = machine.wheel(WHOLE);
    let link = machine.path("checkout/.pellucid/thing");
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink("/nowhere", &link).unwrap();
    machine.provide(&bundle).unwrap();
    assert_whole(&link);

    fs::remove_file(&link).unwrap();
    fs::create_dir(&link).unwrap();
    let error = machine.provide(&bundle).unwrap_err();
    assert!(error.contains("move it away"), "{error}");
}

#[test]
fn the_wasm_target_is_added_only_where_it_is_missing() {
    let machine = Machine::new();
    let checkout = Checkout::at(&machine.path("checkout"));
    let programs = Programs::only_in(&machine.path("bin"));
    let add =
        || toolchain::add_wasm_target(&programs, &checkout).map_err(|error| error.to_string());

    assert!(add().unwrap_err().contains("rustc was not found"));
    machine.program("rustc", "echo \"$HERE/missing\"");
    let error = add().unwrap_err();
    assert!(
        error.contains("rustup was not found") && error.contains("wasm32-unknown-unknown"),
        "{error}"
    );
    machine.program("rustup", "echo \"$@\" > \"$HERE/asked\"");
    add().unwrap();
    assert_eq!(
        fs::read_to_string(machine.path("asked")).unwrap(),
        "target add wasm32-unknown-unknown\n"
    );
    fs::remove_file(machine.path("asked")).unwrap();
    machine.program("rustc", "echo \"$HERE\"");
    add().unwrap();
    assert!(!machine.path("asked").exists());
}

#[test]
fn a_missing_cpp_compiler_is_named_with_its_package() {
    let machine = Machine::new();
    let programs = Programs::only_in(&machine.path("bin"));
    let error = toolchain::check_cpp_compiler(&programs)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("c++ was not found") && error.contains("apt-get install g++"),
        "{error}"
    );
    machine.program("c++", "echo 'c++ 13.2'");
    toolchain::check_cpp_compiler(&programs).unwrap();
}
