//! A training from its settings to the verified best network.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use pellucid_shared::card::{Adversarial, Card, Input, Metric, Training};
use pellucid_shared::image::Preprocessing;
use pellucid_shared::onnx::{Model, require_finite};
use tch::Device;

use super::batch::batch;
use super::checkpoint::{Folder, save};
use super::epoch::{Pass, Seen};
use super::init::{Initial, head, initial_model};
use super::log::{EpochRecord, Log};
use super::memory::{is_out_of_memory, out_of_memory};
use super::optimizer::Optimizer;
use super::schedule::{Schedule, Score, Watch};
use super::{Attack, Recipe, Settings};
use crate::data::{Dataset, Examples, Part, Split, TRAINING_POPULATION};
use crate::evaluate::{Evaluation, Figures, Measured, attacked, clean};
use crate::export::{self, Report};
use crate::progress::Progress;
use crate::torch::{Network, Tf32, allow_tf32, choose_device};

/// What a training ended with.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The best network's file.
    pub best: PathBuf,
    /// What was recorded of every epoch.
    pub epochs: Vec<EpochRecord>,
    /// The best network on the test images; `None` where the training was interrupted.
    pub test: Option<Evaluation>,
    /// How the engines agreed on the best network's file; `None` where the training was interrupted.
    pub verification: Option<Report>,
    /// How many minutes it took.
    pub minutes: f64,
}

/// The seed of validation's and test's attacks: the same in every epoch and run, so that figures compare.
const MEASURING_SEED: u64 = 0;

/// Images that are offered for comparing the engines on the written file.
const VERIFIED: usize = 8;

/// Trains as the settings say, into their folder:
///
/// - `best.onnx`, the best network by balanced accuracy on the validation images (attacked ones in an adversarial
///   training, clean ones in another; the lower loss decides between equals), verified across engines at the end;
/// - `latest.onnx`, the network after the last epoch;
/// - `log.jsonl`, an [`EpochRecord`] per line; `split.csv`; `settings.json`.
///
/// On the same CPU with the same number of threads, the same settings give the same weights, to the bit. When
/// `interrupted` becomes true, the step at hand is finished, `latest.onnx` written, and the training ends.
///
/// # Errors
/// Where settings, data or network do not fit together, a file cannot be written, or the written network fails its
/// verification; each error says what to do.
pub fn train(
    settings: &Settings,
    progress: &Progress,
    interrupted: &AtomicBool,
) -> Result<Outcome> {
    settings.check()?;
    // Hours of training shall not end at an engine that cannot be loaded.
    export::ready()?;
    let mut run = Run::prepare(settings, progress, interrupted)?;
    if settings.head.epochs > 0 {
        run.stage("head", &settings.head)?;
    }
    // Without a head's stage this is where the first step is taken, however little time there is.
    if settings.head.epochs == 0 || !run.stopped() {
        run.stage("whole", &settings.whole)?;
    }
    let (test, verification) = if run.is_interrupted() {
        (None, None)
    } else {
        let (test, verification) = run.finish()?;
        (Some(test), Some(verification))
    };
    Ok(Outcome {
        best: run.folder.best(),
        minutes: run.begun.elapsed().as_secs_f64() / 60.0,
        epochs: run.records,
        test,
        verification,
    })
}

struct Run<'a> {
    settings: &'a Settings,
    progress: &'a Progress,
    interrupted: &'a AtomicBool,
    begun: Instant,
    folder: Folder,
    log: Log,
    model: Model,
    network: Network,
    card: Card,
    train: Examples,
    validation: Examples,
    /// Those of the validation images that are attacked.
    attacked: Option<Examples>,
    /// Read before the first step, so that hours of training do not end at an image that cannot be used.
    test: Examples,
    records: Vec<EpochRecord>,
    best: Option<Score>,
}

