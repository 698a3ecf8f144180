//! The folder of a run and what stands in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use pellucid_shared::files;

const BEST: &str = "best.onnx";
const LATEST: &str = "latest.onnx";
/// The best network before it is verified.
const UNVERIFIED: &str = "unverified.onnx";
const LOG: &str = "log.jsonl";
const SPLIT: &str = "split.csv";
const SETTINGS: &str = "settings.json";
/// Where a training is, until it is over.
const CHECKPOINT: &str = "checkpoint.safetensors";
/// Where a run is until its best network is verified, while another run's files stand in its folder.
const UNFINISHED: &str = "unfinished";

/// The folder of a run.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    /// The one that the user named.
    out: PathBuf,
    /// Where the files of this run are written: the same, or [`UNFINISHED`] within.
    place: PathBuf,
    /// The folders that were made for this run, the outermost first.
    made: Vec<PathBuf>,
}

/// Every file that a training into this folder may write.
pub(crate) fn outputs(out: &Path) -> Vec<PathBuf> {
    let folders = [out.to_owned(), out.join(UNFINISHED)];
    let names = [BEST, LATEST, UNVERIFIED, LOG, SPLIT, SETTINGS, CHECKPOINT];
    let files = folders
        .iter()
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    files.collect()
}

impl Folder {
    /// Whether a training into this folder may begin; touches nothing.
    ///
    /// # Errors
    /// Where it is a file, or holds a run that must not be overwritten.
    pub(super) fn check(path: &Path, overwrite: bool) -> Result<()> {
        let place = path.display();
        ensure!(
            !path.exists() || path.is_dir(),
            "{place} is a file, not a folder: choose another --out"
        );
        if !overwrite && (holds_run(path) || holds_run(&path.join(UNFINISHED))) {
            bail!("{place} holds a run already: choose another --out, or add --overwrite");
        }
        Ok(())
    }

    /// The folder of a run that was interrupted, to go on with it.
    ///
    /// # Errors
    /// Where none is there.
    pub(super) fn resume(path: &Path) -> Result<Self> {
        let places = [path.join(UNFINISHED), path.to_owned()];
        let place = places
            .into_iter()
            .find(|place| place.join(CHECKPOINT).is_file());
        let place = place.with_context(|| {
            let there = path.join(BEST).exists();
            let why = if there {
                "the run there is complete"
            } else {
                "no training was interrupted there"
            };
            format!(
                "{} holds no checkpoint to go on from: {why}",
                path.display()
            )
        })?;
        let folder = Self {
            out: path.to_owned(),
            place,
            made: vec![],
        };
        files::sweep(&folder.out);
        files::sweep(&folder.place);
        Ok(folder)
    }

    /// Whether the run was begun with these settings.
    ///
    /// # Errors
    /// Where it was not; names the first that differs.
    pub(super) fn check_settings(&self, settings: &serde_json::Value) -> Result<()> {
        let file = self.place.join(SETTINGS);
        let text = files::read(&file, MOST_SETTINGS).with_context(|| file.display().to_string())?;
        let before: serde_json::Value = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged", file.display()))?;
        if let Some(told) = difference(&before, settings) {
            bail!(
                "the run in {} was begun otherwise, and --resume goes on as it was begun: {told}",
                self.place.display()
            );
        }
        Ok(())
    }

    /// Makes the folder and removes what killed runs left half-written; the files of a run that is there stay.
    pub(super) fn prepare(path: &Path) -> Result<Self> {
        let mut folder = Self {
            out: path.to_owned(),
            place: path.to_owned(),
            made: vec![],
        };
        if holds_run(path) {
            folder.place = path.join(UNFINISHED);
        }
        let mut missing: Vec<&Path> = folder
            .place
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .collect();
        missing.reverse();
        folder.made = missing.into_iter().map(Path::to_owned).collect();
        let usable = fs::create_dir_all(&folder.place)
            .and_then(|()| files::try_folder(&folder.place))
            .with_context(|| {
                format!(
                    "the folder {} cannot be made or written into: choose another --out",
                    folder.place.display()
                )
            });
        if usable.is_err() {
            folder.discard_if_empty();
        }
        usable?;
        files::sweep(&folder.out);
        files::sweep(&folder.place);
        Ok(folder)
    }

    /// Removes the folders that were made for a run that has come to nothing; those that hold something stay.
    pub(super) fn discard_if_empty(&self) {
        for folder in self.made.iter().rev() {
            // The first error is the one to tell, and a folder that is not empty stays.
            let _ = fs::remove_dir(folder);
        }
    }

    pub(super) fn log(&self) -> PathBuf {
        self.place.join(LOG)
    }

    /// The best network once it is verified.
    pub(super) fn best(&self) -> PathBuf {
        self.place.join(BEST)
    }

    /// The best network until then.
    pub(super) fn unverified(&self) -> PathBuf {
        self.place.join(UNVERIFIED)
    }

    pub(super) fn latest(&self) -> PathBuf {
        self.place.join(LATEST)
    }

    pub(super) fn checkpoint(&self) -> PathBuf {
        self.place.join(CHECKPOINT)
    }

    pub(super) fn split(&self) -> PathBuf {
        self.place.join(SPLIT)
    }

