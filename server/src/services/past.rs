//! The bars of a feed's past: those that are kept, then those that its tape has, then those that its venue gives, which are kept
//! then. What is there is not asked for again, and what is not closed for good is not kept.

use super::live::refused;
use super::{ServiceError, Services, quality, wall_clock};
use crate::storage::{DatasetId, DatasetRecord, NewDataset, Write};
use papertape::api::{DataIncident, DatasetInfo, FieldErrors, TimeSpan};
use papertape::market::{Bar, Bars};
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use papertape_feeds::{FeedError, KeptOffBar, PastBars};
use std::collections::BTreeMap;

/// Bars that are fetched at once at most: a year of minutes.
const MOST_FETCHED: i64 = 366 * 1_440;
const TOO_MUCH: &str = "a year of minutes is fetched at once at most: ask for the rest afterwards";
/// Bars that are asked of a venue before what came is kept.
const PAGE: i64 = 100_000;
/// How long after its close a bar may still change: trades come late, and clocks differ.
const SETTLE_NANOS: i64 = 10_000_000_000;
/// Of how short a while ago a venue may have nothing yet: that there was nothing is not remembered.
const RECENT_NANOS: i64 = 86_400_000_000_000;
/// Entries of the data-quality record that are given at most: with so many it is not known which minutes are whole.
const MOST_INCIDENTS: usize = 10_000;

/// From a time on and before another.
type Span = (Timestamp, Timestamp);

/// What is known of a feed's past.
#[derive(Debug)]
pub(super) struct Past {
    /// The bars of the span that was asked for, by when they open.
    pub(super) bars: BTreeMap<Timestamp, Bar>,
    /// The dataset in which they are kept, as far as they are.
    pub(super) dataset: Option<DatasetId>,
    /// Why there may be more that did not come.
    pub(super) refused: Option<FeedError>,
}

/// What is kept of a feed's bars of a length.
struct Keeping {
    known: Option<DatasetRecord>,
    bars: BTreeMap<Timestamp, Bar>,
    /// What the venue was asked for, whether it had any or not.
    asked: Vec<Span>,
}

impl Keeping {
    /// What of a span is neither kept nor known not to be there.
    fn lacks(&self, timeframe: Timeframe, span: Span) -> Vec<Span> {
        let whole = self.bars.range(span.0..span.1);
        let mut covered: Vec<Span> = whole
            .map(|(open, _)| (*open, timeframe.close_of(*open)))
            .collect();
        covered.extend(&self.asked);
        without(span, joined(covered))
    }
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
        let _keeping = self.keeping.lock().await;
        let instrument = self
            .feeds
            .instrument(feed, symbol)
            .await
            .map_err(ServiceError::Feed)?;
        let past = self.past(feed, &instrument, timeframe, span).await?;
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
    pub(super) async fn complete(&self, dataset: &str, span: Span) -> Result<(), ServiceError> {
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
        let _keeping = self.keeping.lock().await;
        let instrument = self.feeds.instrument(feed, symbol).await.map_err(refused)?;
        let past = self.past(feed, &instrument, Timeframe::MINUTE, span).await?;
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
    /// which is kept then. To be asked while [`Services::keeping`] is held.
    pub(super) async fn past(
        &self,
        feed: &str,
        instrument: &Instrument,
        timeframe: Timeframe,
        span: Span,
    ) -> Result<Past, ServiceError> {
        let symbol = instrument.symbol();
        let mut kept = self.kept_bars(feed, symbol, timeframe).await?;
        let now = self.feeds.market_clock(feed, wall_clock());
        let (from, to) = closed(timeframe, span, now);
        // What another Papertape tells may be of any time, and of another one tomorrow.
        let settled = if self.feeds.has_time_of_its_own(feed) {
            to
        } else {
            timeframe.floor(now.plus_nanos(-SETTLE_NANOS)).min(to)
        };
        let (mut is_changed, asked) = (false, kept.asked.len());
        if timeframe == Timeframe::MINUTE {
            for lacking in kept.lacks(timeframe, (from, settled)) {
                is_changed |= self.take_from_tape((feed, symbol), lacking, &mut kept).await?;
            }
        }
        let mut fresh = BTreeMap::new();
        let mut refusal = None;
        'asking: for (begin, end) in kept.lacks(timeframe, (from, to)) {
            for (begin, end) in pages(timeframe, (begin, end)) {
                // The bars next to what is asked for are known: do they agree with what the venue says now?
                let before = kept.bars.range(..begin).next_back().map(|(open, _)| *open);
                let before = before.filter(|open| timeframe.close_of(*open) == begin);
                let after = kept.bars.contains_key(&end).then(|| timeframe.close_of(end));
                let ask = (before.unwrap_or(begin), after.unwrap_or(end));
                let told = match self.feeds.bars(feed, symbol, timeframe, ask).await {
                    Ok(told) => told,
                    Err(error) => {
                        refusal = Some(error);
                        break 'asking;
                    }
                };
                let since = told.since().clamp(begin, end);
                if since > begin {
                    refusal = Some(FeedError::OutOfReach {
                        venue: feed.to_owned(),
                        symbol: symbol.clone(),
                        timeframe,
                        since: told.since(),
                    });
                }
                let mut kept_off: Vec<KeptOffBar> = told.kept_off().collect();
                kept_off.retain(|bar| (begin..end).contains(&bar.open_time));
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
                let is_known = kept.bars.range(since..end).next().is_some();
                let until = end.min(settled);
                if since < until && (is_known || until <= now.plus_nanos(-RECENT_NANOS)) {
                    // Of a bar that was kept off it is not known that there was none.
                    let open = kept_off
                        .iter()
                        .map(|bar| (bar.open_time, timeframe.close_of(bar.open_time)));
                    kept.asked.extend(without((since, until), joined(open.collect())));
                }
                self.note_kept_off((feed, symbol), timeframe, kept_off).await?;
            }
        }
        let dataset = self
            .keep(
                (feed, instrument, timeframe),
                &kept,
                (is_changed, kept.asked.len() > asked),
            )
            .await?;
        let mut bars: BTreeMap<_, _> = kept
            .bars
            .range(from..to)
            .map(|(open, bar)| (*open, *bar))
            .collect();
        bars.extend(fresh.range(from..to).map(|(open, bar)| (*open, *bar)));
        Ok(Past {
            bars,
            dataset,
            refused: refusal,
        })
    }

