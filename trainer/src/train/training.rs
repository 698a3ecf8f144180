//! A training from its settings to the verified best network.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use pellucid_shared::onnx::{Model, require_finite};
use tch::Device;

use super::Settings;
use super::facts::{card, describe};
use super::folder::Folder;
use super::init::initial_model;
use super::log::{EpochRecord, Log};
use super::resume::Checkpoint;
use super::run::Run;
use super::stage::Stage;
use crate::data::{Dataset, Examples, Part, Split, TRAINING_POPULATION, batch};
use crate::evaluate::Evaluation;
use crate::export::{self, Verification};
use crate::progress::Progress;
use crate::stop::Stop;
use crate::torch::{Network, Tf32, allow_tf32, choose_device, keep_memory};

/// Images that the way to the verified file is tried with before the first epoch.
const REHEARSED: usize = 2;

/// What a training ended with.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The best network's file; where the training was interrupted, an older run's or none.
    pub best: PathBuf,
    /// The file with the latest weights.
    pub latest: PathBuf,
    /// What was recorded of every epoch.
    pub epochs: Vec<EpochRecord>,
    /// The best network on the test images; `None` where the training was interrupted.
    pub test: Option<Evaluation>,
    /// How the engines agreed on the best network's file; `None` where the training was interrupted.
    pub verification: Option<Verification>,
    /// The epoch in which the loss stopped being a number, if it did: the best network is then of an earlier one.
    pub astray: Option<usize>,
    /// How many minutes it took.
    pub minutes: f64,
}

/// Trains as the settings say, into their folder:
///
/// - `latest.onnx`, the network after the last epoch;
/// - `unverified.onnx`, the best network so far by the loss on the validation images (attacked ones in an adversarial training,
///   clean ones in another);
/// - `best.onnx`, the same once it is verified across engines at the end; the other name is then gone;
/// - `log.jsonl`, an [`EpochRecord`] per line; `split.csv`; `settings.json`.
///
/// The first of them are written with the first checkpoint. Where the folder holds a run that may be overwritten, the new one's
/// files stand in `unfinished` within it until its best network is verified.
///
/// On the same CPU with the same number of threads, the same settings give the same weights, to the bit. When `stop` asks,
/// the step at hand is finished, `latest.onnx` written, and the training ends.
///
/// # Errors
/// Where settings, data or network do not fit together, a file cannot be written, or the written network fails its
/// verification; each error says what to do.
pub fn train(settings: &Settings, progress: &Progress, stop: &Stop) -> Result<Outcome> {
    settings.check()?;
    Folder::check(&settings.out, settings.overwrite || settings.resume)?;
    // Hours of training shall not end at an engine that cannot be loaded.
    export::ready()?;
    let mut run = Run::prepare(settings, progress, stop)?;
    let result = run.whole();
    if result.is_err() {
        run.folder.discard_if_empty();
    }
    let (test, verification) = result?.unzip();
    Ok(Outcome {
        best: run.folder.published(),
        latest: run.folder.latest(),
        minutes: run.begun.elapsed().as_secs_f64() / 60.0,
        astray: run.astray,
        epochs: run.records,
        test,
        verification,
    })
}

