//! What one venue tells of one symbol, checked: in order, once, without what cannot be; gaps named, and what is missing asked
//! for. No sockets and no clock: everything comes in by calls that say when it is.

mod bars;
mod bests;
mod book;
mod depth;
mod doubt;
mod doubted;
mod fault;
mod first;
mod gap;
mod halts;
mod heard;
#[cfg(test)]
mod jumps;
mod numbers;
mod prices;
mod rarely;
mod renewal;
mod sanity;
mod silent;
#[cfg(test)]
pub(crate) mod tests;
mod times;
mod trades;
mod unnumbered;

use crate::config::Thresholds;
use crate::quality::IncidentKind;
use crate::skew::Skew;
use crate::status::Counters;
use crate::venue::{BookStart, Channels, FeedError, Told, Traits};
use bests::{Bests, Contradicted};
use book::Book;
pub(crate) use book::whole;
pub(crate) use fault::Fault;
use first::{FirstPrice, FirstTook, price_of};
use gap::{Backfill, TradeGap};
use halts::Halts;
pub(crate) use heard::{Heard, Trouble, TroubleAct, Want, begin, count, end};
use numbers::Anew;
use papertape::market::{Bar, Grid, OrderBook, Quote, TradeTick};
use papertape::model::Timestamp;
use sanity::Sanity;
use silent::Silent;
use std::collections::VecDeque;
use std::time::Duration;
use times::Times;
use trades::{Taken, TradeOrder};
use unnumbered::Unnumbered;

/// For how long a price that nothing confirms may be in doubt, in nanoseconds.
pub(crate) const PRICE_DOUBT: i64 = Sanity::LONG;

/// What a source must know of its venue and of what is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceTraits {
    pub(crate) channels: Channels,
    /// Whether it tells by itself, so that what it is asked for instead is not all.
    pub(crate) has_stream: bool,
    pub(crate) book: BookStart,
    pub(crate) has_trade_backfill: bool,
    pub(crate) has_consecutive_trades: bool,
    /// Whether it tells what another Papertape published, in that one's time.
    pub(crate) is_relay: bool,
    /// By how much it is late by contract.
    pub(crate) delay: Duration,
    pub(crate) stale_after: Duration,
    /// After the end of a minute its bar takes so long to come.
    pub(crate) bar_lag: Duration,
}

impl SourceTraits {
    /// Those of a venue, for what is wanted of it.
    pub(crate) fn new(traits: &Traits, channels: Channels, stale_after: Option<Duration>) -> Self {
        let offered = traits.stream.or(traits.polled);
        let wanted = Channels {
            bars: channels.bars || !offered.trades,
            ..channels
        };
        Self {
            channels: wanted.and(offered),
            has_stream: !traits.stream.is_empty(),
            book: traits.book,
            has_trade_backfill: traits.has_trade_backfill,
            has_consecutive_trades: traits.has_consecutive_trades,
            is_relay: traits.is_relay,
            delay: traits.delay,
            stale_after: stale_after.unwrap_or(traits.stale_after),
            bar_lag: traits.poll_every.mul_f64(1.5) + Duration::from_secs(10),
        }
    }

    /// By how much it is late by contract. What is a minute old or so is not: it is asked for seldom, and may be new.
    pub(crate) fn delay_by_contract(&self) -> Duration {
        delay_by_contract(self.delay)
    }

    /// The same, heard by a clock that is late itself by so much.
    pub(crate) const fn sooner(self, by: Duration) -> Self {
        Self {
            delay: self.delay.saturating_sub(by),
            ..self
        }
    }

    /// Whether its finest data is bars.
    pub(crate) const fn is_bars(&self) -> bool {
        self.channels.bars && !self.channels.trades
    }
}

/// How a source is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not at all.
    #[default]
    Down,
    /// Its socket stands, and nothing has come yet.
    Up,
    /// Its socket stands and it speaks.
    Speaking,
    /// It is asked again and again.
    Polled,
}

