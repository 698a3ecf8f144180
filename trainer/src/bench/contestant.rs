//! A process that is measured.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::protocol::{Answer, Order};

/// A contestant that has been started. It ends with this value.
#[derive(Debug)]
pub(super) struct Contestant {
    pub(super) program: String,
    pub(super) mode: String,
    pub(super) batch: usize,
    process: Child,
    orders: Option<ChildStdin>,
    lines: Receiver<String>,
    started: Instant,
    said: Receiver<String>,
}

impl Contestant {
    /// Starts the process; it prepares itself meanwhile.
    pub(super) fn start(
        program: &str,
        mode: &str,
        batch: usize,
        mut command: Command,
    ) -> Result<Self> {
        // Who waits for its turn must not spin.
        command.env("OMP_WAIT_POLICY", "passive");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().with_context(|| {
            format!(
                "{} cannot be started",
                command.get_program().to_string_lossy()
            )
        })?;
        let (output, errors) = (process.stdout.take(), process.stderr.take());
        Ok(Self {
            program: program.to_owned(),
            mode: mode.to_owned(),
            batch,
            orders: process.stdin.take(),
            lines: lines(output.context("its output is closed")?),
            said: lines(errors.context("its errors are closed")?),
            process,
            started: Instant::now(),
        })
    }

    /// Waits until it has warmed up, at most so long after its start.
    pub(super) fn ready(&mut self, patience: Duration) -> Result<f64> {
        let left = patience.saturating_sub(self.started.elapsed());
        match self.answer(left)? {
            Answer::Ready(seconds) => Ok(seconds),
            other => bail!("it answered {other:?} where it should be ready"),
        }
    }

    /// Gives an order and waits for the seconds that it took.
    pub(super) fn seconds(&mut self, order: Order, patience: Duration) -> Result<f64> {
        match self.order(order, patience)? {
            Answer::Seconds(seconds) if seconds.is_finite() && seconds > 0.0 => Ok(seconds),
            other => bail!("it answered `{order}` with {other:?}"),
        }
    }

    /// The most memory that it has held.
    pub(super) fn memory(&mut self, patience: Duration) -> Result<u64> {
        match self.order(Order::Memory, patience)? {
            Answer::Bytes(bytes) => Ok(bytes),
            other => bail!("it answered `memory` with {other:?}"),
        }
    }

    fn order(&mut self, order: Order, patience: Duration) -> Result<Answer> {
        let orders = self.orders.as_mut().context("it has ended")?;
        writeln!(orders, "{order}")
            .and_then(|()| orders.flush())
            .context("it has ended")?;
        self.answer(patience)
    }

    fn answer(&mut self, patience: Duration) -> Result<Answer> {
        let line = match self.lines.recv_timeout(patience) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                // Its late answer would be taken for that to another order.
                self.end();
                bail!("it did not answer within {} s", patience.as_secs())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let last = self
                    .said
                    .iter()
                    .filter(|line| !line.trim().is_empty())
                    .last();
                bail!(
                    "it ended: {}",
                    last.unwrap_or_else(|| "it said nothing".to_owned())
                )
            }
        };
        match serde_json::from_str(&line) {
            Ok(Answer::Failed(reason)) => bail!(reason),
            Ok(answer) => Ok(answer),
            Err(_) => bail!("it printed `{line}`, which is no answer"),
        }
    }
}

impl Contestant {
    fn end(&mut self) {
        drop(self.orders.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // It ends when its input does; one that hangs is ended.
        drop(self.orders.take());
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(2) {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.end();
    }
}

/// The lines of a stream, read by a thread so that one can wait for them for a while only.
fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn shell(script: &str) -> Contestant {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Contestant::start("shell", "test", 1, command).unwrap()
    }

    #[test]
    fn orders_are_answered_until_the_end() {
        let mut one =
            shell(r#"echo '{"ready": 1}'; while read order; do echo '{"seconds": 0.5}'; done"#);
        assert_eq!(one.ready(SOON).unwrap(), 1.0);
        assert_eq!(one.seconds(Order::Step(1), SOON).unwrap(), 0.5);
        assert!(one.memory(SOON).is_err(), "seconds are no memory");
    }

    #[test]
    fn whoever_fails_hangs_or_babbles_is_told_by_name_of_the_fault() {
        for (script, words) in [
            (r#"echo '{"failed": "no card"}'"#, "no card"),
            ("echo broken >&2; exit 3", "it ended: broken"),
            ("echo hello; sleep 9", "`hello`, which is no answer"),
            ("exec sleep 9", "did not answer within 0 s"),
        ] {
            let patience = if words.contains("within") {
                Duration::from_millis(200)
            } else {
                SOON
            };
            let error = shell(script).ready(patience).unwrap_err().to_string();
            assert!(error.contains(words), "{script}: {error}");
        }
        let error = Contestant::start("none", "test", 1, Command::new("/no/such/program"));
        assert!(error.unwrap_err().to_string().contains("cannot be started"));
    }
}
