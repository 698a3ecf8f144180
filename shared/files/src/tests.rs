use super::*;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn writes_and_replaces_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    write_atomic(&path, b"first").unwrap();
    write_atomic(&path, b"second, longer").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second, longer");
    assert_eq!(names(folder.path()), ["model.onnx"]);
}

#[test]
fn an_error_half_way_keeps_the_old_file_and_removes_the_temporary() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    write_atomic(&path, b"old").unwrap();
    let error = write_atomic_with(&path, |file| {
        // More than any buffer holds, so that part of it really is on disk.
        file.write_all(&vec![1; 1 << 20])?;
        Err(io::Error::new(io::ErrorKind::StorageFull, "disk full"))
    })
    .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["model.onnx"]);
}

#[test]
fn what_the_check_refuses_never_takes_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    write_atomic(&path, b"old").unwrap();
    let fill = |file: &mut dyn Write| file.write_all(b"new");
    let refused: io::Result<()> = write_checked(&path, fill, |temporary| {
        assert_eq!(fs::read(temporary)?, b"new");
        assert_eq!(fs::read(&path)?, b"old");
        Err(io::Error::other("not good enough"))
    });
    assert_eq!(refused.unwrap_err().to_string(), "not good enough");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["model.onnx"]);
    let accepted: io::Result<u8> = write_checked(&path, fill, |_| Ok(7));
    assert_eq!(
        (accepted.unwrap(), fs::read(&path).unwrap()),
        (7, b"new".to_vec())
    );
    assert_eq!(names(folder.path()), ["model.onnx"]);
}

#[test]
fn of_two_files_both_are_written_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (folder.path().join("data"), folder.path().join("model"));
    let fill = |text: &'static [u8]| move |file: &mut dyn Write| file.write_all(text);
    write_both((&data, fill(b"1")), (&model, fill(b"2"))).unwrap();
    let full = |_: &mut dyn Write| Err(io::Error::new(io::ErrorKind::StorageFull, "disk full"));
    let error = write_both((&data, fill(b"3")), (&model, full)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(fs::read(&data).unwrap(), b"1");
    assert_eq!(fs::read(&model).unwrap(), b"2");
    let folder_of_that_name = write_both((&data, fill(b"3")), (folder.path(), fill(b"4")));
    assert!(folder_of_that_name.is_err());
    assert_eq!(fs::read(&data).unwrap(), b"1");
    assert_eq!(names(folder.path()), ["data", "model"]);
}

#[test]
fn a_reader_sees_the_old_content_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    write_atomic(&path, b"old").unwrap();
    write_atomic_with(&path, |file| {
        file.write_all(b"new")?;
        file.flush()?;
        assert_eq!(fs::read(&path)?, b"old");
        Ok(())
    })
    .unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[test]
