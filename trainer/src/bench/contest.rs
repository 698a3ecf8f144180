//! Contestants against each other, turn by turn.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tch::Device;

use super::contestant::Contestant;
use super::protocol::Order;
use super::table::Row;
use super::{Arithmetic, Mode, Plan, cost};
use crate::torch::{card_memory, choose_device};

/// Below this much memory, contestants of one batch size leave the card before those of the next come.
const ROOMY: u64 = 24_000_000_000;
/// How long a matrix product is repeated.
const PRODUCT: Duration = Duration::from_millis(500);

/// What was measured.
#[derive(Clone, Debug)]
pub struct Contest {
    /// A row for each contestant that got to a figure.
    pub rows: Vec<Row>,
    /// Those that did not, and why, one sentence each.
    pub failures: Vec<String>,
    /// Floating-point operations per second of large matrix products.
    pub peaks: BTreeMap<Arithmetic, f64>,
}

/// Measures as planned, and hands every row to `tell` as soon as it is there.
///
/// # Errors
/// Where the device cannot be used, or this program itself got to no figure.
pub fn contest(plan: &Plan, mut tell: impl FnMut(&Row)) -> Result<Contest> {
    let device = choose_device(plan.device)?;
    let roomy = match device {
        Device::Cuda(card) => card_memory(card).is_some_and(|(free, _)| free >= ROOMY),
        _ => false,
    };
    let groups: Vec<Vec<usize>> = if roomy {
        vec![plan.batches.clone()]
    } else {
        plan.batches.iter().map(|&batch| vec![batch]).collect()
    };
    let mut arena = Arena {
        plan,
        device,
        begun: Instant::now(),
        failures: vec![],
        peaks: BTreeMap::new(),
    };
    let mut rows: Vec<Row> = vec![];
    for group in groups {
        let mut contestants = arena.gather(&group);
        if arena.peaks.is_empty() {
            arena.measure_peaks(&mut contestants);
        }
        for batch in group {
            let one_size = contestants.iter_mut().filter(|c| c.batch == batch);
            for mut row in arena.measure(one_size.collect())? {
                row.add_memory_per_image(&rows);
                tell(&row);
                rows.push(row);
            }
        }
    }
    let Arena {
        failures, peaks, ..
    } = arena;
    ensure!(
        rows.iter().any(|row| row.program == PELLUCID),
        "nothing could be measured: {}",
        failures.join("; ")
    );
    Ok(Contest {
        rows,
        failures,
        peaks,
    })
}

/// This program among the contestants.
pub(super) const PELLUCID: &str = "pellucid";
/// The baseline, which the protocol's script is.
const PYTORCH: &str = "pytorch";
/// The baseline's mode that every other is compared with.
pub(super) const EAGER: &str = "eager-float32";

struct Arena<'a> {
    plan: &'a Plan,
    device: Device,
    begun: Instant,
    failures: Vec<String>,
    peaks: BTreeMap<Arithmetic, f64>,
}

