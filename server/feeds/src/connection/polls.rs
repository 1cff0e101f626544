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
    let mut answers = Vec::with_capacity(batch.len());
    let (mut due, mut is_halved) = (vec![batch], false);
    while let Some(mut batch) = due.pop() {
        let listings: Vec<&Listing> = batch.iter().map(|(_, listing)| &**listing).collect();
        match venue.poll(rest, &listings).await {
            Ok(polled) => {
                let told = polled.into_answers();
                answers.extend(batch.iter().zip(told).map(|((slot, _), told)| Answer {
                    slot: *slot,
                    told,
                    has_spoilt: false,
                }));
            }
            Err(error) if batch.len() > 1 && error.is_about_symbols() => {
                is_halved = true;
                due.push(batch.split_off(batch.len() / 2));
                due.push(batch);
            }
            Err(error) => {
                let has_spoilt = is_halved && batch.len() == 1 && error.is_about_symbols();
                answers.extend(batch.into_iter().map(|(slot, _)| Answer {
                    slot,
                    told: Err(error.clone()),
                    has_spoilt,
                }));
            }
        }
    }
    answers
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