impl<'a> Run<'a> {
    fn prepare(settings: &Settings, progress: &'a Progress, stop: &'a Stop) -> Result<Self> {
        let begun = Instant::now();
        let device = choose_device(settings.device)?;
        allow_tf32(Tf32::Convolutions);
        keep_memory();
        if let Some(threads) = settings.threads {
            tch::set_num_threads(i32::try_from(threads)?);
        }
        let classes = settings.classes.as_deref();
        let dataset = Dataset::open(&settings.data, classes, TRAINING_POPULATION)?;
        let resumed = settings
            .resume
            .then(|| Folder::resume(&settings.out))
            .transpose()?;
        let mut split = match (&resumed, &settings.split) {
            (Some(folder), _) => Split::read(&folder.split(), &dataset)?,
            (None, Some(path)) => Split::read(path, &dataset)?,
            (None, None) => Split::stratified(&dataset, settings.shares, settings.split_seed)?,
        };
        // The split of a training that goes on is limited already.
        if let (None, Some(most)) = (&resumed, &settings.per_class) {
            split.limit(&dataset, most, settings.split_seed)?;
        }
        let part = |part| dataset.select(&split.indices(part));
        let (train, validation, test) =
            (part(Part::Train), part(Part::Validation), part(Part::Test));
        let initial = initial_model(&settings.start, &dataset.classes, settings.seed)?;
        require_finite(&initial.model).context("the weights to begin with cannot be trained")?;
        for notice in &initial.notices {
            progress.say(notice);
        }
        let settings = settings.with_head(initial.fresh_head);
        let settings = &settings;
        check_parts(settings, &train, &validation)?;
        if let Some(folder) = &resumed {
            folder.check_settings(&settings.to_json())?;
        }
        let preprocessing = initial.preprocessing.clone();
        let card = card(settings, &dataset, &initial, &train, &preprocessing);
        progress.say(&describe(&card, &train, &validation, &test, device));

        let validation = match settings.validation_images {
            Some(most) => validation.sample(most),
            None => validation,
        };
        let read =
            |dataset: Dataset, title| Examples::read(dataset, &preprocessing, title, progress);
        let (train, validation) = (read(train, "training")?, read(validation, "validation")?);
        let test = read(test, "test")?;
        let mut network = Network::new(&initial.model, device)?;

        // Everything is checked before anything is touched.
        for stage in Stage::ALL {
            stage.check(settings, &initial.model, &mut network)?;
        }
        if initial.foreign {
            rehearse(&initial.model, &network, &validation, progress)?;
        }
        let held = stop.hold();
        let (folder, log, checkpoint) = match resumed {
            None => (Folder::prepare(&settings.out)?, None, None),
            Some(folder) => {
                let checkpoint = Checkpoint::read(&folder.checkpoint())?;
                checkpoint.restore_network(&network)?;
                let log = Log::rewrite(&folder.log(), &checkpoint.position.records)?;
                progress.say(&checkpoint.position.describe());
                (folder, Some(log), Some(checkpoint))
            }
        };
        let records = checkpoint
            .as_ref()
            .map_or_else(Vec::new, |c| c.position.records.clone());
        let best = checkpoint.as_ref().and_then(|c| c.position.watch.best());
        Ok(Self {
            settings: settings.clone(),
            progress,
            stop,
            held,
            begun,
            folder,
            split,
            dataset,
            log,
            model: initial.model,
            network,
            card,
            train,
            validation,
            test,
            records,
            best,
            resumed: checkpoint,
            astray: None,
        })
    }

    /// Every stage and the end; `None` where it is interrupted.
    fn whole(&mut self) -> Result<Option<(Evaluation, Verification)>> {
        let past_head = self
            .resumed
            .as_ref()
            .is_some_and(|c| c.position.stage == Stage::Whole);
        let head_first = self.settings.head.epochs > 0 && !past_head;
        if head_first {
            self.train(Stage::Head)?;
        }
        // Without a head's stage this is where the first step is taken, however little time there is.
        if self.astray.is_none() && (!head_first || !self.stopped()) {
            self.train(Stage::Whole)?;
        }
        self.finish()
    }

    /// Writes what goes with the first checkpoint.
    pub(super) fn begin_log(&mut self) -> Result<()> {
        if self.log.is_none() {
            self.split.write(&self.folder.split(), &self.dataset)?;
            self.folder.write_settings(&self.settings.to_json())?;
            self.log = Some(Log::create(&self.folder.log())?);
        }
        Ok(())
    }

    /// Whether no further epoch is to begin.
    pub(super) fn stopped(&self) -> bool {
        let minutes = self.begun.elapsed().as_secs_f64() / 60.0;
        self.stop.is_asked()
            || self
                .settings
                .max_minutes
                .is_some_and(|most| minutes >= most)
    }
}

/// Goes the way to the verified file with the network that is not trained yet: a graph that an engine does not run, or runs otherwise, is found
/// now and not after hours.
fn rehearse(
    model: &Model,
    network: &Network,
    validation: &Examples,
    progress: &Progress,
) -> Result<()> {
    progress.say("trying whether the file can be verified that this training would end with");
    let sample: Vec<usize> = (0..validation.len().min(REHEARSED)).collect();
    let (sample, _) = batch(validation, &sample, Device::Cpu)?;
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    export::export(
        model,
        network,
        &sample,
        &folder.path().join("rehearsal.onnx"),
    )
    .context("the file that this training would end with could not be verified")?;
    Ok(())
}

fn check_parts(settings: &Settings, train: &Dataset, validation: &Dataset) -> Result<()> {
    for (name, part) in [("training", train), ("validation", validation)] {
        ensure!(
            !part.items.is_empty(),
            "the split has no {name} image: list some in it"
        );
    }
    for (option, recipe) in [("--head-batch", settings.head), ("--batch", settings.whole)] {
        let images = train.items.len();
        ensure!(
            recipe.epochs == 0 || recipe.batch <= images,
            "{option} {} is larger than the {images} training images: choose at most {images}",
            recipe.batch
        );
    }
    if let Some(rare) = train.counts().iter().position(|&count| count == 0) {
        anyhow::bail!(
            "no training image is of the class `{}`: leave it out with --classes",
            train.classes[rare].code
        );
    }
    Ok(())
}