    /// Where the best network is when all is done.
    pub(super) fn published(&self) -> PathBuf {
        self.out.join(BEST)
    }

    /// Writes `settings.json`.
    pub(super) fn write_settings(&self, settings: &serde_json::Value) -> Result<()> {
        let path = self.place.join(SETTINGS);
        let text = serde_json::to_string_pretty(settings)? + "\n";
        files::write_atomic(&path, text.as_bytes())
            .with_context(|| format!("{} cannot be written: free some space", path.display()))
    }

    /// Once the best network is verified: its files take the places of the run that was there.
    pub(super) fn publish(&mut self) -> Result<()> {
        self.take_places().with_context(|| {
            format!(
                "the run is complete in {}, but cannot replace the one in {}",
                self.place.display(),
                self.out.display()
            )
        })
    }

    fn take_places(&mut self) -> Result<()> {
        files::remove(&self.unverified())?;
        files::remove(&self.checkpoint())?;
        if self.place == self.out {
            return Ok(());
        }
        // Cut off at any point, no split stands beside a network that has learnt from its test images.
        files::remove(&self.out.join(SPLIT))?;
        files::remove(&self.out.join(UNVERIFIED))?;
        files::remove(&self.out.join(CHECKPOINT))?;
        for name in [BEST, LATEST, LOG, SETTINGS, SPLIT] {
            files::rename(&self.place.join(name), &self.out.join(name))?;
        }
        // What somebody else put there stays.
        let _ = fs::remove_dir(&self.place);
        self.place.clone_from(&self.out);
        Ok(())
    }
}

/// The longest `settings.json` that is read, in bytes.
const MOST_SETTINGS: u64 = 1 << 20;

/// The first setting that differs, but for those that change nothing of what is learnt.
fn difference(before: &serde_json::Value, now: &serde_json::Value) -> Option<String> {
    const FREE: [&str; 1] = ["max_minutes"];
    let (before, now) = (before.as_object()?, now.as_object()?);
    let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
    names.sort();
    names
        .into_iter()
        .filter(|name| !FREE.contains(&&name[..]))
        .find_map(|name| {
            let (old, new) = (before.get(name), now.get(name));
            let text = |value: Option<&serde_json::Value>| {
                value.map_or_else(|| "nothing".to_owned(), ToString::to_string)
            };
            (old != new).then(|| format!("{name} was {}, and is {} now", text(old), text(new)))
        })
}

/// Whether a folder holds a run: a network, where a training is, or a line of a log. Of one that was killed before its first checkpoint nothing is
/// worth keeping.
fn holds_run(folder: &Path) -> bool {
    let networks = [BEST, LATEST, UNVERIFIED, CHECKPOINT];
    let log = fs::metadata(folder.join(LOG));
    networks.iter().any(|name| folder.join(name).exists()) || log.is_ok_and(|log| log.len() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Writes every file of a run.
    fn fill(run: &Folder, text: &str) {
        for path in [
            run.unverified(),
            run.latest(),
            run.log(),
            run.split(),
            run.best(),
        ] {
            fs::write(path, text).unwrap();
        }
        run.write_settings(&text.into()).unwrap();
    }

    #[test]
    fn a_run_stays_until_the_next_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        Folder::check(&path, false).unwrap();
        let mut first = Folder::prepare(&path).unwrap();
        fill(&first, "first");
        fs::write(path.join("notes.txt"), "mine").unwrap();
        let error = Folder::check(&path, false).unwrap_err().to_string();
        assert!(error.contains("--overwrite"), "{error}");
        first.publish().unwrap();
        let whole = [
            "best.onnx",
            "latest.onnx",
            "log.jsonl",
            "notes.txt",
            "settings.json",
            "split.csv",
        ];
        assert_eq!(names(&path), whole);

        Folder::check(&path, true).unwrap();
        fs::write(path.join(".best.onnx.0.pellucid-tmp"), "half").unwrap();
        let mut second = Folder::prepare(&path).unwrap();
        fill(&second, "second");
        for name in [BEST, LATEST, LOG, SPLIT] {
            assert_eq!(fs::read_to_string(path.join(name)).unwrap(), "first");
        }
        second.publish().unwrap();
        assert_eq!(names(&path), whole);
        for name in [BEST, LATEST, LOG, SPLIT] {
            assert_eq!(fs::read_to_string(path.join(name)).unwrap(), "second");
        }
        assert_eq!(second.latest(), path.join(LATEST));
    }

    #[test]
    fn what_died_before_its_first_checkpoint_is_no_run() {
        let folder = tempfile::tempdir().unwrap();
        for name in [LOG, SPLIT, SETTINGS] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        Folder::check(folder.path(), false).unwrap();
        fs::write(folder.path().join(LOG), "{}\n").unwrap();
        assert!(Folder::check(folder.path(), false).is_err());
    }

    #[test]
    fn a_run_that_comes_to_nothing_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        Folder::prepare(&path).unwrap().discard_if_empty();
        assert!(names(folder.path()).is_empty());
        // A run that is there, and what the user made, stay.
        fs::write(folder.path().join(BEST), "first").unwrap();
        let second = Folder::prepare(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [BEST, UNFINISHED]);
        second.discard_if_empty();
        assert_eq!(names(folder.path()), [BEST]);
    }
}