impl Arena<'_> {
    /// Every contestant of these batch sizes that gets ready.
    fn gather(&mut self, batches: &[usize]) -> Vec<Contestant> {
        let mut started = vec![];
        for &batch in batches {
            for (program, mode) in self.modes() {
                let command = self.command(program, mode, batch);
                started.push(
                    Contestant::start(program, mode, batch, command)
                        .map_err(|error| format!("{program} {mode}: {error:#}")),
                );
            }
        }
        let mut ready = vec![];
        for contestant in started {
            let checked =
                contestant.and_then(
                    |mut contestant| match contestant.ready(self.plan.patience) {
                        Ok(_) => Ok(contestant),
                        Err(error) => Err(named(&contestant, &error)),
                    },
                );
            match checked {
                Ok(contestant) => ready.push(contestant),
                Err(failure) => self.failures.push(failure),
            }
        }
        ready
    }

    fn modes(&self) -> Vec<(&'static str, &'static str)> {
        let cuda = self.device.is_cuda();
        let mut modes = vec![(PELLUCID, Mode::Float32.name())];
        if cuda {
            modes.push((PELLUCID, Mode::Float32Strict.name()));
        }
        if let Some(baseline) = &self.plan.baseline {
            modes.push((PYTORCH, EAGER));
            // Many processors compute bfloat16 so slowly that a turn would take minutes.
            if cuda {
                modes.push((PYTORCH, "eager-bf16-channels-last"));
            }
            if baseline.compiled {
                modes.push((PYTORCH, "compile-bf16-channels-last"));
            }
        }
        modes
    }

    fn command(&self, program: &str, mode: &str, batch: usize) -> Command {
        let mut command = match (&self.plan.baseline, program) {
            (Some(baseline), PYTORCH) => {
                let mut command = Command::new(&baseline.interpreter);
                command.arg(&baseline.script);
                command
            }
            _ => {
                let mut command = Command::new(&self.plan.program);
                command.arg("bench-worker");
                command
            }
        };
        let device = if self.device.is_cuda() { "cuda" } else { "cpu" };
        command.args(["--mode", mode, "--device", device]);
        command.args([
            "--size",
            &self.plan.size.to_string(),
            "--batch",
            &batch.to_string(),
        ]);
        command.args(["--steps", &self.plan.steps.to_string()]);
        command
    }

    /// How many floating-point operations a second large matrix products reach.
    fn measure_peaks(&mut self, contestants: &mut [Contestant]) {
        let Some(own) = contestants.iter_mut().find(|c| c.program == PELLUCID) else {
            return;
        };
        let cuda = self.device.is_cuda();
        let (side, arithmetics) = if cuda {
            let all = [Arithmetic::Float32, Arithmetic::Tf32, Arithmetic::Bfloat16];
            (Order::SIDE, all.to_vec())
        } else {
            (Order::SIDE_ON_CPU, vec![Arithmetic::Float32])
        };
        for arithmetic in arithmetics {
            let order = Order::Product(arithmetic, 1);
            match timed(own, order, PRODUCT, self.plan.patience) {
                Ok(rate) => {
                    self.peaks
                        .insert(arithmetic, rate * 2.0 * (side as f64).powi(3));
                }
                Err(error) => self
                    .failures
                    .push(format!("the peak in {}: {error:#}", arithmetic.name())),
            }
        }
    }

    /// Rounds of training steps, then rounds of forward passes, among contestants of one batch size.
    fn measure(&mut self, contestants: Vec<&mut Contestant>) -> Result<Vec<Row>> {
        let (mut contestants, steps) = self.rounds(contestants, Order::Step(1));
        let memory: Vec<Option<u64>> = contestants
            .iter_mut()
            .map(|contestant| contestant.memory(self.plan.patience).ok())
            .collect();
        let (contestants, forwards) = self.rounds(contestants, Order::Forward(1));
        let cost = cost::forward(self.plan.size)?;
        let step_cost = cost * cost::passes_of_step(self.plan.steps);
        let eager = |rates: &[Vec<f64>]| {
            contestants
                .iter()
                .position(|c| c.mode == EAGER)
                .and_then(|at| rates.get(at).cloned())
        };
        let (eager_steps, eager_forwards) = (eager(&steps), eager(&forwards));
        let rows = contestants
            .iter()
            .zip(steps.iter().zip(&forwards))
            .zip(memory);
        Ok(rows
            .map(|((contestant, (steps, forwards)), memory)| {
                let images = contestant.batch as f64;
                let step = images * median(steps);
                let peak = self.peaks.get(&arithmetic(contestant, self.device));
                Row {
                    program: contestant.program.clone(),
                    mode: contestant.mode.clone(),
                    batch: contestant.batch,
                    rounds: steps.len(),
                    step,
                    step_against_eager: ratio(steps, eager_steps.as_deref()),
                    forward: images * median(forwards),
                    forward_against_eager: ratio(forwards, eager_forwards.as_deref()),
                    share_of_peak: peak.map(|peak| step * step_cost / peak),
                    memory,
                    memory_per_image: None,
                }
            })
            .collect())
    }

    /// How many orders a second each contestant carried out in each round. Who fails on the way is left out.
    fn rounds<'c>(
        &mut self,
        contestants: Vec<&'c mut Contestant>,
        order: Order,
    ) -> (Vec<&'c mut Contestant>, Vec<Vec<f64>>) {
        let patience = self.plan.patience;
        let mut going = vec![];
        for contestant in contestants {
            match contestant.seconds(order, patience) {
                Ok(seconds) => {
                    let count = (self.plan.turn.as_secs_f64() / seconds).clamp(1.0, 10_000.0);
                    going.push((contestant, count.round() as usize, vec![]));
                }
                Err(error) => self.failures.push(named(contestant, &error)),
            }
        }
        for round in 0..self.plan.rounds {
            if round > 0 && self.begun.elapsed() > self.plan.most {
                break;
            }
            going.retain_mut(|(contestant, count, rates)| {
                match contestant.seconds(order.times(*count), patience) {
                    Ok(seconds) => {
                        rates.push(*count as f64 / seconds);
                        true
                    }
                    Err(error) => {
                        self.failures.push(named(contestant, &error));
                        false
                    }
                }
            });
        }
        going
            .into_iter()
            .map(|(contestant, _, rates)| (contestant, rates))
            .unzip()
    }
}

fn named(contestant: &Contestant, error: &anyhow::Error) -> String {
    format!(
        "{} {} with batch {}: {error:#}",
        contestant.program, contestant.mode, contestant.batch
    )
}

/// Orders a second, of as many as take about so long.
fn timed(
    contestant: &mut Contestant,
    order: Order,
    span: Duration,
    patience: Duration,
) -> Result<f64> {
    let once = contestant.seconds(order, patience)?;
    let count = (span.as_secs_f64() / once).clamp(1.0, 10_000.0).round() as usize;
    Ok(count as f64 / contestant.seconds(order.times(count), patience)?)
}

/// The arithmetic that a contestant's convolutions may use at the most.
fn arithmetic(contestant: &Contestant, device: Device) -> Arithmetic {
    match &contestant.mode[..] {
        mode if mode.contains("bf16") => Arithmetic::Bfloat16,
        mode if mode == Mode::Float32Strict.name() || !device.is_cuda() => Arithmetic::Float32,
        _ => Arithmetic::Tf32,
    }
}

/// The median of the ratios within each round.
fn ratio(rates: &[f64], others: Option<&[f64]>) -> Option<f64> {
    let pairs = rates.iter().zip(others?);
    let ratios: Vec<f64> = pairs.map(|(rate, other)| rate / other).collect();
    (!ratios.is_empty()).then(|| median(&ratios))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios_are_taken_within_rounds() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        // The machine was twice as fast in the second round, for both.
        assert_eq!(ratio(&[1.0, 2.0], Some(&[2.0, 4.0])), Some(0.5));
        assert_eq!((ratio(&[1.0], None), ratio(&[], Some(&[]))), (None, None));
    }
}
