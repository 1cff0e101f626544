//! The bars of a feed's past: those that are kept, then those that its tape has, then those that its venue gives, which are kept
//! then. What is there is not asked for again but beside what is not, and what is not closed for good is not kept.

mod asking;
mod entries;
#[cfg(test)]
mod given;
mod kept;
mod spans;

pub(super) use asking::Asking;

use self::entries::{correction, kept_off_of, quarantine, runs};
use self::kept::Keeping;
use self::spans::{Span, closed, joined, near, pages, without};
use super::live::refused;
use super::{ServiceError, Services, quality, wall_clock};
use crate::storage::{DatasetId, NewDataset, Write};
use papertape::api::{DatasetInfo, FieldErrors, TimeSpan};
use papertape::market::{Bar, Bars};
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use papertape_feeds::{FeedError, KeptOffBar, PastBars};
use std::collections::BTreeMap;
use tokio::time::{Instant, timeout_at};

/// Bars that are fetched at once at most: a year of minutes.
const MOST_FETCHED: i64 = 366 * 1_440;
const TOO_MUCH: &str = "a year of minutes is fetched at once at most: ask for the rest afterwards";
/// How long after its close a bar may still change: trades come late, and clocks differ.
const SETTLE_NANOS: i64 = 10_000_000_000;
/// Of how short a while ago a venue may have nothing yet: that there was nothing is not remembered.
const RECENT_NANOS: i64 = 86_400_000_000_000;
/// Entries of the data-quality record that are given at most: with so many it is not known which minutes are whole.
const MOST_INCIDENTS: usize = 10_000;

/// What is known of a feed's past.
#[derive(Debug)]
pub(super) struct Past {
    /// The bars of the span that was asked for, by when they open.
    pub(super) bars: BTreeMap<Timestamp, Bar>,
    /// The dataset in which they are kept, as far as they are.
    pub(super) dataset: Option<DatasetId>,
    /// Why there may be more that did not come.
    pub(super) refused: Option<FeedError>,
    /// Whether it did not come in time; never of what was asked for without a time.
    pub(super) is_late: bool,
}

