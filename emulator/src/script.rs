//! The faults of the next token requests: a queue, and a default for an empty queue.

use crate::fault::Fault;
use crate::sync::lock;
use std::collections::VecDeque;
use std::sync::Mutex;

/// The planned faults.
#[derive(Default)]
pub(crate) struct Script {
    /// The queue and the default.
    plan: Mutex<Plan>,
}

/// The content of a [`Script`].
#[derive(Default)]
struct Plan {
    /// One fault for each of the next requests.
    queue: VecDeque<Fault>,
    /// The fault for requests while the queue is empty.
    default: Option<Fault>,
}

impl Script {
    /// Queues `fault` for one token request.
    pub(crate) fn push(&self, fault: Fault) {
        lock(&self.plan).queue.push_back(fault);
    }

    /// Sets the fault for all token requests while the queue is empty.
    pub(crate) fn set_default(&self, fault: Fault) {
        lock(&self.plan).default = Some(fault);
    }

    /// Removes all planned faults.
    pub(crate) fn clear(&self) {
        *lock(&self.plan) = Plan::default();
    }

    /// The fault for the current token request; takes it from the queue.
    pub(crate) fn next(&self) -> Option<Fault> {
        let mut plan = lock(&self.plan);
        plan.queue.pop_front().or_else(|| plan.default.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_comes_first_and_clearing_drops_both() {
        let script = Script::default();
        script.set_default(Fault::Html);
        script.push(Fault::Reset);
        assert_eq!(script.next(), Some(Fault::Reset));
        assert_eq!(script.next(), Some(Fault::Html));
        assert_eq!(script.next(), Some(Fault::Html));
        script.clear();
        assert_eq!(script.next(), None);
    }
}
