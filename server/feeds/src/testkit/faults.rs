//! What goes wrong between a venue and us, from a seed, and the record of it.

use super::{SocketId, TruthEvent};
use papertape::market::Random;
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    time::Duration,
};

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The TCP connection ends without a word.
    Cut,
    /// The venue closes the socket as it does after 24 hours, after saying so where its protocol has a word for it.
    Close,
    /// The socket stays open and never says anything again, not even pongs.
    HalfOpen,
    /// Nothing comes for a while, then everything at once.
    Stall,
    /// A frame comes twice.
    Duplicate,
    /// A frame comes after the one that follows it.
    Reorder,
    /// A frame never comes.
    Gap,
    /// A frame ends before its end.
    Truncate,
    /// A frame has a byte in it that its format does not know.
    Garble,
    /// A frame's checksum is wrong, on venues with checksums.
    Checksum,
    /// A frame's price cannot be; see [`Faults::absurdities`].
    Absurd,
    /// A request is answered with 429 and `Retry-After`.
    RateLimit,
    /// A request is answered with 418 and `Retry-After`: a ban.
    Ban,
    /// A request is answered with 500, 502 or 503.
    Trouble,
    /// A request is answered late.
    Slow,
    /// A request is answered with a page for people.
    Html,
    /// A request is answered with a body that ends before its end.
    HalfAnswer,
    /// A request is answered with a price that cannot be.
    AbsurdAnswer,
}

impl Fault {
    /// All there are.
    pub const ALL: [Self; 18] = [
        Self::Cut,
        Self::Close,
        Self::HalfOpen,
        Self::Stall,
        Self::Duplicate,
        Self::Reorder,
        Self::Gap,
        Self::Truncate,
        Self::Garble,
        Self::Checksum,
        Self::Absurd,
        Self::RateLimit,
        Self::Ban,
        Self::Trouble,
        Self::Slow,
        Self::Html,
        Self::HalfAnswer,
        Self::AbsurdAnswer,
    ];

    /// Those that happen to frames of a socket.
    pub const OF_FRAMES: [Self; 11] = [
        Self::Cut,
        Self::Close,
        Self::HalfOpen,
        Self::Stall,
        Self::Duplicate,
        Self::Reorder,
        Self::Gap,
        Self::Truncate,
        Self::Garble,
        Self::Checksum,
        Self::Absurd,
    ];

    /// Those that happen to requests.
    pub const OF_REQUESTS: [Self; 7] = [
        Self::RateLimit,
        Self::Ban,
        Self::Trouble,
        Self::Slow,
        Self::Html,
        Self::HalfAnswer,
        Self::AbsurdAnswer,
    ];

    /// Whether it ends a connection or a venue's patience, so that a few in a run are plenty.
    const fn is_drastic(self) -> bool {
        matches!(
            self,
            Self::Cut | Self::Close | Self::HalfOpen | Self::Stall | Self::Ban
        )
    }
}

/// One that was injected.
#[derive(Clone, Debug, PartialEq)]
pub struct Injected {
    /// Which kind.
    pub fault: Fault,
    /// After how many events of the truth.
    pub told: u64,
    /// Into which socket.
    pub socket: Option<SocketId>,
    /// What the frame was about.
    pub event: Option<TruthEvent>,
    /// Into the answer to which request.
    pub path: Option<String>,
}

/// A schedule of faults. The same seed gives the same faults to the same frames and requests.
///
/// `Display` names the seed and the odds: print it at the beginning of a scenario, so that one that failed can run again.
#[derive(Clone, Debug)]
pub struct Faults {
    /// What was injected, in its order.
    pub injected: Vec<Injected>,
    /// How late a slow answer is.
    pub slow_by: Duration,
    /// What `Retry-After` says, in whole seconds.
    pub retry_after: Duration,
    /// How many events a stall lasts.
    pub stall_for: u64,
    /// How many times what it is a price is that cannot be: one of these.
    pub absurdities: Vec<f64>,
    seed: u64,
    random: Random,
    odds: BTreeMap<Fault, f64>,
    forced: VecDeque<Fault>,
    until: u64,
}

impl Faults {
    /// Nothing goes wrong but what [`Faults::force`] asks for.
    #[must_use]
    pub fn none() -> Self {
        Self::only(0, &[])
    }

