//! This program as a contestant.

use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use pellucid_shared::card::Norm;
use pellucid_shared::zoo::{Architecture, Blueprint, build};
use tch::{Cuda, Device, Kind, Tensor};

use super::protocol::{Answer, Order};
use super::{Arithmetic, Mode};
use crate::attack::Attack;
use crate::device::DeviceChoice;
use crate::sentence::sentence;
use crate::torch::{
    Mode as Pass, Network, Tf32, allow_tf32, choose_device, peak_memory, reset_peak_memory,
};
use crate::train::{Lesson, Objective, Optimization, Optimizer, learn};

/// The radius of the attack's ball: the smallest of the paper's. It decides no time.
const EPSILON: f64 = 3.0;
/// Steps before the clock counts: libraries choose their kernels in the first ones.
const WARM_UP: usize = 2;

/// What a contestant works on.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// How it computes.
    pub mode: Mode,
    /// Where.
    pub device: DeviceChoice,
    /// Side of the images in pixels.
    pub size: u32,
    /// Images per step.
    pub batch: usize,
    /// Steps of the attack.
    pub steps: usize,
}

/// Prepares, and carries out the orders that come in until there are no more.
///
/// # Errors
/// Where the answers cannot be written. What goes wrong with the work itself is an answer.
pub fn work(workload: &Workload, orders: impl BufRead, mut answers: impl Write) -> Result<()> {
    let begun = Instant::now();
    let mut answer = |answer: &Answer| -> Result<()> {
        writeln!(answers, "{}", serde_json::to_string(answer)?)?;
        Ok(answers.flush()?)
    };
    let mut worker = match Worker::prepare(workload) {
        Ok(worker) => worker,
        Err(error) => return answer(&Answer::Failed(sentence(&error))),
    };
    answer(&Answer::Ready(begun.elapsed().as_secs_f64()))?;
    for line in orders.lines() {
        let done = line?
            .parse::<Order>()
            .map_err(anyhow::Error::msg)
            .and_then(|order| worker.carry_out(order));
        answer(&done.unwrap_or_else(|error| Answer::Failed(sentence(&error))))?;
    }
    Ok(())
}

struct Worker {
    network: Network,
    optimizer: Optimizer,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    tf32: Tf32,
    /// Counts the steps: every one attacks from another start.
    seed: u64,
    resting: u64,
}

impl Worker {
    fn prepare(workload: &Workload) -> Result<Self> {
        let device = choose_device(workload.device)?;
        let tf32 = workload.mode.tf32();
        allow_tf32(tf32);
        let blueprint = Blueprint::new(Architecture::Resnet18, 3, workload.size as usize, 0);
        let network = Network::new(&build(&blueprint)?, device)?;
        let (batch, side) = (workload.batch as i64, i64::from(workload.size));
        let labels: Vec<i64> = (0..batch).map(|image| image % 3).collect();
        let attack = Attack::for_training(Norm::L2, EPSILON, workload.steps, None)?;
        let mut worker = Self {
            optimizer: Optimizer::new(Optimization::default(), &network, 3e-4)?,
            network,
            images: Tensor::f_rand([batch, 3, side, side], (Kind::Float, device))?,
            labels: Tensor::f_from_slice(&labels)?.f_to_device(device)?,
            attack,
            tf32,
            seed: 0,
            resting: 0,
        };
        if let Device::Cuda(card) = device {
            reset_peak_memory(card);
            worker.resting = peak_memory(card).unwrap_or_default();
        }
        worker.carry_out(Order::Step(WARM_UP))?;
        worker.carry_out(Order::Forward(WARM_UP))?;
        Ok(worker)
    }

    fn carry_out(&mut self, order: Order) -> Result<Answer> {
        match order {
            Order::Step(count) => self.timed(count, Self::step),
            Order::Forward(count) => self.timed(count, Self::forward),
            Order::Product(arithmetic, count) => self.product(arithmetic, count),
            Order::Memory => Ok(Answer::Bytes(self.memory()?.saturating_sub(self.resting))),
        }
    }

    fn timed(&mut self, count: usize, run: fn(&mut Self) -> Result<()>) -> Result<Answer> {
        self.synchronize();
        let begun = Instant::now();
        for _ in 0..count {
            run(self)?;
        }
        self.synchronize();
        Ok(Answer::Seconds(begun.elapsed().as_secs_f64()))
    }

    fn step(&mut self) -> Result<()> {
        self.seed += 1;
        let lesson = Lesson {
            images: &self.images,
            labels: &self.labels,
            attack: Some((self.attack, self.seed)),
            class_weights: None,
            objective: Objective::default(),
            seed: self.seed,
        };
        learn(&self.network, &mut self.optimizer, &lesson).map(drop)
    }

    fn forward(&mut self) -> Result<()> {
        tch::no_grad(|| self.network.forward(&self.images, Pass::Eval)).map(drop)
    }

    fn product(&mut self, arithmetic: Arithmetic, count: usize) -> Result<Answer> {
        let device = self.images.device();
        let side = if device.is_cuda() {
            Order::SIDE
        } else {
            Order::SIDE_ON_CPU
        };
        let kind = match arithmetic {
            Arithmetic::Bfloat16 => Kind::BFloat16,
            _ => Kind::Float,
        };
        let factor = Tensor::f_randn([side, side], (Kind::Float, device))?.f_to_kind(kind)?;
        allow_tf32(match arithmetic {
            Arithmetic::Tf32 => Tf32::Everywhere,
            _ => Tf32::Never,
        });
        let multiply = || tch::no_grad(|| factor.f_matmul(&factor)).map(drop);
        multiply()?;
        self.synchronize();
        let begun = Instant::now();
        let done: Result<(), _> = (0..count).try_for_each(|_| multiply());
        self.synchronize();
        let seconds = begun.elapsed().as_secs_f64();
        allow_tf32(self.tf32);
        done?;
        Ok(Answer::Seconds(seconds))
    }

    fn synchronize(&self) {
        if let Device::Cuda(card) = self.images.device() {
            Cuda::synchronize(card as i64);
        }
    }

    /// The most bytes that tensors have held on the card. A CPU's libraries share one heap, whose peak says nothing of a
    /// step.
    fn memory(&self) -> Result<u64> {
        match self.images.device() {
            Device::Cuda(card) => {
                peak_memory(card).context("libtorch does not say how much memory it uses")
            }
            _ => bail!("memory is measured on a card only"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_carried_out_and_what_is_none_is_answered() {
        let workload = Workload {
            mode: Mode::Float32,
            device: DeviceChoice::Cpu,
            size: 32,
            batch: 2,
            steps: 1,
        };
        let orders = "step 1\nforward 2\nproduct 1 float32\nmemory\ndance\n";
        let mut answers = vec![];
        work(&workload, orders.as_bytes(), &mut answers).unwrap();
        let answers: Vec<Answer> = String::from_utf8(answers)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(answers.len(), 6);
        assert!(matches!(answers[0], Answer::Ready(s) if s > 0.0));
        for answer in &answers[1..4] {
            assert!(
                matches!(answer, Answer::Seconds(s) if *s > 0.0),
                "{answer:?}"
            );
        }
        assert!(matches!(&answers[4], Answer::Failed(why) if why.contains("card")));
        assert_eq!(answers[5], Answer::Failed("`dance` is no order".into()));
    }
}
