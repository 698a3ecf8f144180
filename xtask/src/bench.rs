//! `cargo xtask bench`: how fast the engines are, as ratios measured side by side in one run.

use crate::checkout::Checkout;
use crate::demo;
use crate::deps;
use crate::process::{self, Programs};
use crate::site;
use crate::sizes;
use crate::test::tools;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The longest that forward and gradient of ResNet-18 at 224×224 may take in Chromium with one thread, in seconds.
const BUDGET: f64 = 1.0;

/// A network and what computes it and its gradient, as `tests/speed.rs` writes them.
const MODELS: [&str; 2] = ["resnet18.onnx", "resnet18-grad.onnx"];

/// Measure speed: a network against its gradient in ONNX Runtime, tract and Chromium, and the differentiator.
///
/// ResNet-18 at 224×224 pixels, one image, medians over the rounds; every round times forward and gradient one right after
/// the other. In Chromium the page's two binaries, the page with tract's own convolutions and onnxruntime-web take turns in
/// one page. Nothing else should run meanwhile.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --rounds 21 --json > bench.json\n  cargo xtask bench \
                  web              in Chromium only\n  cargo xtask bench --no-browser     without Node.js and Chromium"
)]
pub(crate) struct Arguments {
    /// Measure this alone.
    part: Option<Part>,
    /// How often each is measured.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Leave out the measurements that need Node.js and Chromium.
    #[arg(long, conflicts_with = "part")]
    no_browser: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// What runs in Chromium.
    Web,
}

/// What was measured. All times in seconds.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    /// Nothing where the browser alone was asked for.
    #[serde(flatten)]
    native: Option<Native>,
    /// Nothing without a browser.
    #[serde(default)]
    browser: Vec<InBrowser>,
}

/// What `tests/speed.rs` prints.
#[derive(Debug, Serialize, Deserialize)]
struct Native {
    engines: Vec<InEngine>,
    differentiate: Differentiation,
}

#[derive(Debug, Serialize, Deserialize)]
struct InEngine {
    engine: String,
    threads: u32,
    #[serde(flatten)]
    pair: Pair,
}

/// What `tests/browser/bench.mjs` prints for a binary.
#[derive(Debug, Serialize, Deserialize)]
struct InBrowser {
    variant: String,
    /// From a file's bytes to a network that is differentiated and ready.
    open: f64,
    #[serde(flatten)]
    pair: Pair,
    /// The least of the rounds' times.
    least: Both,
    /// The medians of the rounds' ratios to onnxruntime-web's times.
    against: Both,
    /// Relative distances of logits and gradient from onnxruntime-web's.
    apart: Both,
}

/// A network alone, and with its gradient.
#[derive(Debug, Serialize, Deserialize)]
struct Pair {
    forward: f64,
    gradient: f64,
    /// The median of the rounds' ratios.
    ratio: f64,
}

/// Forward, and forward with gradient.
type Both = [f64; 2];

#[derive(Debug, Serialize, Deserialize)]
struct Differentiation {
    network: String,
    bytes: u64,
    added: u64,
    seconds: f64,
    from_file_to_file: f64,
}

/// Carries the chore out for this checkout.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (checkout, programs) = (Checkout::here()?, Programs::on_path());
    deps::run(&deps::Arguments::default())?;
    let folder = checkout.target_folder(&programs)?.join("bench");
    fs::create_dir_all(&folder)
        .with_context(|| format!("{} could not be made", folder.display()))?;
    // Everything is built before anything is measured.
    let mut build = checkout.cargo(&programs);
    build.args(["build", "--bin", "speed", "--bin", "pellucid"]);
    process::run(&mut build, "install Rust through rustup")?;
    let browser = if arguments.no_browser {
        None
    } else {
        Some(browser(&checkout, &programs, &folder)?)
    };

    let rounds = arguments.rounds.to_string();
    let mut speed = programs.command(checkout.target_folder(&programs)?.join("debug/speed"));
    // The networks that the browser is given are written by it too.
    let native_rounds = match arguments.part {
        Some(Part::Web) => "1",
        None => &rounds,
    };
    speed.arg(&folder).arg(native_rounds);
    for (name, value) in checkout.configured_variables() {
        if std::env::var_os(name).is_none() {
            speed.env(name, value);
        }
    }
    eprintln!("measuring {rounds} rounds");
    let native = Some(answer(&mut speed)?).filter(|_| arguments.part.is_none());
    let browser = match browser {
        Some(mut node) => {
            for model in MODELS {
                let (from, to) = (folder.join(model), folder.join("site").join(model));
                fs::copy(&from, &to)
                    .with_context(|| format!("{} could not be copied", from.display()))?;
            }
            answer(node.args(MODELS).arg(&rounds))?
        }
        None => vec![],
    };
    let report = Report { native, browser };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", report.to_text());
    }
    Ok(())
}