impl Services {
    /// Closed bars of a feed that open within a span, in order.
    ///
    /// # Errors
    /// [`ServiceError`] when the feed does not have all of them.
    pub async fn past_bars(
        &self,
        feed: &str,
        symbol: &Symbol,
        timeframe: Timeframe,
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<Bar>, ServiceError> {
        // A replay's are kept already.
        if self.feeds.is_replay(feed) {
            let past = self.feeds.bars(feed, symbol, timeframe, span).await;
            return past.map(PastBars::into_bars).map_err(ServiceError::Feed);
        }
        let span = closed(timeframe, span, self.feeds.market_clock(feed, wall_clock()));
        let within = |past: Keeping| past.bars.range(span.0..span.1).map(|(_, bar)| *bar).collect();
        let kept = self.kept_bars(feed, symbol, timeframe).await?;
        let lacking = kept.lacks(timeframe, span);
        if lacking.is_empty() {
            return Ok(within(kept));
        }
        let asked: i64 = lacking
            .iter()
            .map(|(from, to)| to.since(*from) / timeframe.nanos())
            .sum();
        let mut errors = FieldErrors::default();
        errors.check(asked <= MOST_FETCHED, "from", TOO_MUCH);
        errors.finish()?;
        let instrument = match (self.feeds.instrument(feed, symbol).await, kept.known) {
            (Ok(instrument), _) => instrument,
            // What is kept may be enough.
            (Err(_), Some(known)) => known.instrument,
            (Err(error), None) => return Err(ServiceError::Feed(error)),
        };
        let past = self.past(feed, &instrument, timeframe, span, None).await?;
        match past.refused {
            Some(error) => Err(ServiceError::Feed(error)),
            None => Ok(past.bars.into_values().collect()),
        }
    }

    /// Has the bars of a dataset that a live feed keeps complete within a span, before somebody reads them; of other datasets
    /// there is nothing to be done.
    ///
    /// # Errors
    /// [`ServiceError`] when the feed does not have all of them.
    pub async fn complete(&self, dataset: &str, span: Span) -> Result<(), ServiceError> {
        let Some((feed, rest)) = dataset.split_once(':') else {
            return Ok(());
        };
        let Some((symbol, timeframe)) = rest.rsplit_once('@') else {
            return Ok(());
        };
        if let (Ok(symbol), Ok(timeframe)) = (symbol.parse(), timeframe.parse())
            && self.feeds.has(feed)
        {
            self.past_bars(feed, &symbol, timeframe, span).await?;
        }
        Ok(())
    }

    /// Keeps a feed's minute bars of a span, as far as they are not kept yet, and gives the dataset that they are in.
    ///
    /// # Errors
    /// [`ServiceError`] when the feed does not have them.
    pub async fn fetch_history(
        &self,
        feed: &str,
        symbol: &Symbol,
        span: (Timestamp, Timestamp),
    ) -> Result<DatasetInfo, ServiceError> {
        let mut errors = FieldErrors::default();
        errors.order(Some(span.0), Some(span.1));
        let minutes = span.1.since(span.0) / Timeframe::MINUTE.nanos();
        errors.check(minutes <= MOST_FETCHED, "from", TOO_MUCH);
        errors.finish()?;
        let instrument = self.feeds.instrument(feed, symbol).await.map_err(refused)?;
        let past = self
            .past(feed, &instrument, Timeframe::MINUTE, span, None)
            .await?;
        // Asked for by a person: what cannot be had is told.
        if let Some(error) = past.refused {
            return Err(refused(error));
        }
        if past.dataset.is_none() {
            return Err(ServiceError::NoSuch {
                code: "no_bars",
                path: "from",
                message: format!("{feed} has no minute bars of {symbol} in that span"),
            });
        }
        let id = format!("{feed}:{symbol}@{}", Timeframe::MINUTE);
        Ok(self.dataset(&id, &[]).await?.info)
    }

    /// The bars of a feed's instrument that open within a span: what is kept, and what its tape and its venue have beyond it,
    /// which is kept then. Who cannot wait says until when: then it is what has come. Of each dataset one asks at a time, and the
    /// others find what it has kept.
    pub(super) async fn past(
        &self,
        feed: &str,
        instrument: &Instrument,
        timeframe: Timeframe,
        span: Span,
        until: Option<Instant>,
    ) -> Result<Past, ServiceError> {
        let symbol = instrument.symbol();
        let now = self.feeds.market_clock(feed, wall_clock());
        let (from, to) = closed(timeframe, span, now);
        let Some(_asking) = by(until, self.asking.begin(feed, symbol, timeframe)).await else {
            let kept = self.kept_bars(feed, symbol, timeframe).await?;
            return Ok(Past {
                bars: kept.within((from, to)),
                dataset: kept.known.map(|record| record.id),
                refused: None,
                is_late: true,
            });
        };
        let mut kept = self.kept_bars(feed, symbol, timeframe).await?;
        // What another Papertape tells may be of any time, and of another one tomorrow.
        let settled = if self.feeds.has_time_of_its_own(feed) {
            to
        } else {
            timeframe.floor(now.plus_nanos(-SETTLE_NANOS)).min(to)
        };
        let (mut is_changed, asked) = (false, kept.asked.len());
        if timeframe == Timeframe::MINUTE {
            for lacking in near(timeframe, kept.lacks(timeframe, (from, settled))) {
                is_changed |= self.take_from_tape((feed, symbol), lacking, &mut kept).await?;
            }
        }
        let mut fresh = BTreeMap::new();
        let (mut refusal, mut is_late) = (None, false);
        'asking: for span in near(timeframe, kept.lacks(timeframe, (from, to))) {
            for (begin, end) in pages(timeframe, span) {
                let holes = kept.lacks(timeframe, (begin, end));
                // The bars next to what is asked for are known: do they agree with what the venue says now?
                let before = kept.bars.range(..begin).next_back().map(|(open, _)| *open);
                let before = before.filter(|open| timeframe.close_of(*open) == begin);
                let after = kept.bars.contains_key(&end).then(|| timeframe.close_of(end));
                let ask = (before.unwrap_or(begin), after.unwrap_or(end));
                let told = match by(until, self.feeds.bars(feed, symbol, timeframe, ask)).await {
                    Some(Ok(told)) => told,
                    Some(Err(error)) => {
                        let is_enough = self
                            .is_enough((feed, symbol), timeframe, &kept, (begin, to), &error)
                            .await?;
                        refusal = (!is_enough).then_some(error).or(refusal);
                        break 'asking;
                    }
                    None => {
                        is_late = true;
                        break 'asking;
                    }
                };
                let since = told.since().clamp(begin, end);
                let out_of_reach = FeedError::OutOfReach {
                    venue: feed.to_owned(),
                    symbol: symbol.clone(),
                    timeframe,
                    since: told.since(),
                };
                let mut kept_off: Vec<KeptOffBar> = told.kept_off().collect();
                kept_off.retain(|bar| {
                    (begin..end).contains(&bar.open_time) && !kept.bars.contains_key(&bar.open_time)
                });
                for bar in told.into_bars() {
                    let is_final = timeframe.close_of(bar.open_time) <= settled;
                    match kept.bars.get(&bar.open_time) {
                        Some(known) if is_same(known, &bar) => {}
                        _ if !is_final => drop(fresh.insert(bar.open_time, bar)),
                        known => {
                            if let Some(known) = known {
                                self.feeds
                                    .note(correction((feed, symbol), timeframe, known, &bar));
                            }
                            kept.bars.insert(bar.open_time, bar);
                            is_changed = true;
                        }
                    }
                }
                // Of a bar that was kept off it is not known that there was none.
                let off = kept_off
                    .iter()
                    .map(|bar| (bar.open_time, timeframe.close_of(bar.open_time)));
                let off = joined(off.collect());
                for (from, to) in holes {
                    let (from, until) = (from.max(since), to.min(settled));
                    if from >= until {
                        continue;
                    }
                    let is_known = kept.bars.range(from..to).next().is_some();
                    if is_known || until <= now.plus_nanos(-RECENT_NANOS) {
                        let first = off.partition_point(|(_, close)| *close <= from);
                        let others = off[first..].iter().take_while(|(open, _)| *open < until);
                        kept.asked
                            .extend(without((from, until), others.copied().collect()));
                    }
                }
                if since > begin
                    && !self
                        .is_enough((feed, symbol), timeframe, &kept, (begin, since), &out_of_reach)
                        .await?
                {
                    refusal = Some(out_of_reach);
                }
                self.note_kept_off((feed, symbol), timeframe, &kept_off).await?;
            }
        }
        let dataset = self
            .keep(
                (feed, instrument, timeframe),
                &kept,
                (is_changed, kept.asked.len() > asked),
            )
            .await?;
        let mut bars = kept.within((from, to));
        bars.extend(fresh.range(from..to).map(|(open, bar)| (*open, *bar)));
        Ok(Past {
            bars,
            dataset,
            refused: refusal,
            is_late,
        })
    }

