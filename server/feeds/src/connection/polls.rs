//! What no socket tells is asked for over REST: many symbols with one request, where the venue allows that.

use super::{Done, Driver, Entry, POLL_AFTER};
use crate::breaker::Breaker;
use crate::rest::Rest;
use crate::status::ConnectionState;
use crate::venue::{FeedError, Limit, Listing, Told, Venue};
use papertape::model::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The venue's names in one request are together no longer than this, with a comma after each: CryptoCompare reads a thousand
/// characters, and addresses of some thousand are refused on the way.
const MOST_BYTES: usize = 900;
/// Who comes so long after another is asked for with it.
const GATHER: Duration = Duration::from_secs(1);
/// However fast a venue may be polled.
const LEAST_EVERY: Duration = Duration::from_millis(200);

/// What a poll says of one slot.
#[derive(Debug)]
pub(super) struct Answer {
    slot: usize,
    told: Result<Vec<Told>, FeedError>,
    /// Whether a request that it shared with others was refused because of it.
    has_spoilt: bool,
}

/// Who is asked for together.
type Batch = Vec<(usize, Arc<Listing>)>;

impl Driver {
    /// Asks over REST what no socket tells.
    pub(super) fn poll(&mut self) {
        let traits = self.venue.traits();
        let is_resting = !self.has_stream() && self.breaker.wait(self.clock.now()) > 0;
        if self.socket.is_on() || traits.polled.is_empty() || is_resting {
            return;
        }
        let (now, every) = (Instant::now(), traits.poll_every.max(LEAST_EVERY));
        let mut due_until = now;
        if traits.most_polled > 1 {
            let is_due = |entry: &Entry| entry.poll_at <= now && !entry.is_poll_asked;
            if now < self.next_poll || !self.slots.values().any(is_due) {
                return;
            }
            // Those who come one after another are asked for together from then on.
            self.next_poll = now + self.poll_gap();
            due_until += every / 2;
        }
        if !self.has_stream() {
            self.breaker.attempt(self.clock.now());
        }
        let mut batches = Batches::new(traits.most_polled);
        for (slot, entry) in &mut self.slots {
            if entry.poll_at > due_until || entry.is_poll_asked {
                continue;
            }
            entry.poll_at = now + every;
            entry.is_poll_asked = true;
            let group = self.venue.poll_group(&entry.listing);
            batches.add(group, entry.is_asked_alone, (*slot, Arc::clone(&entry.listing)));
        }
        for batch in batches.all {
            let (venue, rest) = (Arc::clone(&self.venue), self.rest.clone());
            self.requests.push(Box::pin(
                async move { Done::Polls(ask(&*venue, &rest, batch).await) },
            ));
        }
    }

    /// How long a symbol that is new waits for its first poll: who comes with others is asked for with them.
    pub(super) fn poll_wait(&self) -> Duration {
        match self.venue.traits() {
            traits if !traits.stream.is_empty() => POLL_AFTER,
            traits if traits.most_polled > 1 => GATHER,
            _ => Duration::ZERO,
        }
    }

    /// How long it is from one poll of several symbols to the next.
    fn poll_gap(&self) -> Duration {
        let traits = self.venue.traits();
        (2 * spacing(&traits.limits)).min(traits.poll_every)
    }

    /// The answer to a request came.
    pub(super) fn polled(&mut self, answers: Vec<Answer>, now: Timestamp) {
        for answer in &answers {
            if let Some(entry) = self.slots.get_mut(&answer.slot) {
                entry.is_poll_asked = false;
                entry.is_asked_alone |= answer.has_spoilt;
            }
        }
        // The socket is back: it tells better.
        if self.socket.is_on() {
            return;
        }
        let is_gathered = self.venue.traits().most_polled > 1;
        let (mut has_told, mut has_failed) = (false, false);
        for Answer { slot, told, .. } in answers {
            let Some(entry) = self.slots.get_mut(&slot) else {
                continue;
            };
            entry.is_polled = told.is_ok();
            match told {
                Ok(told) => {
                    has_told = true;
                    entry.is_asked_alone = false;
                    // A first price is believed when a second answer agrees: it is not kept waiting for that.
                    let is_first = !std::mem::replace(&mut entry.has_answered, true);
                    if is_first && is_gathered {
                        entry.poll_at = self.next_poll;
                    }
                    for (market, place) in &entry.markets {
                        market.with(now, |market| {
                            market.polled(*place, now);
                            told.iter().for_each(|told| market.told(*place, told, now));
                        });
                    }
                }
                Err(error) => {
                    has_failed = true;
                    let why = error.to_string();
                    for (market, place) in &entry.markets {
                        market.with(now, |market| market.disconnected(*place, now, &why));
                    }
                    self.note(Some(error));
                }
            }
        }
        if has_told {
            self.show(|status| {
                status.connection = ConnectionState::Polling;
                status.last_message = Some(now);
            });
        }
        // Who has no stream is judged by its answers: one that has something of some symbols is well.
        if !self.has_stream() {
            if has_told {
                self.breaker.well(now.plus_nanos(-Breaker::STABLE), now);
                self.backoff.well();
            } else if has_failed {
                self.breaker.failed(now);
            }
        }
        self.show_breaker(now);
    }
}