/// Builds the site and prepares the command that measures it, which wants a model and the rounds yet.
fn browser(checkout: &Checkout, programs: &Programs, folder: &Path) -> Result<Command> {
    tools::check_node(programs)?;
    let chromium = tools::chromium(programs)?;
    let tests = checkout.root().join("tests/browser");
    tools::install_packages(&tests, programs)?;
    let site = folder.join("site");
    // No models: the page would open them in its workers while we measure.
    let arguments = site::Arguments {
        out: site.clone(),
        models: None,
        samples: None,
        fast: false,
    };
    site::build(&arguments, checkout, programs)?;
    let mut node = programs.command("node");
    node.arg("bench.mjs").current_dir(&tests);
    node.env("PELLUCID_BIN", demo::pellucid_path(checkout, programs)?)
        .env("PELLUCID_SITE", site)
        .env("CHROMIUM", chromium);
    Ok(node)
}

/// The JSON that a command prints.
fn answer<T: serde::de::DeserializeOwned>(command: &mut Command) -> Result<T> {
    let output = process::capture(command.stderr(Stdio::inherit()), "build it again")?;
    if !output.status.success() {
        bail!("`{}` failed ({})", process::spoken(command), output.status);
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`{}` printed unexpected JSON", process::spoken(command)))
}

impl Report {
    fn to_text(&self) -> String {
        let mut text = format!(
            "ResNet-18 at 224×224, one image\n  {:24}  {:>7}  {:>9}  {:>13}  {:>6}\n",
            "", "threads", "forward", "with gradient", "ratio"
        );
        let mut row = |name: &str, threads: u32, pair: &Pair| {
            let _ = writeln!(
                text,
                "  {name:24}  {threads:>7}  {:>6.0} ms  {:>10.0} ms  {:>6.2}",
                1e3 * pair.forward,
                1e3 * pair.gradient,
                pair.ratio
            );
        };
        for engine in self.native.iter().flat_map(|native| &native.engines) {
            row(&engine.engine, engine.threads, &engine.pair);
        }
        for binary in &self.browser {
            row(&format!("Chromium, {}", binary.variant), 1, &binary.pair);
        }
        for binary in &self.browser {
            let _ = writeln!(
                text,
                "Chromium, {}: forward {:.2} and with gradient {:.2} of onnxruntime-web's time (at the least {:.0} and {:.0} ms); logits \
                 {:.0e} and gradient {:.0e} from its; opened and differentiated in {}{}",
                binary.variant,
                binary.against[0],
                binary.against[1],
                1e3 * binary.least[0],
                1e3 * binary.least[1],
                binary.apart[0],
                binary.apart[1],
                sizes::time(Duration::from_secs_f64(binary.open.max(0.0))),
                match binary.pair.gradient <= BUDGET {
                    true => "",
                    false => "; beyond the budget of 1 s",
                }
            );
        }
        let Some(native) = &self.native else {
            return text;
        };
        let Differentiation {
            network,
            bytes,
            added,
            seconds,
            from_file_to_file,
        } = &native.differentiate;
        let _ = writeln!(
            text,
            "{network}, {}: differentiated in {:.0} ms ({:.0} ms from bytes to bytes), {} added ({:.2} %)",
            sizes::bytes(*bytes),
            1e3 * seconds,
            1e3 * from_file_to_file,
            sizes::bytes(*added),
            100.0 * *added as f64 / *bytes as f64
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NATIVE: &str = r#"{
        "engines": [{"engine": "tract", "threads": 1, "forward": 0.1, "gradient": 0.25, "ratio": 2.5}],
        "differentiate": {"network": "ResNet-34", "bytes": 87000000, "added": 870000, "seconds": 0.02, "from_file_to_file": 0.1}}"#;

    #[test]
    fn the_table_shows_what_was_measured_and_judges_the_budget() {
        let native = serde_json::from_str(NATIVE).unwrap();
        let browser = serde_json::from_str(
            r#"[{"variant": "simd128", "open": 1.5, "forward": 0.5, "gradient": 1.25, "ratio": 2.5,
                 "least": [0.4, 1.2], "against": [0.4, 0.33], "apart": [1e-6, 2e-4]}]"#,
        );
        let report = Report {
            native,
            browser: browser.unwrap(),
        };
        let text = report.to_text();
        for part in [
            "tract                           1     100 ms         250 ms    2.50",
            "Chromium, simd128: forward 0.40 and with gradient 0.33 of onnxruntime-web's time (at the least 400 and 1200 ms); \
             logits 1e-6 and gradient 2e-4 from its; opened and differentiated in 1.5 s; beyond the budget of 1 s",
            "ResNet-34, 87 MB: differentiated in 20 ms (100 ms from bytes to bytes), 870 kB added (1.00 %)",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let json = serde_json::to_string(&report).unwrap();
        let again: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(again.to_text(), text);
    }

    #[test]
    fn a_measurement_that_fails_is_named() {
        let error = answer::<Native>(&mut Command::new("false")).unwrap_err();
        assert!(error.to_string().contains("`false` failed"), "{error}");
        let error = answer::<Native>(Command::new("echo").arg("none")).unwrap_err();
        assert!(error.to_string().contains("unexpected JSON"), "{error}");
    }
}