/// See the module's comment.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    traits: SourceTraits,
    /// The steps in which its book is read.
    grid: Grid,
    thresholds: Thresholds,
    pub(crate) skew: Skew,
    pub(crate) counters: Counters,
    sanity: Sanity,
    times: Times,
    first: FirstPrice,
    trades: TradeOrder,
    unnumbered: Unnumbered,
    released: Vec<TradeTick>,
    book: Book,
    contradicted: Contradicted,
    /// How often the book was asked for anew since it contradicts the believed price.
    book_asked: u32,
    link: Link,
    /// The venue's refusal of this symbol.
    refused: Option<FeedError>,
    last_quote: Option<(Quote, bool)>,
    /// Whether the last quote was told since the venue is reached as it is now: one of before a break may be over.
    is_quote_current: bool,
    last_quote_id: Option<u64>,
    quotes_anew: Anew,
    last_relayed: Option<u64>,
    last_trade: Option<TradeTick>,
    silent_quotes: Silent,
    silent_book: Silent,
    /// When another connection was last asked for, because a channel of this one is dead.
    anew_asked: Option<Timestamp>,
    last_bar: Option<Bar>,
    /// The last bars that were told, by their time.
    told_bars: VecDeque<Bar>,
    halts: Halts,
    /// The venue's time of the last thing that had one.
    last_stamp: Option<Timestamp>,
    /// When anything came.
    last_flow: Option<Timestamp>,
    /// When something of this symbol came.
    last_heard: Option<Timestamp>,
    up_since: Option<Timestamp>,
    gap: TradeGap,
    backfill: Backfill,
    /// When something that made no sense was last suspected to be a trade.
    suspected: Option<Timestamp>,
    /// Whether [`Source::fault`] or a price may have changed since it was last asked.
    pub(crate) is_changed: bool,
}

impl Source {
    pub(crate) fn new(traits: SourceTraits, grid: Grid, thresholds: &Thresholds) -> Self {
        Self {
            traits,
            grid,
            thresholds: thresholds.clone(),
            skew: Skew::default(),
            counters: Counters::default(),
            sanity: Sanity::new(thresholds.outlier_factor),
            times: Times::default(),
            first: FirstPrice::new(thresholds.outlier_factor),
            trades: TradeOrder::new(traits.has_consecutive_trades),
            unnumbered: Unnumbered::default(),
            released: Vec::new(),
            book: Book::new(traits.book),
            contradicted: Contradicted::default(),
            book_asked: 0,
            link: Link::Down,
            refused: None,
            last_quote: None,
            is_quote_current: false,
            last_quote_id: None,
            quotes_anew: Anew::default(),
            last_relayed: None,
            last_trade: None,
            silent_quotes: Silent::default(),
            silent_book: Silent::default(),
            anew_asked: None,
            last_bar: None,
            told_bars: VecDeque::new(),
            halts: Halts::none(),
            last_stamp: None,
            last_flow: None,
            last_heard: None,
            up_since: None,
            gap: TradeGap::None,
            backfill: Backfill::default(),
            suspected: None,
            is_changed: false,
        }
    }

    pub(crate) const fn traits(&self) -> &SourceTraits {
        &self.traits
    }

    /// More is wanted of it.
    pub(crate) fn widen(&mut self, traits: SourceTraits) {
        self.traits = traits;
        self.is_changed = true;
    }

    /// In which steps its book is read from now on.
    pub(crate) const fn counts_in(&mut self, grid: Grid) {
        self.grid = grid;
    }

    pub(crate) const fn last_heard(&self) -> Option<Timestamp> {
        self.last_heard
    }

    /// The venue's time of the last thing that had one.
    pub(crate) const fn last_stamp(&self) -> Option<Timestamp> {
        self.last_stamp
    }

    pub(crate) const fn last_flow(&self) -> Option<Timestamp> {
        self.last_flow
    }

    /// The best prices as they stand: nobody knows them from a break until they are told again.
    pub(crate) fn quote_now(&self) -> Option<Quote> {
        let (quote, _) = self.last_quote.filter(|_| self.is_quote_current)?;
        Some(quote)
    }

    /// The book, when it is known, wanted and contradicts nothing.
    pub(crate) fn known_book(&self) -> Option<&OrderBook> {
        let is_believed = self.is_book_judged() && self.contradicted.book().is_none();
        (self.traits.channels.depth && self.book.is_known() && is_believed).then(|| self.book.book())
    }

    /// Whether trades wait for others, so that a minute is not over yet.
    pub(crate) fn is_holding(&self) -> bool {
        self.trades.is_waiting()
    }

    /// Whether it is asked for what is known now, and tells of nothing by itself.
    pub(crate) const fn is_polled(&self) -> bool {
        matches!(self.link, Link::Polled)
    }

    /// Whether its venue is there.
    const fn is_reached(&self) -> bool {
        !matches!(self.link, Link::Down)
    }

    /// Whether trades are being asked for that were made before all that comes now.
    pub(crate) const fn is_asking(&self) -> bool {
        matches!(self.gap, TradeGap::Asked { .. })
    }

    /// Whether what is traded now is asked for as soon as the stream is back.
    pub(crate) fn will_ask(&self) -> bool {
        matches!(self.link, Link::Down | Link::Up) && self.can_ask()
    }

