//! When things go wrong: a queue of faults, and perhaps a standing one.

use crate::fault::Fault;
use crate::sync::lock;
use std::collections::VecDeque;
use std::sync::Mutex;

/// The faults that token requests will meet.
#[derive(Default)]
pub(crate) struct Script {
    /// What is planned.
    plan: Mutex<Plan>,
}

/// The content of a [`Script`].
#[derive(Default)]
struct Plan {
    /// One fault each for the next requests.
    queue: VecDeque<Fault>,
    /// The fault for every request the queue has nothing for.
    standing: Option<Fault>,
}

impl Script {
    /// Queues `fault` for one token request.
    pub(crate) fn push(&self, fault: Fault) {
        lock(&self.plan).queue.push_back(fault);
    }

    /// Sets the fault for all token requests.
    pub(crate) fn stand(&self, fault: Fault) {
        lock(&self.plan).standing = Some(fault);
    }

    /// Drops everything planned.
    pub(crate) fn clear(&self) {
        *lock(&self.plan) = Plan::default();
    }

    /// What the token request at hand meets.
    pub(crate) fn next(&self) -> Option<Fault> {
        let mut plan = lock(&self.plan);
        plan.queue.pop_front().or_else(|| plan.standing.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_comes_first_and_clearing_drops_both() {
        let script = Script::default();
        script.stand(Fault::Html);
        script.push(Fault::Reset);
        assert_eq!(script.next(), Some(Fault::Reset));
        assert_eq!(script.next(), Some(Fault::Html));
        assert_eq!(script.next(), Some(Fault::Html));
        script.clear();
        assert_eq!(script.next(), None);
    }
}
