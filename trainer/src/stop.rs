//! Asking a job to stop, and when it may be ended without being asked.
//!
//! Most of a job can be cut off at any moment: nothing is written, or what is written is whole. Where that is not so, the job
//! [holds](Stop::hold): it is asked, and stops where it can. What holds lets go where it will not look for long
//! ([`Held::free`]), and says what is to be told if it ends there.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whether a job has been asked to stop.
#[derive(Debug, Default)]
pub struct Stop(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    asked: bool,
    held: bool,
    /// What is told where the job is ended now.
    words: Option<String>,
}

/// What follows from asking a job to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It will look, and stop by itself.
    Wait,
    /// It may be ended now; what is to be said of it, where there is something.
    End(Option<String>),
}

impl Stop {
    /// For a job that nobody has asked yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(State {
            asked: false,
            held: false,
            words: None,
        }))
    }

    /// Asks the job to stop.
    pub fn ask(&self) -> Answer {
        let mut state = self.state();
        state.asked = true;
        if state.held {
            Answer::Wait
        } else {
            Answer::End(state.words.clone())
        }
    }

    /// Whether the job has been asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.state().asked
    }

    /// The error of a job that has been asked to stop and removes what it has written so far.
    ///
    /// # Errors
    /// Where it has been asked.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.is_asked() {
            return Err(Interrupted("interrupted: nothing is left behind".into()));
        }
        Ok(())
    }

    /// From now on the job looks whether it is asked, and is not ended before.
    pub fn hold(&self) -> Held<'_> {
        self.state().held = true;
        Held(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While this lives, the job is not ended but asked.
#[derive(Debug)]
#[must_use]
pub struct Held<'a>(&'a Stop);

impl<'a> Held<'a> {
    /// Lets the job be ended for a while, with these words; `None` where it has been asked to stop already.
    #[must_use]
    pub fn free(&self, words: String) -> Option<Free<'a>> {
        let mut state = self.0.state();
        if state.asked {
            return None;
        }
        state.held = false;
        state.words = Some(words);
        Some(Free(self.0))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.state().held = false;
    }
}

/// While this lives, a job that otherwise holds may be ended.
#[derive(Debug)]
#[must_use]
pub struct Free<'a>(&'a Stop);

impl Drop for Free<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.held = true;
        state.words = None;
    }
}

/// The error of a job that has stopped because it was asked to; says what it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted(pub String);

impl fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Interrupted {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_asked_while_it_holds_and_ended_otherwise() {
        let stop = Stop::new();
        let held = stop.hold();
        let free = held.free("half-way".into()).unwrap();
        assert_eq!(stop.ask(), Answer::End(Some("half-way".into())));
        drop(free);
        assert_eq!(stop.ask(), Answer::Wait);
        // It would not look for long: it has to look first.
        assert!(stop.is_asked() && held.free(String::new()).is_none());
        drop(held);
        assert_eq!(stop.ask(), Answer::End(None));
    }
}
