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
fn a_leftover_of_a_killed_writer_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".a.0.tmp"), b"half").unwrap();
    write_atomic(&folder.path().join("a"), b"whole").unwrap();
    assert_eq!(names(folder.path()), [".a.0.tmp", "a"]);
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"whole");
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