    /// Puts on record that bars were kept off, those that are not on it yet: they are asked for again whenever somebody wants them.
    async fn note_kept_off(
        &self,
        of: (&str, &Symbol),
        timeframe: Timeframe,
        kept_off: Vec<KeptOffBar>,
    ) -> Result<(), ServiceError> {
        let (Some(first), Some(last)) = (kept_off.first(), kept_off.last()) else {
            return Ok(());
        };
        let span = (first.open_time, timeframe.close_of(last.open_time));
        let known = self.storage.incidents(of.0, Some(of.1), span).await?;
        for bar in kept_off {
            let incident = quarantine(of, timeframe, &bar);
            let is_it = |known: &DataIncident| {
                (&known.kind, known.from, &known.detail) == (&incident.kind, incident.from, &incident.detail)
            };
            if !known.iter().any(is_it) {
                self.feeds.note(incident);
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
        let is_whole = |bar: &Bar| {
            whole
                .iter()
                .any(|(from, to)| (*from..*to).contains(&bar.open_time))
        };
        let found: Vec<Bar> = on_tape.bars.into_iter().filter(is_whole).collect();
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

/// That a venue says something else of a bar than is kept of it.
fn correction((feed, symbol): (&str, &Symbol), timeframe: Timeframe, known: &Bar, now: &Bar) -> DataIncident {
    let say = |bar: &Bar| {
        let Bar {
            open,
            high,
            low,
            close,
            volume,
            ..
        } = bar;
        format!("open {open}, high {high}, low {low}, close {close}, volume {volume}")
    };
    DataIncident {
        kind: "correction".to_owned(),
        feed: feed.to_owned(),
        symbol: symbol.clone(),
        source: feed.to_owned(),
        from: now.open_time,
        to: Some(timeframe.close_of(now.open_time)),
        count: 1,
        detail: format!(
            "the venue says of the bar of {timeframe} that opened at {} now: {}; kept was: {}",
            now.open_time,
            say(now),
            say(known)
        ),
        // Of what is kept, not of what is published.
        touched: Some(Vec::new()),
    }
}

/// That a bar that a venue gave is kept off.
fn quarantine((feed, symbol): (&str, &Symbol), timeframe: Timeframe, bar: &KeptOffBar) -> DataIncident {
    DataIncident {
        kind: "quarantine".to_owned(),
        feed: feed.to_owned(),
        symbol: symbol.clone(),
        source: feed.to_owned(),
        from: bar.open_time,
        to: Some(timeframe.close_of(bar.open_time)),
        count: 1,
        detail: format!(
            "the bar of {timeframe} that opened at {} was kept off, and will be asked for again: {}",
            bar.open_time, bar.why
        ),
        // Of what is kept, not of what is published.
        touched: Some(Vec::new()),
    }
}

/// Whether two say the same of a bar: sums of volumes differ in their last digits by the order of the trades.
fn is_same(one: &Bar, other: &Bar) -> bool {
    let prices = |bar: &Bar| [bar.open, bar.high, bar.low, bar.close];
    prices(one) == prices(other)
        && (one.volume - other.volume).abs() <= 1e-9 * one.volume.abs().max(other.volume.abs())
}

/// The span of the bars that open and close within a span, and have closed.
fn closed(timeframe: Timeframe, (from, to): Span, now: Timestamp) -> Span {
    let floor = timeframe.floor(from);
    let from = if floor < from {
        timeframe.close_of(floor)
    } else {
        from
    };
    (from, timeframe.floor(to.min(now)).max(from))
}

/// A span in parts that are asked for one after another.
fn pages(timeframe: Timeframe, (from, to): Span) -> Vec<Span> {
    let length = timeframe.nanos().saturating_mul(PAGE);
    let mut pages = Vec::new();
    let mut begin = from;
    while begin < to {
        let end = begin.plus_nanos(length).min(to);
        pages.push((begin, end));
        begin = end;
    }
    pages
}

/// Spans in order, those that touch as one.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|(from, to)| from < to);
    spans.sort_unstable();
    let mut all: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match all.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => all.push((from, to)),
        }
    }
    all
}

/// What of a span is in none of others, which are joined.
fn without((from, to): Span, others: Vec<Span>) -> Vec<Span> {
    let mut left = Vec::new();
    let mut reached = from;
    for (begin, end) in others {
        if end <= reached || begin >= to {
            continue;
        }
        if begin > reached {
            left.push((reached, begin));
        }
        reached = end;
    }
    if reached < to {
        left.push((reached, to));
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_secs(60 * number)
    }

    fn spans(spans: &[(i64, i64)]) -> Vec<Span> {
        let span = |(from, to): &(i64, i64)| (minute(*from), minute(*to));
        spans.iter().map(span).collect()
    }

    fn bar(number: i64, price: f64, volume: f64) -> Bar {
        Bar {
            open_time: minute(number),
            open: price,
            high: price,
            low: price,
            close: price,
            volume,
        }
    }

    #[test]
    fn what_is_lacking_is_what_is_neither_kept_nor_was_asked_for() {
        let lacks = |bars: &[i64], asked: &[(i64, i64)], from: i64, to: i64| {
            let keeping = Keeping {
                known: None,
                bars: bars
                    .iter()
                    .map(|number| (minute(*number), bar(*number, 1.0, 1.0)))
                    .collect(),
                asked: spans(asked),
            };
            keeping.lacks(Timeframe::MINUTE, (minute(from), minute(to)))
        };
        assert_eq!(lacks(&[], &[], 5, 9), spans(&[(5, 9)]));
        assert_eq!(lacks(&[5, 6, 7, 8], &[], 5, 9), []);
        assert_eq!(lacks(&[6, 7], &[], 5, 9), spans(&[(5, 6), (8, 9)]));
        // Nothing was traded in the seventh minute, and that is known.
        assert_eq!(lacks(&[5, 6, 8], &[(5, 9)], 5, 9), []);
        assert_eq!(lacks(&[5, 8], &[(5, 7)], 5, 9), spans(&[(7, 8)]));
        assert_eq!(
            lacks(&[1, 2], &[(20, 30), (10, 12)], 5, 25),
            spans(&[(5, 10), (12, 20)])
        );
        assert_eq!(lacks(&[], &[(0, 100)], 5, 5), []);
    }

    #[test]
    fn spans_that_touch_are_one_and_pages_are_all_of_a_span() {
        assert_eq!(
            joined(spans(&[(5, 9), (1, 2), (9, 9), (2, 4), (6, 7)])),
            spans(&[(1, 4), (5, 9)])
        );
        let (from, to) = (minute(7), minute(7 + 2 * PAGE + 1));
        let all = pages(Timeframe::MINUTE, (from, to));
        assert_eq!(all.len(), 3);
        assert_eq!(joined(all), [(from, to)]);
        assert_eq!(pages(Timeframe::MINUTE, (from, from)), []);
    }

    #[test]
    fn only_bars_that_are_whole_within_the_span_are_of_it() {
        let at = Timestamp::from_secs;
        let of = |from, to, now| {
            let (from, to) = closed(Timeframe::MINUTE, (at(from), at(to)), at(now));
            (from.secs(), to.secs())
        };
        assert_eq!(of(60, 180, 1_000), (60, 180));
        assert_eq!(of(61, 179, 1_000), (120, 120));
        assert_eq!(of(60, 10_000, 599), (60, 540));
        assert_eq!(of(900, 10_000, 599), (900, 900));
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