    /// Whether who wants a span can do with what is kept of it, though the venue answered with an error.
    async fn is_enough(
        &self,
        (feed, symbol): (&str, &Symbol),
        timeframe: Timeframe,
        kept: &Keeping,
        span: Span,
        error: &FeedError,
    ) -> Result<bool, ServiceError> {
        let incidents = self.storage.incidents(feed, Some(symbol), span).await?;
        let off = incidents
            .iter()
            .filter_map(|incident| kept_off_of(incident, timeframe));
        let is_enough = kept.is_enough(timeframe, span, (is_for_good(error), off.collect()));
        if is_enough {
            tracing::warn!(feed, %symbol, %error, "bars between those that are kept cannot be had: what is kept is used");
        }
        Ok(is_enough)
    }

    /// Puts on record that bars were kept off, those that are not on it yet: they are asked for again whenever somebody wants them.
    async fn note_kept_off(
        &self,
        of: (&str, &Symbol),
        timeframe: Timeframe,
        kept_off: &[KeptOffBar],
    ) -> Result<(), ServiceError> {
        for run in runs(timeframe, kept_off) {
            let beginning = (run.span.0, run.span.0);
            let known = self.storage.incidents(of.0, Some(of.1), beginning).await?;
            let is_of_it = |(from, to): Span| from <= run.span.0 && to >= run.span.1;
            let mut known = known
                .iter()
                .filter_map(|incident| kept_off_of(incident, timeframe));
            if !known.any(is_of_it) {
                self.feeds.note(quarantine(of, timeframe, &run));
            }
        }
        Ok(())
    }

