//! How a symbol begins: in whose steps its stream counts, and who of its sources joins it later.
//!
//! A stream counts in the steps of its first source. Where that one does not say what it lists, it counts in those that the symbol is
//! on record in, and of a symbol that is new in those of the next source that says so: then it follows the first one, when that answers.

use super::{FeedHub, Place, VenueEntry, named};
use crate::venue::{FeedError, Listing};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use papertape::model::{Instrument, Symbol};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a source that stands by is waited for when the preferred one has answered, and how long the preferred one when another has.
const STANDBY_GRACE: Duration = Duration::from_secs(1);
const PREFERRED_GRACE: Duration = Duration::from_secs(5);

/// What a source said of a symbol.
type Answer = Result<Arc<Listing>, FeedError>;

impl FeedHub {
    /// One instrument of a feed; a route's is that of its first source, or where that one is away, as it is on record, or of the next
    /// source that answers.
    ///
    /// # Errors
    /// [`FeedError::UnknownSymbol`] when it is not listed; others when no venue says: that of the first.
    pub async fn instrument(&self, feed: &str, symbol: &Symbol) -> Result<Instrument, FeedError> {
        let mut answers = Vec::new();
        for (entry, called) in self.places(feed, Some(symbol))? {
            let answer = entry.listing(&called).await;
            let is_known = answer.is_ok();
            answers.push(Some(answer));
            if is_known {
                break;
            }
        }
        let recorded = match answers.first() {
            Some(Some(Ok(_))) => None,
            _ => self.recorded_as(feed, symbol).await,
        };
        self.in_steps(feed, symbol, recorded, &answers)
    }

    /// Asks all sources of a symbol at once what they list: what is traded, in the steps that its stream counts in, and where it comes
    /// from. Who has not answered soon after it is known is late.
    pub(super) async fn begin<'a>(
        &'a self,
        feed: &str,
        symbol: &Symbol,
        known: Vec<(&'a VenueEntry, Symbol)>,
    ) -> Result<(Instrument, Vec<Place<'a>>), FeedError> {
        let recorded = self.recorded_as(feed, symbol).await;
        let mut answers: Vec<Option<Answer>> = vec![None; known.len()];
        let asked = known.iter().enumerate();
        let asked = asked.map(|(index, (entry, called))| async move { (index, entry.listing(called).await) });
        let mut asked: FuturesUnordered<_> = asked.collect();
        let mut until: Option<Instant> = None;
        loop {
            let next = match until {
                None => asked.next().await,
                Some(until) => timeout_at(until, asked.next()).await.unwrap_or_default(),
            };
            let Some((index, answer)) = next else { break };
            answers[index] = Some(answer);
            if let Some(grace) = grace(recorded.is_some(), &answers) {
                let end = Instant::now() + grace;
                until = Some(until.map_or(end, |until| until.min(end)));
            }
        }
        drop(asked);
        let instrument = self.in_steps(feed, symbol, recorded, &answers)?;
        let mut places = Vec::with_capacity(known.len());
        for ((entry, called), answer) in known.into_iter().zip(answers) {
            let is_late = may_come(answer.as_ref());
            let source = &entry.feed.name;
            match &answer {
                Some(Err(error)) => tracing::warn!(feed, source, %error, "a source is left out for now"),
                None => tracing::warn!(feed, source, "a source has not answered yet, and joins later"),
                Some(Ok(_)) => {}
            }
            places.push(Place {
                entry,
                called,
                listing: answer.and_then(Result::ok),
                is_late,
            });
        }
        Ok((instrument, places))
    }

    fn in_steps(
        &self,
        feed: &str,
        symbol: &Symbol,
        recorded: Option<Instrument>,
        answers: &[Option<Answer>],
    ) -> Result<Instrument, FeedError> {
        instrument_of(symbol, recorded, answers).ok_or_else(|| {
            let mut errors = answers
                .iter()
                .filter_map(|answer| answer.as_ref()?.as_ref().err());
            errors.next().cloned().unwrap_or_else(|| self.unknown_feed(feed))
        })
    }
}

/// How much longer sources are waited for that have not answered; `None` as long as nobody can begin without them.
fn grace(is_recorded: bool, answers: &[Option<Answer>]) -> Option<Duration> {
    let is_any_well = answers.iter().flatten().any(Result::is_ok);
    match answers.first()? {
        Some(_) => is_any_well.then_some(STANDBY_GRACE),
        // In whose steps a new symbol's stream counts, only the first one says.
        None => (is_any_well && is_recorded).then_some(PREFERRED_GRACE),
    }
}

