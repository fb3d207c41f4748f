//! What goes wrong with a request, and the rules that say when.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::chance::Chance;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The node never sees it, and nobody ever answers.
    RequestLost,
    /// The node does what it was asked; nobody ever answers.
    AnswerLost,
    /// The node does what it was asked; the connection breaks in the middle of the answer.
    AnswerBroken,
    /// The node never sees it; this JSON-RPC error is the answer.
    Refused { code: i64, message: String },
    /// The node does what it was asked; this JSON-RPC error is the answer all the same.
    DoneButRefused { code: i64, message: String },
    /// The node never sees it; this is the answer.
    Lie(Value),
    /// The node never sees it; the answer is a web page with this status.
    Page(u16),
    /// The node sees it after so long.
    Late(Duration),
    /// The node sees it twice; the second answer is the answer.
    Repeated,
}

/// Answers that get lost by chance.
#[derive(Debug, Clone)]
pub struct Drops {
    pub per_mille: u32,
    pub chance: Chance,
}

/// How an answer gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// The asker is left waiting.
    Silent,
    /// The connection breaks in the middle.
    Broken,
}

/// One in so many lost answers leaves the asker waiting; the others break the connection, which he
/// notices at once.
const SILENT_ONE_IN: u64 = 4;

impl Drops {
    /// What becomes of the next answer; `None`: it arrives.
    pub(super) fn draw(&mut self) -> Option<Loss> {
        if self.chance.up_to(999) >= u64::from(self.per_mille) {
            return None;
        }
        Some(if self.chance.up_to(SILENT_ONE_IN - 1) == 0 { Loss::Silent } else { Loss::Broken })
    }
}

struct Rule {
    /// `None`: any method.
    method: Option<String>,
    fault: Fault,
    /// `None`: until it is healed.
    left: Option<u32>,
}

/// The rules of one proxy, and what came in.
#[derive(Default)]
pub(super) struct Book {
    rules: Vec<Rule>,
    drops: Option<Drops>,
    dropped: u64,
    seen: BTreeMap<String, u64>,
}

impl Book {
    pub fn new(drops: Option<Drops>) -> Self {
        Self { drops, ..Self::default() }
    }

    pub fn add(&mut self, method: Option<&str>, fault: Fault, left: Option<u32>) {
        self.rules.push(Rule { method: method.map(str::to_owned), fault, left });
    }

    pub fn heal(&mut self) {
        self.rules.clear();
        self.drops = None;
    }

    pub fn seen(&self, method: &str) -> u64 {
        self.seen.get(method).copied().unwrap_or_default()
    }

    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Counts the request, and uses up the first rule that fits it; where none does, chance
    /// decides.
    pub fn judge(&mut self, methods: &[String]) -> Option<Fault> {
        for method in methods {
            *self.seen.entry(method.clone()).or_default() += 1;
        }
        let fits = |rule: &Rule| rule.method.as_ref().is_none_or(|method| methods.contains(method));
        let Some(index) = self.rules.iter().position(fits) else { return self.dropped_by_chance() };
        let rule = &mut self.rules[index];
        let fault = rule.fault.clone();
        rule.left = rule.left.map(|left| left - 1);
        if rule.left == Some(0) {
            self.rules.remove(index);
        }
        Some(fault)
    }

    fn dropped_by_chance(&mut self) -> Option<Fault> {
        let loss = self.drops.as_mut()?.draw()?;
        self.dropped += 1;
        Some(match loss {
            Loss::Silent => Fault::AnswerLost,
            Loss::Broken => Fault::AnswerBroken,
        })
    }
}

/// A lock that a panicking test does not take away from the others.
pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_percent_of_the_answers_are_dropped_and_the_same_ones_each_time() {
        let run = || {
            let mut book = Book::new(Some(Drops { per_mille: 10, chance: Chance::of(3) }));
            let faults: Vec<Option<Fault>> = (0..10_000).map(|_| book.judge(&[])).collect();
            (faults, book.dropped())
        };
        let (faults, dropped) = run();
        assert!((70..=130).contains(&dropped), "{dropped} of 10,000");
        assert!(
            faults.contains(&Some(Fault::AnswerLost))
                && faults.contains(&Some(Fault::AnswerBroken))
        );
        assert_eq!(run(), (faults, dropped));
    }
}