    async fn kept_bars(
        &self,
        feed: &str,
        symbol: &Symbol,
        timeframe: Timeframe,
    ) -> Result<Keeping, ServiceError> {
        let known = self.storage.datasets().await?.into_iter().find(|record| {
            record.feed == feed && record.instrument.symbol() == symbol && record.timeframe == timeframe
        });
        let bars = match &known {
            Some(record) => {
                let kept = self.storage.bars(record.id).await?;
                kept.iter().map(|bar| (bar.open_time, bar)).collect()
            }
            None => BTreeMap::new(),
        };
        let asked = self.storage.history_asked(feed, symbol, timeframe).await?;
        Ok(Keeping { known, bars, asked })
    }

    /// Takes what the tape has of a span, but for minutes that were not heard whole. Whether there was any.
    async fn take_from_tape(
        &self,
        (feed, symbol): (&str, &Symbol),
        span: Span,
        kept: &mut Keeping,
    ) -> Result<bool, ServiceError> {
        let Some(on_tape) = self.feeds.bars_on_tape(feed, symbol, span).await else {
            return Ok(false);
        };
        let incidents = self.storage.incidents(feed, Some(symbol), on_tape.span).await?;
        if incidents.len() >= MOST_INCIDENTS {
            return Ok(false);
        }
        let minute = Timeframe::MINUTE;
        let doubtful = incidents
            .iter()
            .filter(|incident| incident.kind != "quarantine" && incident.kind != "backfill");
        let doubtful = doubtful.flat_map(|incident| {
            // Of another source than the one that was published nothing is on the tape; what a venue says anew is of the minute.
            let whole = TimeSpan {
                from: incident.from,
                to: incident.to,
            };
            let is_of_bars = incident.kind == "correction";
            incident.touched().chain(is_of_bars.then_some(whole))
        });
        let doubtful = doubtful.map(|part| {
            let to = part.to.unwrap_or(span.1).max(part.from);
            (minute.floor(part.from), minute.close_of(minute.floor(to)))
        });
        let whole = without(on_tape.span, joined(doubtful.collect()));
        let is_new = |bar: &Bar| {
            let open = bar.open_time;
            !kept.bars.contains_key(&open) && whole.iter().any(|(from, to)| (*from..*to).contains(&open))
        };
        let found: Vec<Bar> = on_tape.bars.into_iter().filter(is_new).collect();
        let is_any = !found.is_empty();
        kept.bars
            .extend(found.into_iter().map(|bar| (bar.open_time, bar)));
        // A minute within it without a trade is one in which nothing was traded.
        kept.asked.extend(whole);
        Ok(is_any)
    }