/// What is traded, in the steps that its stream counts in; `None` when nobody says.
fn instrument_of(
    symbol: &Symbol,
    recorded: Option<Instrument>,
    answers: &[Option<Answer>],
) -> Option<Instrument> {
    match answers.first()? {
        Some(Ok(listing)) => return Some(named(&listing.instrument, symbol)),
        // It has to be set here, and nothing else would say so at once.
        Some(Err(FeedError::MissingKey { .. })) => return None,
        Some(Err(_)) | None => {}
    }
    let mut well = answers.iter().filter_map(|answer| answer.as_ref()?.as_ref().ok());
    let next = well.next().map(|listing| named(&listing.instrument, symbol));
    let is_to_come = answers.iter().any(|answer| may_come(answer.as_ref()));
    recorded.filter(|_| next.is_some() || is_to_come).or(next)
}

/// Whether a source may say yet what it lists.
fn may_come(answer: Option<&Answer>) -> bool {
    answer.is_none_or(|answer| answer.as_ref().is_err_and(FeedError::is_temporary))
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::exchange::TradingStatus;
    use rust_decimal::Decimal;

    fn symbol() -> Symbol {
        "BTC/USD".parse().expect("a symbol")
    }

    /// An instrument with a tick of 10 to the minus `scale`.
    fn instrument(scale: u32) -> Instrument {
        let (tick, lot) = (Decimal::new(1, scale), Decimal::ONE);
        Instrument::new(symbol(), tick, lot, Decimal::ZERO, Decimal::ONE).expect("an instrument")
    }

    fn lists(scale: u32) -> Option<Answer> {
        Some(Ok(Arc::new(Listing {
            instrument: instrument(scale),
            venue_symbol: "BTCUSD".into(),
            status: TradingStatus::Trading,
        })))
    }

    fn away() -> Option<Answer> {
        Some(Err(FeedError::Trouble {
            venue: "a".to_owned(),
            said: "503".to_owned(),
        }))
    }

    fn revoked() -> Option<Answer> {
        Some(Err(FeedError::Unauthorized {
            venue: "a".to_owned(),
            detail: "revoked".to_owned(),
        }))
    }

    fn without_key() -> Option<Answer> {
        Some(Err(FeedError::MissingKey {
            venue: "a".to_owned(),
            variable: "A".to_owned(),
        }))
    }

    #[test]
    fn a_stream_counts_in_the_steps_of_the_first_then_of_its_record_then_of_the_next() {
        let scale = |recorded: Option<u32>, answers: &[Option<Answer>]| {
            let found = instrument_of(&symbol(), recorded.map(instrument), answers);
            found.map(|instrument| instrument.tick().scale())
        };
        assert_eq!(scale(Some(3), &[lists(1), lists(2)]), Some(1));
        for first in [away(), revoked(), None] {
            assert_eq!(scale(Some(3), &[first.clone(), lists(2)]), Some(3));
            assert_eq!(scale(Some(3), &[first.clone(), away()]), Some(3), "one may come");
            assert_eq!(scale(None, &[first.clone(), lists(2)]), Some(2));
            assert_eq!(scale(None, &[first, away()]), None, "nobody says");
        }
        assert_eq!(scale(Some(3), &[away()]), Some(3));
        assert_eq!(scale(Some(3), &[revoked(), revoked()]), None, "nobody will come");
        assert_eq!(scale(Some(3), &[without_key(), lists(2)]), None, "said at once");
        assert_eq!(scale(Some(3), &[]), None);
    }

    #[test]
    fn nobody_is_waited_for_long_without_whom_a_start_can_be_made() {
        for is_recorded in [false, true] {
            assert_eq!(grace(is_recorded, &[None, None]), None);
            assert_eq!(grace(is_recorded, &[away(), None]), None);
            assert_eq!(grace(is_recorded, &[lists(1), None]), Some(STANDBY_GRACE));
            assert_eq!(grace(is_recorded, &[away(), lists(1), None]), Some(STANDBY_GRACE));
        }
        assert_eq!(grace(true, &[None, lists(1)]), Some(PREFERRED_GRACE));
        assert_eq!(grace(false, &[None, lists(1)]), None, "its steps would count");
    }
}