impl<'a> Run<'a> {
    fn prepare(
        settings: &'a Settings,
        progress: &'a Progress,
        interrupted: &'a AtomicBool,
    ) -> Result<Self> {
        let begun = Instant::now();
        let device = choose_device(settings.device)?;
        allow_tf32(Tf32::Convolutions);
        if let Some(threads) = settings.threads {
            tch::set_num_threads(i32::try_from(threads)?);
        }
        let classes = settings.classes.as_deref();
        let dataset = Dataset::open(&settings.data, classes, TRAINING_POPULATION)?;
        let split = match &settings.split {
            Some(path) => Split::read(path, &dataset)?,
            None => Split::stratified(&dataset, settings.shares, settings.seed)?,
        };
        let part = |part| dataset.select(&split.indices(part));
        let (train, validation, test) =
            (part(Part::Train), part(Part::Validation), part(Part::Test));
        check_parts(settings, &train, &validation)?;
        let initial = initial_model(&settings.start, &dataset.classes, settings.seed)?;
        require_finite(&initial.model).context("the weights to begin with cannot be trained")?;
        for notice in &initial.notices {
            progress.say(notice);
        }
        let preprocessing = initial.preprocessing.clone();
        let card = card(settings, &dataset, &initial, &train, &preprocessing);
        progress.say(&describe(&card, &train, &validation, &test, device));

        let attacked = settings
            .validation_attack
            .is_some()
            .then(|| validation.sample(settings.validation_images));
        let read =
            |dataset: Dataset, title| Examples::read(dataset, &preprocessing, title, progress);
        let attacked = attacked.map(|a| read(a, "validation")).transpose()?;
        let (train, validation) = (read(train, "training")?, read(validation, "validation")?);
        let test = read(test, "test")?;
        let network = Network::new(&initial.model, device)?;

        let folder = Folder::prepare(&settings.out, settings.overwrite)?;
        split.write(&folder.split(), &dataset)?;
        folder.write_settings(&settings.to_json())?;
        Ok(Self {
            settings,
            progress,
            interrupted,
            begun,
            log: Log::create(&folder.log())?,
            folder,
            model: initial.model,
            network,
            card,
            train,
            validation,
            attacked,
            test,
            records: vec![],
            best: None,
        })
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Whether no further epoch is to begin.
    fn stopped(&self) -> bool {
        let minutes = self.begun.elapsed().as_secs_f64() / 60.0;
        self.is_interrupted()
            || self
                .settings
                .max_minutes
                .is_some_and(|most| minutes >= most)
    }

    /// Trains the head alone on clean images, or as much of the network as the settings say against their attack.
    fn stage(&mut self, name: &str, recipe: &Recipe) -> Result<()> {
        let settings = self.settings;
        let head_alone = name == "head";
        let learns = if head_alone {
            head(&self.model)
        } else {
            settings.trainable.clone()
        };
        self.network.set_trainable(|parameter| {
            learns.is_empty()
                || learns
                    .iter()
                    .any(|prefix| parameter.starts_with(&prefix[..]))
        });
        let mut optimizer = Optimizer::new(
            settings.optimizer,
            &self.network,
            recipe.learning_rate,
            settings.weight_decay,
        )
        .with_context(|| {
            format!(
                "--trainable {} names no layer",
                settings.trainable.join(",")
            )
        })?;
        let (schedule, attack) = if head_alone {
            (Schedule::Constant, None)
        } else {
            (settings.schedule, settings.adversarial)
        };
        let mut watch = Watch::after(self.best);
        let epochs = self.records.len() + recipe.epochs;
        for epoch in 0..recipe.epochs {
            let started = Instant::now();
            let mut pass = Pass {
                examples: &self.train,
                seed: settings.seed,
                epoch: self.records.len(),
                batch: recipe.batch,
                balance: settings.balance,
                augment: settings.augment,
                attack,
                ramp: 0.0,
                steps_before: 0,
                interrupted: self.interrupted,
            };
            let steps = pass.steps();
            pass.ramp = settings.ramp * (recipe.epochs * steps) as f64;
            pass.steps_before = epoch * steps;
            let rate = |step: usize| {
                let done = (epoch * steps + step) as f64 / (recipe.epochs * steps).max(1) as f64;
                recipe.learning_rate * schedule.factor(done, watch.drops())
            };
            let bar = self
                .progress
                .bar(&format!("epoch {}", self.records.len() + 1), steps);
            let seen = pass.run(&self.network, &mut optimizer, rate, &bar);
            bar.finish_and_clear();
            let seen = match seen {
                Err(error) if is_out_of_memory(&error) => {
                    // Its moments are memory too.
                    drop(optimizer);
                    let option = if head_alone {
                        "--head-batch"
                    } else {
                        "--batch"
                    };
                    let tried = (option, recipe.batch, self.card.input.preprocessing.size);
                    return Err(out_of_memory(&self.network, settings, attack, tried));
                }
                seen => seen?,
            };
            let rate = rate(steps);
            let latest = self.folder.latest();
            if self.is_interrupted() {
                save(&mut self.model, &self.network, &self.card, &latest)?;
                break;
            }
            let record = self.validate(name, rate, seen, &mut watch, started)?;
            self.best = watch.best();
            save(&mut self.model, &self.network, &self.card, &latest)?;
            if record.best {
                let best = self.folder.best();
                save(&mut self.model, &self.network, &self.card, &best)?;
            }
            self.log.write(&record)?;
            self.progress.say(&record.line(epochs));
            self.records.push(record);
            let patience = settings.early_stop;
            if self.stopped() || (patience > 0 && watch.stale() >= patience) {
                break;
            }
        }
        Ok(())
    }

    fn validate(
        &mut self,
        stage: &str,
        learning_rate: f64,
        seen: Seen,
        watch: &mut Watch,
        started: Instant,
    ) -> Result<EpochRecord> {
        let bar = self.progress.bar("validation", self.validation.len());
        let plain = clean(&self.network, &self.validation, &bar)?;
        bar.finish_and_clear();
        let hard = match (&self.attacked, &self.settings.validation_attack) {
            (Some(examples), Some(attack)) => {
                let bar = self.progress.bar("attack", examples.len());
                let measured = attacked(&self.network, examples, attack, 1, MEASURING_SEED, &bar)?;
                bar.finish_and_clear();
                Some(measured)
            }
            _ => None,
        };
        let decisive = match &hard {
            Some(hard) if self.settings.adversarial.is_some() => hard,
            _ => &plain,
        };
        let score = Score {
            accuracy: decisive.confusion.balanced_accuracy(),
            loss: decisive.loss,
        };
        self.note_metrics(&plain, hard.as_ref());
        Ok(EpochRecord {
            epoch: self.records.len() + 1,
            stage: stage.to_owned(),
            learning_rate,
            train_loss: seen.loss,
            train_accuracy: seen.accuracy,
            validation_loss: plain.loss,
            validation_accuracy: plain.confusion.accuracy(),
            validation_balanced_accuracy: plain.confusion.balanced_accuracy(),
            adversarial_loss: hard.as_ref().map(|h| h.loss),
            adversarial_accuracy: hard.as_ref().map(|h| h.confusion.accuracy()),
            adversarial_balanced_accuracy: hard.as_ref().map(|h| h.confusion.balanced_accuracy()),
            best: watch.improves(score),
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// Puts the epoch and its validation into the card that the checkpoints carry.
    fn note_metrics(&mut self, plain: &Measured, hard: Option<&Measured>) {
        let trained = self.records.len() as u32 + 1;
        if let Some(training) = &mut self.card.training {
            training.epochs = trained;
        }
        let attack = self.settings.validation_attack.as_ref();
        note(&mut self.card, "validation", plain, None);
        if let Some(hard) = hard {
            note(&mut self.card, "validation.adversarial", hard, attack);
        }
    }

    /// Measures the best network on the test images, writes that into its card, and verifies the file.
    fn finish(&mut self) -> Result<(Evaluation, Report)> {
        // The test's figures are to be those of the exported file, whatever runs it.
        allow_tf32(Tf32::Never);
        let path = self.folder.best();
        let mut model = Model::load(&path)?;
        let network = Network::new(&model, self.network.device())?;
        let mut card = Card::from_model(&model)?.context("the checkpoint has lost its card")?;
        let test = &self.test;
        let sample: Vec<usize> = (0..self.validation.len().min(VERIFIED)).collect();
        let (sample, _) = batch(&self.validation, &sample, Device::Cpu)?;

        let bar = self.progress.bar("test", test.len());
        let plain = clean(&network, test, &bar)?;
        bar.finish_and_clear();
        note(&mut card, "test", &plain, None);
        let mut evaluation = Evaluation {
            model: path.display().to_string(),
            data: format!("{}, test", self.settings.data),
            images: test.len(),
            classes: test
                .dataset
                .classes
                .iter()
                .map(|c| c.code.clone())
                .collect(),
            clean: Figures::of(&plain, None),
            adversarial: None,
        };
        if let Some(attack) = &self.settings.validation_attack {
            // The test is worth a stronger attack than the one in every epoch.
            let attack = Attack::for_evaluation(attack.norm, attack.epsilon, TEST_STEPS, None)?;
            let limited = test.dataset.sample(self.settings.validation_images);
            let limited =
                Examples::read(limited, &card.input.preprocessing, "test", self.progress)?;
            let bar = self.progress.bar("attack", limited.len());
            let hard = attacked(&network, &limited, &attack, 1, MEASURING_SEED, &bar)?;
            bar.finish_and_clear();
            note(&mut card, "test.adversarial", &hard, Some(&attack));
            evaluation.adversarial = Some(Figures::of(&hard, Some(attack.describe())));
        }
        card.write_into(&mut model)?;
        let verified = match export::export(&model, &network, &sample, &path) {
            Ok(report) => report,
            Err(error) => {
                let unverified = self.folder.set_aside()?;
                let remedy = if is_full_disk(&error) {
                    ", from which --init goes on once there is space"
                } else {
                    ""
                };
                let now = format!(
                    "the best network is not verified and is now {}{remedy}",
                    unverified.display()
                );
                return Err(error.context(now));
            }
        };
        self.progress.say(&format!(
            "{} was read back and verified on {} images:\n{}",
            path.display(),
            verified.images,
            verified.text().trim_end()
        ));
        Ok((evaluation, verified))
    }
}

/// Whether the disk is what was wrong, and not the network.
fn is_full_disk(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == std::io::ErrorKind::StorageFull)
}

/// Steps of the attack on the test images.
const TEST_STEPS: usize = 20;

/// Puts accuracies into a card: `validation.accuracy`, `test.adversarial.balanced_accuracy`.
fn note(card: &mut Card, name: &str, measured: &Measured, attack: Option<&Attack>) {
    let confusion = &measured.confusion;
    let images = format!("{} images", confusion.total());
    let text = match attack {
        Some(attack) => format!("{}, {images}", attack.describe()),
        None => images,
    };
    for (kind, value) in [
        ("accuracy", confusion.accuracy()),
        ("balanced_accuracy", confusion.balanced_accuracy()),
        ("macro_f1", confusion.macro_f1()),
    ] {
        let metric = Metric {
            value,
            note: text.clone(),
        };
        card.metrics.insert(format!("{name}.{kind}"), metric);
    }
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

fn card(
    settings: &Settings,
    dataset: &Dataset,
    initial: &Initial,
    train: &Dataset,
    preprocessing: &Preprocessing,
) -> Card {
    let kind = if settings.adversarial.is_some() {
        "robust"
    } else {
        "standard"
    };
    let made = format!("{kind} {}", initial.architecture);
    let name = settings.name.clone().unwrap_or(made);
    let input = Input::plain(preprocessing.clone());
    let mut card = Card::new(name, dataset.classes.clone(), input);
    card.training = Some(Training {
        data: settings.data.public_name(),
        images: train.items.len() as u64,
        architecture: initial.architecture.clone(),
        adversarial: settings.adversarial.map(|attack| Adversarial {
            norm: attack.norm,
            epsilon: attack.epsilon as f32,
            steps: attack.steps as u32,
            step_size: attack.step_size as f32,
        }),
        epochs: 0,
        seed: settings.seed,
        software: format!("pellucid {}", env!("CARGO_PKG_VERSION")),
    });
    card
}

/// The line that a training begins with.
fn describe(
    card: &Card,
    train: &Dataset,
    validation: &Dataset,
    test: &Dataset,
    device: Device,
) -> String {
    let counts = |dataset: &Dataset| {
        let each = dataset.classes.iter().zip(dataset.counts());
        let each: Vec<String> = each.map(|(c, n)| format!("{} {n}", c.code)).collect();
        format!("{} ({})", dataset.items.len(), each.join(", "))
    };
    let device = match device {
        Device::Cpu => format!("{} CPU threads", tch::get_num_threads()),
        other => format!("{other:?}"),
    };
    let size = card.input.preprocessing.size;
    format!(
        "{} at {size}×{size} pixels on {device}: training {}, validation {}, test {}",
        card.name,
        counts(train),
        counts(validation),
        counts(test)
    )
}