    /// Whether there is a trade from which on those that are missing can be asked for.
    fn can_ask(&self) -> bool {
        self.traits.channels.trades && self.traits.has_trade_backfill && self.trades.last().is_some()
    }

    /// The price that it tells now: half way between bid and ask, or the last trade, or the last bar's close.
    pub(crate) fn price(&self) -> Option<f64> {
        self.quote_now()
            .map(|quote| quote.mid())
            .or(self.last_trade.map(|trade| trade.price))
            .or(self.last_bar.map(|bar| bar.close))
    }

    /// Its time at `received`, as its messages show it, without its delay by contract.
    pub(crate) fn venue_time(&self, received: Timestamp) -> Timestamp {
        match self.skew.nanos() {
            Some(_) => self.skew.venue_time(received),
            None => received.plus_nanos(-nanos(self.traits.delay)),
        }
    }

    /// Its socket stands and the symbol is about to be subscribed.
    pub(crate) fn connected(&mut self, now: Timestamp, heard: &mut Vec<Heard>) {
        self.link = Link::Up;
        self.is_quote_current = false;
        self.forget_halt();
        self.tell_halts(self.venue_time(now), heard);
        (self.refused, self.last_quote_id) = (None, None);
        self.quotes_anew.goes_on();
        // Numbers may begin anew with a connection: what waited to be confirmed is the last one's.
        self.first.forget();
        self.forget_silence();
        self.fits(Bests::Quotes, now, heard);
        (self.up_since, self.last_flow, self.is_changed) = (Some(now), Some(now), true);
    }

    /// Its socket fell.
    pub(crate) fn disconnected(&mut self, now: Timestamp, why: &str, heard: &mut Vec<Heard>) {
        if self.link == Link::Down {
            return;
        }
        self.link = Link::Down;
        (self.is_changed, self.is_quote_current) = (true, false);
        self.book.lose();
        self.forget_silence();
        self.fits(Bests::Quotes, now, heard);
        self.fits(Bests::Book, now, heard);
        // What was asked for is asked for again when the socket stands.
        if matches!(self.gap, TradeGap::Asked { .. }) {
            self.gap = TradeGap::Waiting(now);
        }
        if self.last_heard.is_some() {
            // A half-open socket is found out late: whatever was not told since is missing.
            let from = self.last_flow.unwrap_or(now);
            heard.push(begin(IncidentKind::Gap, "connection", from, why.to_owned()));
        }
    }

    /// What a channel has not told is judged within one connection.
    fn forget_silence(&mut self) {
        self.silent_quotes.speaks();
        self.silent_book.speaks();
    }

    /// It is asked over REST: because its socket fails, so that some of what it would tell is missing, or because it has none.
    pub(crate) fn polled(&mut self, now: Timestamp, heard: &mut Vec<Heard>) {
        if self.link == Link::Polled {
            return;
        }
        self.link = Link::Polled;
        (self.up_since, self.is_changed) = (Some(now), true);
        self.tell_halts(self.venue_time(now), heard);
        heard.push(if self.traits.has_stream {
            let why = "its stream is away, and what it is asked for is not all".to_owned();
            begin(IncidentKind::Gap, "connection", self.since(now), why)
        } else {
            end(IncidentKind::Gap, "connection", now, 0, None)
        });
    }

    /// Takes one thing that was told. What can be published goes to `heard`, what must be asked for to `wants`.
    #[inline]
    pub(crate) fn told(
        &mut self,
        told: &Told,
        received: Timestamp,
        heard: &mut Vec<Heard>,
        wants: &mut Vec<Want>,
    ) {
        self.counters.messages += 1;
        self.last_flow = Some(received);
        if !self.first.is_known()
            && let Some(price) = price_of(told)
        {
            self.first_told(told, price, received, heard, wants);
            return;
        }
        self.take(told, received, heard, wants);
    }

