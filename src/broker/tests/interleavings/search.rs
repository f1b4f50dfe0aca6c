//! Which way a run goes at every point where it could go several ways.

/// A decision of a run: which of `all` ways was taken. The first `free` of them cost nothing, each of the others is
/// a deviation.
#[derive(Debug, Clone, Copy)]
struct Decision {
    taken: usize,
    free: usize,
    all: usize,
}

/// Draws the decisions of one run after the other.
#[derive(Debug)]
pub(super) struct Search {
    /// The decisions of this run; the next run begins with all but the last of them.
    decisions: Vec<Decision>,
    /// How many of them this run has come to.
    at: usize,
    /// How the ways are chosen.
    way: Way,
    /// Runs begun.
    pub(super) runs: usize,
}

/// How the ways are chosen.
#[derive(Debug)]
enum Way {
    /// Depth first: all runs with at most so many deviations.
    Systematic(usize),
    /// By chance: the seed, the state of the generator, and the number of runs.
    Random(u64, u64, usize),
}

impl Search {
    /// All runs with at most so many deviations.
    pub(super) fn systematic(deviations: usize) -> Self {
        Self { decisions: Vec::new(), at: 0, way: Way::Systematic(deviations), runs: 1 }
    }

    /// So many runs, drawn by chance; the same seed draws the same.
    pub(super) fn random(seed: u64, runs: usize) -> Self {
        Self { decisions: Vec::new(), at: 0, way: Way::Random(seed, seed | 1, runs), runs: 1 }
    }

    /// Whether the runs are drawn by chance.
    pub(super) fn is_random(&self) -> bool {
        matches!(self.way, Way::Random(..))
    }

    /// Chooses one of `all` ways. The first is how it goes when nothing special happens.
    pub(super) fn choose(&mut self, free: usize, all: usize) -> usize {
        if all == 1 {
            return 0;
        }
        if let Way::Random(_, state, _) = &mut self.way {
            // One in eight: a run has some forty points, so that several deviations meet in it.
            let deviates = all > free && draw(state, 8) == 0;
            return if deviates { free + draw(state, all - free) } else { draw(state, free) };
        }
        if self.at == self.decisions.len() {
            self.decisions.push(Decision { taken: 0, free, all });
        }
        let decision = self.decisions[self.at];
        assert_eq!((decision.free, decision.all), (free, all), "a run that begins alike must go on alike");
        self.at += 1;
        decision.taken
    }

    /// A number from 0 to 999: half of it, or by chance.
    pub(super) fn roll(&mut self) -> u32 {
        match &mut self.way {
            Way::Systematic(_) => 500,
            Way::Random(_, state, _) => u32::try_from(draw(state, 1000)).unwrap_or(0),
        }
    }

    /// Prepares the next run; `false` if all have been made.
    pub(super) fn next(&mut self) -> bool {
        let more = match &self.way {
            Way::Random(_, _, runs) => self.runs < *runs,
            Way::Systematic(deviations) => next_in_order(&mut self.decisions, *deviations),
        };
        self.at = 0;
        self.runs += usize::from(more);
        more
    }

    /// The run, in words that find it again.
    pub(super) fn describe(&self) -> String {
        match &self.way {
            Way::Random(seed, ..) => format!("run {} of seed {seed}", self.runs),
            Way::Systematic(_) => {
                let taken: Vec<usize> = self.decisions.iter().map(|decision| decision.taken).collect();
                format!("run {}, decisions {taken:?}", self.runs)
            }
        }
    }
}

/// Goes on to the next sequence of decisions that deviates so often at most; `false` after the last.
fn next_in_order(decisions: &mut Vec<Decision>, deviations: usize) -> bool {
    while let Some(last) = decisions.pop() {
        let spent = decisions.iter().filter(|decision| decision.taken >= decision.free).count();
        let taken = last.taken + 1;
        if taken < last.all && (taken < last.free || spent < deviations) {
            decisions.push(Decision { taken, ..last });
            return true;
        }
    }
    false
}

/// A number below `limit` (xorshift64).
fn draw(state: &mut u64, limit: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from((*state >> 16) % limit as u64).unwrap_or(0)
}