    /// These kinds with their probabilities for each frame or request.
    #[must_use]
    pub fn only(seed: u64, odds: &[(Fault, f64)]) -> Self {
        Self {
            injected: Vec::new(),
            slow_by: Duration::from_secs(1),
            retry_after: Duration::from_secs(1),
            stall_for: 100,
            absurdities: vec![10.0, 0.0, -1.0, 1e300],
            seed,
            random: Random::new(seed),
            odds: odds.iter().copied().collect(),
            forced: VecDeque::new(),
            until: u64::MAX,
        }
    }

    /// Some kinds, chosen from the seed, with odds from the seed: frames up to one in fifty, drastic ones up to one in two
    /// thousand, requests up to one in four.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        // Another stream of numbers than the one that decides, or the choice would show in the decisions.
        let mut random = Random::new(seed ^ 0x5eed_fa17);
        let odds: Vec<(Fault, f64)> = Fault::ALL
            .into_iter()
            .filter_map(|fault| {
                let most = match fault {
                    _ if fault.is_drastic() => 0.000_5,
                    // Of prices that are mostly wrong nobody could tell which are.
                    Fault::AbsurdAnswer => 0.02,
                    _ if Fault::OF_REQUESTS.contains(&fault) => 0.25,
                    _ => 0.02,
                };
                let (is_in, odds) = (random.chance(0.4), most * random.unit());
                is_in.then_some((fault, odds))
            })
            .collect();
        Self::only(seed, &odds)
    }

    /// Nothing goes wrong any more after so many events of the truth, so that a run ends in peace.
    #[must_use]
    pub const fn until(mut self, told: u64) -> Self {
        self.until = told;
        self
    }

    /// Without these kinds: what nobody could see of a venue whose messages have no numbers. TCP neither loses nor reorders.
    #[must_use]
    pub fn without(mut self, kinds: &[Fault]) -> Self {
        self.odds.retain(|fault, _| !kinds.contains(fault));
        self
    }

    /// So many times as rarely with frames, for a market that tells so many times as much.
    #[must_use]
    pub fn rarer(mut self, times: f64) -> Self {
        for (fault, odds) in &mut self.odds {
            if Fault::OF_FRAMES.contains(fault) {
                *odds /= times;
            }
        }
        self
    }

    /// Lets this go wrong at the next occasion, whatever the odds.
    pub fn force(&mut self, fault: Fault) {
        self.forced.push_back(fault);
    }

    /// How many of a kind were injected.
    #[must_use]
    pub fn count(&self, fault: Fault) -> usize {
        self.injected
            .iter()
            .filter(|injected| injected.fault == fault)
            .count()
    }

    /// What goes wrong at this occasion, of the `possible` kinds.
    pub(super) fn draw(&mut self, possible: &[Fault], told: u64) -> Option<Fault> {
        if let Some(place) = self.forced.iter().position(|fault| possible.contains(fault)) {
            return self.forced.remove(place);
        }
        if told >= self.until || self.odds.is_empty() {
            return None;
        }
        let mut roll = self.random.unit();
        self.odds
            .iter()
            .filter(|(fault, _)| possible.contains(fault))
            .find(|(_, odds)| {
                roll -= **odds;
                roll < 0.0
            })
            .map(|(fault, _)| *fault)
    }

    /// What an absurd price is of the true one.
    pub(super) fn absurdity(&mut self) -> f64 {
        let place = self.random.below(self.absurdities.len().max(1) as u64);
        self.absurdities.get(place as usize).copied().unwrap_or(10.0)
    }

    /// A whole number below `bound`, for where in a frame.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faults of seed {}:", self.seed)?;
        self.odds
            .iter()
            .try_for_each(|(fault, odds)| write!(f, " {fault:?} {odds:.5}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_faults_again_and_all_kinds_come_in_some_seed() {
        let drawn = |seed| {
            let mut faults = Faults::seeded(seed).until(5_000);
            (0..6_000)
                .map(|told| faults.draw(&Fault::ALL, told))
                .collect::<Vec<_>>()
        };
        assert_eq!(drawn(3), drawn(3));
        assert!(drawn(3)[5_000..].iter().all(Option::is_none));
        let some: std::collections::BTreeSet<Fault> = (0..40).flat_map(drawn).flatten().collect();
        assert_eq!(some.len(), Fault::ALL.len());
    }

    #[test]
    fn what_is_forced_comes_at_its_first_occasion() {
        let mut faults = Faults::none();
        faults.force(Fault::Gap);
        assert_eq!(faults.draw(&Fault::OF_REQUESTS, 0), None);
        assert_eq!(faults.draw(&Fault::OF_FRAMES, 0), Some(Fault::Gap));
        assert_eq!(faults.draw(&Fault::OF_FRAMES, 0), None);
    }
}