    #[inline]
    fn take(&mut self, told: &Told, received: Timestamp, heard: &mut Vec<Heard>, wants: &mut Vec<Want>) {
        match told {
            Told::Trade { id, trade, .. } => {
                self.speaks(received, heard, wants);
                self.trade(*id, trade, received, heard);
            }
            Told::Quote {
                id, is_timed, quote, ..
            } => {
                self.speaks(received, heard, wants);
                self.quote(*id, quote, *is_timed, received, heard);
            }
            Told::Depth { diff, .. } => {
                self.speaks(received, heard, wants);
                if self.traits.channels.depth {
                    self.silent_book.speaks();
                    let took = match self.sane_time(diff.update.time, received) {
                        Ok(()) => {
                            self.observe(diff.update.time, received);
                            let mut diff = diff.clone();
                            diff.update.time = self.not_ahead(diff.update.time, received);
                            self.book.diff(diff, received)
                        }
                        Err(why) => self.book.strange(why, received),
                    };
                    self.took_book(took, received, heard, wants);
                }
            }
            Told::Book { snapshot, .. } => {
                self.speaks(received, heard, wants);
                if self.traits.channels.depth {
                    self.silent_book.speaks();
                    let took = match self.sane_time(snapshot.update.time, received) {
                        Ok(()) => {
                            self.observe(snapshot.update.time, received);
                            let mut snapshot = snapshot.clone();
                            snapshot.update.time = self.not_ahead(snapshot.update.time, received);
                            self.book.stream_snapshot(snapshot, received)
                        }
                        Err(why) => self.book.strange(why, received),
                    };
                    self.took_book(took, received, heard, wants);
                }
            }
            Told::Bar { bar, is_closed, .. } => {
                self.speaks(received, heard, wants);
                self.bar(bar, *is_closed, received, heard);
            }
            Told::Relayed { number, event, .. } => {
                self.speaks(received, heard, wants);
                self.relayed(*number, event, heard);
            }
            other => self.rarely_told(other, received, heard, wants),
        }
    }

    /// A frame of its connection made no sense: whatever was in it is missing.
    pub(crate) fn undecodable(&mut self, why: &str, received: Timestamp, heard: &mut Vec<Heard>) {
        self.last_flow = Some(received);
        self.kept_off(format!("a frame that makes no sense: {why}"), received, heard);
        self.suspect(received, heard);
    }

    /// Time passes.
    pub(crate) fn tick(&mut self, now: Timestamp, heard: &mut Vec<Heard>, wants: &mut Vec<Want>) {
        self.tick_trades(now, heard, wants);
        if self.traits.channels.depth && matches!(self.link, Link::Up | Link::Speaking) {
            wants.extend(self.book.tick(now));
            if self.contradicted.book().is_none() {
                wants.extend(self.book.renew(now));
            }
        }
        self.tick_book(now, heard, wants);
        if self.is_anew_due(now) {
            wants.push(Want::Anew);
        }
    }

    #[inline]
    fn speaks(&mut self, received: Timestamp, heard: &mut Vec<Heard>, wants: &mut Vec<Want>) {
        self.last_heard = Some(received);
        if !matches!(self.link, Link::Speaking | Link::Polled) {
            self.resubscribed(received, heard, wants);
            self.link = Link::Speaking;
            self.is_changed = true;
        }
    }

    /// After a break: what was traded meanwhile is asked for, where there is a way to.
    fn resubscribed(&mut self, received: Timestamp, heard: &mut Vec<Heard>, wants: &mut Vec<Want>) {
        if self.link != Link::Up {
            return;
        }
        heard.push(end(IncidentKind::Gap, "refused", received, 0, None));
        heard.push(end(IncidentKind::Gap, "connection", received, 0, None));
        // A quiet symbol may say nothing for long: the confirmation is enough to go on.
        if self.last_heard.is_some() {
            self.link = Link::Speaking;
            self.is_changed = true;
        }
        if self.can_ask() && !self.is_asking() {
            self.trades.resume();
            self.ask_for_trades(received, heard, wants);
        }
    }

    fn lost(&mut self, why: &str, received: Timestamp, heard: &mut Vec<Heard>, wants: &mut Vec<Want>) {
        self.counters.lost += 1;
        if self.traits.channels.depth {
            let took = self.book.distrust(why, received);
            self.took_book(took, received, heard, wants);
        }
        // Trades may have numbers and the book begins anew; of quotes nothing else would tell.
        let from = self.since(received);
        heard.push(count(
            IncidentKind::Gap,
            "messages",
            from,
            received,
            1,
            why.to_owned(),
        ));
    }

    #[cold]
    fn kept_off(&mut self, why: String, received: Timestamp, heard: &mut Vec<Heard>) {
        self.counters.quarantined += 1;
        let from = self.since(received);
        heard.push(count(
            IncidentKind::Quarantine,
            "quarantine",
            from,
            received,
            1,
            why,
        ));
    }
}

/// What of a venue's [`delay`](Traits::delay) is one by contract, which is of many minutes.
pub(crate) fn delay_by_contract(delay: Duration) -> Duration {
    const LATE: Duration = Duration::from_secs(5 * 60);
    if delay >= LATE { delay } else { Duration::ZERO }
}

pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX / 4)
}

pub(crate) const fn millis(millis: u64) -> i64 {
    // Thresholds are checked to be far below.
    (millis as i64).saturating_mul(1_000_000)
}