fn a_name_as_long_as_the_system_allows_is_written() {
    let folder = tempfile::tempdir().unwrap();
    // 255 bytes, once of one byte each and once of two, with an odd one so that none may be torn.
    for name in ["a".repeat(255), format!("a{}", "ö".repeat(127))] {
        let path = folder.path().join(&name);
        write_atomic(&path, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        fs::remove_file(path).unwrap();
    }
    let other = write_atomic(&folder.path().join("a".repeat(256)), b"").unwrap_err();
    assert_eq!(other.kind(), io::ErrorKind::InvalidFilename);
    assert!(names(folder.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn what_killed_writers_left_goes_and_what_somebody_writes_or_owns_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, left) in [
        (".a.0.pellucid-tmp", true),
        (".b.7.pellucid-tmp", true),
        (".a.0.tmp", false),
        ("a.pellucid-tmp", false),
    ] {
        fs::write(path(name), b"half").unwrap();
        assert_eq!(
            name.starts_with('.') && name.ends_with("pellucid-tmp"),
            left
        );
    }
    fs::create_dir(path(".c.0.pellucid-tmp")).unwrap();
    std::os::unix::fs::symlink(path("a.pellucid-tmp"), path(".d.0.pellucid-tmp")).unwrap();
    // The next writer of the same file takes the place of a killed one, a folder's sweep finds the rest.
    write_atomic_with(&path("a"), |file| {
        file.write_all(b"whole")?;
        file.flush()?;
        assert_eq!(fs::read(path(".a.0.pellucid-tmp"))?, b"whole");
        sweep(folder.path());
        // Another writer of the same file meanwhile.
        write_atomic(&path("a"), b"other")
    })
    .unwrap();
    assert_eq!(fs::read(path("a")).unwrap(), b"whole");
    assert_eq!(
        names(folder.path()),
        [
            ".a.0.tmp",
            ".c.0.pellucid-tmp",
            ".d.0.pellucid-tmp",
            "a",
            "a.pellucid-tmp"
        ]
    );
}

/// A process that is killed while it writes, by a signal that nobody can catch.
#[cfg(unix)]
#[test]
fn a_writer_in_another_process_is_left_alone_until_it_is_killed() {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let name = ".a.0.pellucid-tmp";
    let path = folder.path().join(name);
    let mut writer = Command::new("flock")
        .args([
            "--no-fork",
            name,
            "sh",
            "-c",
            "echo half > $0; echo ready; exec sleep 600",
            name,
        ])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    io::Read::read_exact(writer.stdout.as_mut().unwrap(), &mut ready).unwrap();
    sweep(folder.path());
    write_atomic(&folder.path().join("a"), b"whole").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"half\n");
    writer.kill().unwrap();
    writer.wait().unwrap();
    sweep(folder.path());
    assert_eq!(names(folder.path()), ["a"]);
}

#[cfg(unix)]
#[test]
fn only_files_are_read_and_only_so_much_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), b"12345").unwrap();
    assert_eq!(read(&path("file"), 5).unwrap(), b"12345");
    assert_eq!(read_text(&path("file"), 5).unwrap(), "12345");
    assert_eq!(read_beginning(&path("file"), 2).unwrap(), b"12");
    let large = read(&path("file"), 4).unwrap_err();
    assert_eq!(large.kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(
        large.to_string(),
        "it has 5 bytes, and such a file has at most 4"
    );
    // A terabyte that takes no disk: refused before any memory is taken.
    let sparse = fs::File::create(path("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    assert!(read(&path("sparse"), 1 << 30).is_err());
    let made = std::process::Command::new("mkfifo")
        .arg(path("pipe"))
        .status();
    assert!(made.unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path("link")).unwrap();
    for (name, what) in [
        ("pipe", "it is a named pipe, not a file"),
        ("socket", "it is a socket, not a file"),
        ("link", "it is a device, not a file"),
        (".", "it is a folder, not a file"),
    ] {
        assert_eq!(read(&path(name), 9).unwrap_err().to_string(), what);
    }
    fs::write(path("latin"), b"\xe4").unwrap();
    assert!(
        read_text(&path("latin"), 9)
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
}

#[cfg(unix)]
#[test]
fn what_is_going_to_be_written_is_not_read_under_any_name_until_it_has_been() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("sub")).unwrap();
    fs::write(path("model"), b"old").unwrap();
    fs::write(path("other"), b"x").unwrap();
    fs::hard_link(path("model"), path("sub/hard")).unwrap();
    std::os::unix::fs::symlink(path("model"), path("soft")).unwrap();
    let names = ["model", "sub/../model", "sub/hard", "soft"].map(path);
    for output in &names {
        let held = claim(&[output.clone(), path("new")]).unwrap();
        for input in &names {
            let error = read(input, 9).unwrap_err().to_string();
            assert!(error.contains("overwritten"), "{error}");
            assert!(is_claimed(input));
        }
        assert_eq!(read(&path("other"), 9).unwrap(), b"x");
        drop(held);
        assert_eq!(read(&path("model"), 9).unwrap(), b"old");
    }
    // What is written is this command's own, and may be read again.
    let _held = claim(&[path("model")]).unwrap();
    write_atomic(&path("model"), b"new").unwrap();
    assert_eq!(read(&path("model"), 9).unwrap(), b"new");
}

#[cfg(unix)]
#[test]
fn outputs_are_files_of_their_own_in_folders_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("sub")).unwrap();
    fs::write(path("file"), b"").unwrap();
    std::os::unix::fs::symlink(path("file"), path("soft")).unwrap();
    fs::hard_link(path("file"), path("hard")).unwrap();
    for (a, b) in [("new", "sub/../new"), ("file", "soft"), ("hard", "file")] {
        let error = claim(&[path(a), path(b)]).unwrap_err();
        assert_eq!(error, ClaimError::Twice(path(a), path(b)));
    }
    assert_eq!(
        claim(&[path("sub")]).unwrap_err(),
        ClaimError::Folder(path("sub"))
    );
    let error = claim(&[path("no/file")]).unwrap_err();
    assert_eq!(error, ClaimError::NoFolder(path("no/file"), path("no")));
    let null = PathBuf::from("/dev/null");
    drop(claim(&[path("file"), path("new"), null.clone(), null]).unwrap());
}

#[test]
fn a_missing_folder_a_folder_and_no_name_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/file");
    assert_eq!(
        write_atomic(&missing, b"").unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
    assert_eq!(
        write_atomic(folder.path(), b"").unwrap_err().kind(),
        io::ErrorKind::IsADirectory
    );
    assert!(write_atomic(Path::new(""), b"").is_err());
    assert!(names(folder.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, b"old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    write_atomic(&link, b"new").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[cfg(target_os = "linux")]
#[test]
fn devices_are_written_to_and_a_full_disk_is_told() {
    write_atomic(Path::new("/dev/null"), b"x").unwrap();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    let error = write_atomic(Path::new("/dev/full"), b"x").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let empty = |_: &mut dyn Write| Ok(());
    let error = write_both((&data, empty), (Path::new("/dev/null"), empty)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(names(folder.path()).is_empty());
}