    /// Makes durable what is known now.
    async fn keep(
        &self,
        (feed, instrument, timeframe): (&str, &Instrument, Timeframe),
        kept: &Keeping,
        (is_changed, is_asked): (bool, bool),
    ) -> Result<Option<DatasetId>, ServiceError> {
        let mut dataset = kept.known.as_ref().map(|record| record.id);
        if is_changed {
            let bars: Bars = kept.bars.values().copied().collect();
            let found = quality(&bars, timeframe, instrument.calendar());
            let new = NewDataset {
                feed: feed.to_owned(),
                instrument: instrument.clone(),
                timeframe,
                bars,
                actions: Vec::new(),
                gaps: found.gaps,
                missing_bars: found.missing_bars,
                imported_at: wall_clock(),
            };
            // Not while a session begins to refer to what this takes the place of.
            let _keeping = self.keeping.lock().await;
            dataset = Some(self.storage.import(new).await?);
        }
        // What another Papertape has of a time depends on what it replays.
        if is_asked && !self.feeds.has_time_of_its_own(feed) {
            let write = Write::HistoryAsked {
                feed: feed.to_owned(),
                symbol: instrument.symbol().clone(),
                timeframe,
                spans: joined(kept.asked.clone()),
            };
            self.storage.commit(write).await?;
        }
        Ok(dataset)
    }
}

/// Whether two say the same of a bar: sums of volumes differ in their last digits by the order of the trades.
fn is_same(one: &Bar, other: &Bar) -> bool {
    let prices = |bar: &Bar| [bar.open, bar.high, bar.low, bar.close];
    prices(one) == prices(other)
        && (one.volume - other.volume).abs() <= 1e-9 * one.volume.abs().max(other.volume.abs())
}

/// Whether asking again will not help.
const fn is_for_good(error: &FeedError) -> bool {
    matches!(
        error,
        FeedError::OutOfReach { .. }
            | FeedError::UnknownSymbol { .. }
            | FeedError::UnsupportedTimeframe { .. }
            | FeedError::Unsupported { .. }
    )
}

/// What something comes to by a moment, where there is one.
async fn by<T>(moment: Option<Instant>, what: impl Future<Output = T>) -> Option<T> {
    match moment {
        Some(moment) => timeout_at(moment, what).await.ok(),
        None => Some(what.await),
    }
}

#[cfg(test)]
mod tests {
    use super::given::{bar, minute};
    use super::*;

    #[tokio::test]
    async fn who_cannot_wait_has_what_came_by_then() {
        let soon = || Some(Instant::now() + std::time::Duration::from_millis(20));
        let of: (&str, Symbol, Timeframe) = ("a", "BTC/USD".parse().expect("a symbol"), Timeframe::MINUTE);
        let asking = Asking::default();
        let first = by(soon(), asking.begin(of.0, &of.1, of.2)).await;
        assert!(first.is_some());
        assert!(by(soon(), asking.begin(of.0, &of.1, of.2)).await.is_none());
        // Nobody waits for what another feed is asked.
        assert!(by(soon(), asking.begin("b", &of.1, of.2)).await.is_some());
        drop(first);
        assert!(by(soon(), asking.begin(of.0, &of.1, of.2)).await.is_some());
    }

    #[test]
    fn a_volume_in_another_order_is_no_correction() {
        let sum = 0.1 + 0.2 + 0.3;
        assert!(is_same(&bar(1, 10.0, sum), &bar(1, 10.0, 0.3 + 0.2 + 0.1)));
        assert!(!is_same(&bar(1, 10.0, sum), &bar(1, 10.0, 0.7)));
        assert!(!is_same(&bar(1, 10.0, sum), &bar(1, 10.01, sum)));
        let symbol: Symbol = "BTC/USDT".parse().expect("a symbol");
        let said = correction(
            ("spot", &symbol),
            Timeframe::MINUTE,
            &bar(1, 10.0, 1.0),
            &bar(1, 10.5, 1.0),
        );
        assert_eq!((said.from, said.to), (minute(1), Some(minute(2))));
        assert!(
            said.detail.contains("close 10.5") && said.detail.contains("kept was: open 10,"),
            "{}",
            said.detail
        );
    }
}