/// How long it takes until a venue's limits allow another request, when requests are spread evenly. Polls take half of what they allow:
/// the rest is for those who begin with something.
fn spacing(limits: &[Limit]) -> Duration {
    let each = limits.iter().map(|limit| limit.every / limit.weight.max(1));
    each.max().unwrap_or_default()
}

/// Requests that are being filled.
#[derive(Debug)]
struct Batches {
    most: usize,
    all: Vec<Batch>,
    /// Which of them has room for more of a group, and how many bytes its names have.
    open: BTreeMap<String, (usize, usize)>,
}

impl Batches {
    const fn new(most: usize) -> Self {
        Self {
            most,
            all: Vec::new(),
            open: BTreeMap::new(),
        }
    }

    fn add(&mut self, group: &str, is_alone: bool, one: (usize, Arc<Listing>)) {
        let bytes = one.1.venue_symbol.len() + 1;
        if is_alone {
            self.all.push(vec![one]);
            return;
        }
        match self.open.get_mut(group) {
            Some((index, known)) if self.all[*index].len() < self.most && *known + bytes <= MOST_BYTES => {
                self.all[*index].push(one);
                *known += bytes;
            }
            _ => {
                self.open.insert(group.to_owned(), (self.all.len(), bytes));
                self.all.push(vec![one]);
            }
        }
    }
}

/// Asks for a batch; in halves, when it is refused because of one of its symbols and the venue does not say of which.
async fn ask(venue: &dyn Venue, rest: &Rest, batch: Batch) -> Vec<Answer> {
    let mut search = Search::new(batch);
    while let Some(batch) = search.due.pop() {
        let listings: Vec<&Listing> = batch.iter().map(|(_, listing)| &**listing).collect();
        let told = venue.poll(rest, &listings).await;
        search.answered(&batch, told.map(|polled| polled.into_answers().collect()));
    }
    search.answers
}

/// Who spoils a request.
#[derive(Debug)]
struct Search {
    due: Vec<Batch>,
    answers: Vec<Answer>,
    /// How many requests may be refused yet before any is answered: then it is all of them that are refused, and nobody spoils anything.
    /// Enough to come down to two single symbols and to one request without them.
    patience: u32,
    is_halved: bool,
    has_answered: bool,
}

impl Search {
    fn new(batch: Batch) -> Self {
        Self {
            patience: batch.len().next_power_of_two().ilog2() + 3,
            due: vec![batch],
            answers: Vec::new(),
            is_halved: false,
            has_answered: false,
        }
    }

    /// An answer to the request for a batch came.
    fn answered(
        &mut self,
        batch: &[(usize, Arc<Listing>)],
        told: Result<Vec<Result<Vec<Told>, FeedError>>, FeedError>,
    ) {
        let error = match told {
            Ok(told) => {
                self.has_answered = true;
                let answers = batch.iter().zip(told).map(|((slot, _), told)| Answer {
                    slot: *slot,
                    told,
                    has_spoilt: false,
                });
                return self.answers.extend(answers);
            }
            Err(error) => error,
        };
        let is_about_symbols = error.is_about_symbols();
        self.patience = self.patience.saturating_sub(1);
        if is_about_symbols && !self.has_answered && self.patience == 0 {
            let due = std::mem::take(&mut self.due);
            for answer in &mut self.answers {
                answer.has_spoilt = false;
            }
            self.refuse(batch, &error, false);
            return due.iter().for_each(|batch| self.refuse(batch, &error, false));
        }
        if is_about_symbols && batch.len() > 1 {
            self.is_halved = true;
            let (first, second) = batch.split_at(batch.len() / 2);
            self.due.extend([second.to_vec(), first.to_vec()]);
        } else {
            self.refuse(
                batch,
                &error,
                is_about_symbols && self.is_halved && batch.len() == 1,
            );
        }
    }

    fn refuse(&mut self, batch: &[(usize, Arc<Listing>)], error: &FeedError, has_spoilt: bool) {
        self.answers.extend(batch.iter().map(|(slot, _)| Answer {
            slot: *slot,
            told: Err(error.clone()),
            has_spoilt,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venues::fixture::listing;

    fn batches(most: usize, entries: &[(&str, bool, &str)]) -> Vec<Vec<usize>> {
        let mut batches = Batches::new(most);
        for (slot, (group, is_alone, name)) in entries.iter().enumerate() {
            batches.add(group, *is_alone, (slot, Arc::new(listing("BTC/USD", name))));
        }
        let slots = |batch: &Batch| batch.iter().map(|(slot, _)| *slot).collect();
        batches.all.iter().map(slots).collect()
    }

    #[test]
    fn a_request_has_so_many_symbols_of_one_group_and_those_who_spoil_it_one_each() {
        let entries = [
            ("usd", false, "a"),
            ("eur", false, "b"),
            ("usd", true, "c"),
            ("usd", false, "d"),
            ("usd", false, "e"),
            ("eur", false, "f"),
        ];
        assert_eq!(batches(2, &entries), [vec![0, 3], vec![1, 5], vec![2], vec![4]]);
        assert_eq!(batches(1, &entries).len(), entries.len());
    }

    /// How many requests it takes to poll so many symbols of which these spoil a request, and who is found to.
    fn search(symbols: usize, spoils: impl Fn(usize) -> bool) -> (usize, Vec<usize>) {
        let batch = (0..symbols).map(|slot| (slot, Arc::new(listing("BTC/USD", "a"))));
        let mut search = Search::new(batch.collect());
        let mut requests = 0;
        while let Some(batch) = search.due.pop() {
            requests += 1;
            let refused = FeedError::Refused {
                venue: "venue".to_owned(),
                detail: "no".to_owned(),
            };
            let told = match batch.iter().any(|(slot, _)| spoils(*slot)) {
                true => Err(refused),
                false => Ok(vec![Ok(Vec::new()); batch.len()]),
            };
            search.answered(&batch, told);
        }
        let mut slots = Vec::from_iter(search.answers.iter().map(|answer| answer.slot));
        slots.sort_unstable();
        assert!(slots.into_iter().eq(0..symbols), "each has one answer");
        let spoilt = search.answers.iter().filter(|answer| answer.has_spoilt);
        (requests, spoilt.map(|answer| answer.slot).collect())
    }

    #[test]
    fn who_spoils_a_request_is_found_and_where_all_is_refused_nobody_does() {
        assert_eq!(search(100, |_| false), (1, vec![]));
        assert_eq!(search(100, |slot| slot == 0).1, [0]);
        assert_eq!(search(100, |slot| slot == 99).1, [99]);
        assert_eq!(search(100, |slot| slot < 2).1, [0, 1]);
        assert_eq!(search(100, |slot| [10, 60].contains(&slot)).1, [10, 60]);
        assert_eq!(search(2, |slot| slot == 1).1, [1]);
        // A path that has changed, a plan that has it no more: of a hundred symbols it took 199 requests.
        assert_eq!(search(100, |_| true), (10, vec![]));
        assert_eq!(search(1, |_| true), (1, vec![]));
    }

    #[test]
    fn an_address_is_never_too_long() {
        let name = "x".repeat(99);
        let entries = vec![("", false, &*name); 20];
        let sizes: Vec<usize> = batches(100, &entries).iter().map(Vec::len).collect();
        assert_eq!(sizes, [9, 9, 2]);
        // One that is longer than all of that is asked for, alone.
        let name = "x".repeat(2_000);
        assert_eq!(batches(100, &[("", false, "a"), ("", false, &name)]).len(), 2);
    }

    #[test]
    fn requests_are_spread_over_the_tightest_limit() {
        let limit = |weight, secs| Limit {
            weight,
            every: Duration::from_secs(secs),
            is_aligned: false,
        };
        assert_eq!(spacing(&[limit(5, 60)]), Duration::from_secs(12));
        assert_eq!(
            spacing(&[limit(20, 1), limit(300, 60)]),
            Duration::from_millis(200)
        );
        assert_eq!(spacing(&[]), Duration::ZERO);
    }
}
