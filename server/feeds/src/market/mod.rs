//! One symbol with its ordered sources: which of them is published, and how what it says becomes one stream whose time never
//! goes back. No sockets and no clock: everything comes in by calls that say when it is.

#[cfg(test)]
mod away;
mod choice;
mod pace;
mod publish;
mod relay;
#[cfg(test)]
mod rig;
#[cfg(all(test, feature = "testkit"))]
mod simulation;
mod steps;
#[cfg(test)]
mod strange;
#[cfg(test)]
mod tests;
mod turn;

use crate::config::Thresholds;
use crate::quality::{IncidentKind, IncidentLog, Of};
use crate::record::Published;
use crate::source::{Fault, Heard, Source, SourceTraits, Trouble, TroubleAct, Want};
use crate::status::{BreakerState, Counters};
use crate::venue::{FeedError, Told};
use pace::Pace;
use papertape::api::Freshness;
use papertape::exchange::TradingStatus;
use papertape::market::{DepthSnapshot, Grid, Phase, PhaseCursor, TradeTick};
use papertape::model::{Instrument, Timeframe, Timestamp};
use relay::Resumption;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use steps::Steps;
use turn::Lasting;

/// One source of a market.
#[derive(Debug)]
struct Place {
    name: Arc<str>,
    source: Source,
    is_barred: bool,
    /// Its steps, as those of the market.
    steps: Steps,
    breaker: BreakerState,
    /// Trades of the last minutes, while another source is published.
    kept: VecDeque<TradeTick>,
    fault: Option<Fault>,
    /// Since when the fault, or the absence of one, lasts.
    since: Timestamp,
}

/// What a market is made of.
#[derive(Debug)]
pub(crate) struct MarketConfig {
    pub(crate) instrument: Instrument,
    /// In order of preference.
    pub(crate) places: Vec<PlaceConfig>,
    pub(crate) thresholds: Thresholds,
    pub(crate) hold_on_divergence: bool,
    /// When the last event of the record happened, if there is one.
    pub(crate) recorded_until: Option<Timestamp>,
    /// Incidents are numbered from here.
    pub(crate) first_incident: u64,
}

/// What a source is made of.
#[derive(Debug)]
pub(crate) struct PlaceConfig {
    pub(crate) name: Arc<str>,
    pub(crate) traits: SourceTraits,
    /// Whether it is compared with the others and never published: an index beside venues.
    pub(crate) is_barred: bool,
    pub(crate) instrument: Instrument,
}

/// See the module's comment.
#[derive(Debug)]
pub(crate) struct Market {
    grid: Grid,
    /// By how many nanoseconds its clock is behind ours: what its sources tell is late by so much by contract.
    delay: i64,
    thresholds: Thresholds,
    hold_on_divergence: bool,
    places: Vec<Place>,
    /// Which of them is published.
    active: usize,
    pace: Pace,
    /// Trades until then are those of another source, or on record already.
    cut: Timestamp,
    /// The last trade or bar.
    last_traded: Timestamp,
    has_spoken: bool,
    /// Whether a price or a book was told in this run: until then there is nothing that could be fresh.
    is_told: bool,
    /// When it began to listen.
    began: Timestamp,
    /// When the book was last told whole.
    book_told: Timestamp,
    /// Best prices and books that are told when the minute before them is over; none while there is a gap.
    waiting: VecDeque<Lasting>,
    /// Whether the stream says that there is a gap.
    is_gap: bool,
    is_ended: bool,
    is_resuming: bool,
    resumption: Resumption,
    is_diverged: bool,
    /// Since when nobody contradicts a source that was contradicted, and its price then.
    alone: Option<(Timestamp, f64)>,
    is_record_torn: bool,
    /// What the active source's venue says of its trading, as it was published.
    status: TradingStatus,
    phases: PhaseCursor,
    reference: Option<f64>,
    pub(crate) log: IncidentLog,
    out: Vec<Published>,
    wants: Vec<(usize, Want)>,
    heard: Vec<Heard>,
    wanted: Vec<Want>,
}

impl Market {
    /// A market of which nothing has been heard at `now`.
    pub(crate) fn new(config: MarketConfig, now: Timestamp) -> Self {
        let MarketConfig {
            instrument,
            places,
            thresholds,
            hold_on_divergence,
            recorded_until,
            first_incident,
        } = config;
        // One that is preferred says when it is by the market's clock.
        let by_contract = places
            .first()
            .map_or(Duration::ZERO, |place| place.traits.delay_by_contract());
        let delay = crate::source::nanos(by_contract);
        let now = now.plus_nanos(-delay);
        let grid = Grid::of(&instrument);
        let place = |place: PlaceConfig| Place {
            name: place.name,
            source: Source::new(
                place.traits.sooner(by_contract),
                Grid::of(&place.instrument),
                &thresholds,
            ),
            is_barred: place.is_barred,
            steps: Steps::of(&place.instrument, &grid),
            breaker: BreakerState::Closed,
            kept: VecDeque::new(),
            fault: Some(Fault::Down),
            since: now,
        };
        let places: Vec<Place> = places.into_iter().map(place).collect();
        // What was traded before anybody listened is not of this stream. A minute that has begun is: its trades, as far as
        // they are told, are as right as those that a bar of it would be made from.
        let late = places
            .first()
            .map_or(0, |place| crate::source::nanos(place.source.traits().delay));
        let floor = Timeframe::MINUTE.floor(now.plus_nanos(-late));
        let is_relay = places.first().is_some_and(|place| place.source.traits().is_relay);
        // Another Papertape's time may be of years ago.
        let floor = if is_relay { Timestamp::EPOCH } else { floor };
        let begin = recorded_until.unwrap_or(floor);
        let active = places.iter().position(|place| !place.is_barred).unwrap_or(0);
        let mut market = Self {
            grid,
            delay,
            thresholds,
            hold_on_divergence,
            active,
            places,
            pace: Pace::new(begin),
            cut: recorded_until.unwrap_or(floor.plus_nanos(-1)),
            last_traded: begin,
            has_spoken: recorded_until.is_some(),
            is_told: false,
            began: now,
            book_told: now,
            waiting: VecDeque::new(),
            is_gap: false,
            is_ended: false,
            is_resuming: recorded_until.is_some(),
            resumption: Resumption::default(),
            is_diverged: false,
            alone: None,
            is_record_torn: false,
            status: TradingStatus::Trading,
            phases: PhaseCursor::new(instrument.calendar()),
            reference: None,
            log: IncidentLog::new(instrument.symbol().clone(), first_incident, active),
            out: Vec::new(),
            wants: Vec::new(),
            heard: Vec::new(),
            wanted: Vec::new(),
        };
        if let Some(until) = recorded_until {
            let detail = "nobody listened".to_owned();
            market.begin(IncidentKind::Gap, "restart", Of::Stream, until, detail);
            market.settle(now);
        }
        market
    }

    /// What time it is by the market's clock, which is late by as much as its sources are by contract: what they tell now is what the
    /// others told then.
    #[inline]
    const fn by_the_market(&self, now: Timestamp) -> Timestamp {
        now.plus_nanos(-self.delay)
    }

    /// A source's venue told something.
    #[inline]
    pub(crate) fn told(&mut self, place: usize, told: &Told, received: Timestamp) {
        let received = self.by_the_market(received);
        let source = &mut self.places[place].source;
        source.told(told, received, &mut self.heard, &mut self.wanted);
        self.handle(place, received);
    }

    /// A source's socket stands.
    pub(crate) fn connected(&mut self, place: usize, now: Timestamp) {
        let now = self.by_the_market(now);
        self.places[place].source.connected(now, &mut self.heard);
        self.handle(place, now);
    }

    /// A source's socket fell.
    pub(crate) fn disconnected(&mut self, place: usize, now: Timestamp, why: &str) {
        let now = self.by_the_market(now);
        self.places[place].source.disconnected(now, why, &mut self.heard);
        self.handle(place, now);
    }

    /// A source is asked over REST, as it has no socket now.
    pub(crate) fn polled(&mut self, place: usize, now: Timestamp) {
        let now = self.by_the_market(now);
        self.places[place].source.polled(now, &mut self.heard);
        self.handle(place, now);
    }

    /// A frame of a source's connection made no sense.
    pub(crate) fn undecodable(&mut self, place: usize, why: &str, now: Timestamp) {
        let now = self.by_the_market(now);
        self.places[place].source.undecodable(why, now, &mut self.heard);
        self.handle(place, now);
    }

    /// Trades that a source asked for came, or did not.
    pub(crate) fn trades_came(
        &mut self,
        place: usize,
        answer: Result<Vec<(u64, TradeTick)>, FeedError>,
        now: Timestamp,
    ) {
        let now = self.by_the_market(now);
        let source = &mut self.places[place].source;
        source.trades_came(answer, now, &mut self.heard, &mut self.wanted);
        self.handle(place, now);
    }

    /// The book that a source asked for came, or did not.
    pub(crate) fn book_came(
        &mut self,
        place: usize,
        answer: Result<DepthSnapshot, FeedError>,
        now: Timestamp,
    ) {
        let now = self.by_the_market(now);
        let source = &mut self.places[place].source;
        source.book_came(answer, now, &mut self.heard, &mut self.wanted);
        self.handle(place, now);
    }

    /// A source's breaker moved.
    pub(crate) fn breaker(&mut self, place: usize, state: BreakerState, now: Timestamp) {
        let now = self.by_the_market(now);
        if self.places[place].breaker != state {
            self.places[place].breaker = state;
            self.arbitrate(now);
        }
    }

    /// The events on record cannot be written for now: they wait, in order.
    pub(crate) fn record_waits(&mut self, why: &str, now: Timestamp) {
        let now = self.by_the_market(now);
        let detail = format!("what is told waits to be recorded: {why}");
        self.begin(IncidentKind::Stale, "record", Of::Stream, now, detail);
    }

    /// What waited to be recorded is on record.
    pub(crate) fn record_goes_on(&mut self, now: Timestamp) {
        let now = self.by_the_market(now);
        let key = (IncidentKind::Stale, "record", Of::Stream);
        self.log.end(key, now, 0, None);
    }

    /// More is wanted of a source.
    pub(crate) fn widen(&mut self, place: usize, traits: SourceTraits) {
        let delay = Duration::from_nanos(self.delay.unsigned_abs());
        self.places[place].source.widen(traits.sooner(delay));
    }

    /// Events could not be recorded, and so many had to be thrown away.
    pub(crate) fn record_torn(&mut self, thrown: u64, now: Timestamp) {
        let now = self.by_the_market(now);
        self.out.clear();
        self.is_record_torn = true;
        let detail = format!("{thrown} events could not be recorded");
        let key = (IncidentKind::Gap, "record", Of::Stream);
        let name = Arc::clone(&self.places[self.active].name);
        self.log
            .count(key, &name, (self.last_traded, now), thrown, detail);
        // The stream goes on from what is on record, with a gap first.
        self.is_gap = false;
        self.settle(now);
        self.is_record_torn = false;
    }

    /// Time passes: at least every second.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let now = self.by_the_market(now);
        for place in 0..self.places.len() {
            let source = &mut self.places[place].source;
            source.tick(now, &mut self.heard, &mut self.wanted);
            self.handle(place, now);
        }
        self.compare(now);
        self.arbitrate(now);
        self.tell_waiting(now);
        self.note_wait(now);
        self.tick_clock(now);
        self.tell_book_at_times(now);
    }

    /// What is to be recorded; cleared by whoever has.
    pub(crate) const fn out(&mut self) -> &mut Vec<Published> {
        &mut self.out
    }

    /// What sources ask of their venues.
    pub(crate) fn wants(&mut self) -> std::vec::Drain<'_, (usize, Want)> {
        self.wants.drain(..)
    }

    /// The source that is published.
    pub(crate) const fn active(&self) -> usize {
        self.active
    }

    /// How many sources there are.
    pub(crate) const fn places(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn name(&self, place: usize) -> &Arc<str> {
        &self.places[place].name
    }

    /// What the last status event said.
    pub(crate) const fn status(&self) -> TradingStatus {
        if self.is_ended {
            TradingStatus::Ended
        } else if self.is_gap {
            TradingStatus::Gap
        } else {
            self.status
        }
    }

    /// How its data is, by one rule: what the stream says of gaps and halts goes first; then nothing is fresh before anything was
    /// told, nor while its source is in trouble. The latter is so without a gap only where another Papertape is the source, whose
    /// stream has none of ours: its time stands still.
    pub(crate) fn freshness(&self) -> Freshness {
        match self.status() {
            TradingStatus::Halted | TradingStatus::Ended => Freshness::Halted,
            TradingStatus::Gap => Freshness::Gap,
            TradingStatus::Trading if !self.is_told => Freshness::Waiting,
            TradingStatus::Trading if self.places[self.active].fault.is_some() => Freshness::Gap,
            TradingStatus::Trading => Freshness::Fresh,
        }
    }

    /// Why nothing fills, when nothing does.
    pub(crate) fn why(&self) -> Option<String> {
        let place = self.places.get(self.active)?;
        let reason = match (self.freshness(), place.fault) {
            (Freshness::Fresh, _) => return None,
            (Freshness::Halted, _) if self.is_ended => "it has ended",
            (Freshness::Halted, _) if !place.source.is_listed() => "its venue lists it as not trading",
            (Freshness::Halted, _) => return Some("its venue has halted it".to_owned()),
            (_, Some(fault)) => fault.as_str(),
            (Freshness::Waiting, None) => Fault::NothingYet.as_str(),
            (Freshness::Gap, None) if self.is_diverged => "its sources tell different prices",
            (Freshness::Gap, None) => "what came before is not whole yet",
        };
        Some(format!("{}: {reason}", place.name))
    }

    /// Whether the source that is published is not there, and has not answered.
    pub(crate) fn is_away(&self) -> bool {
        let place = self.places.get(self.active);
        place.is_some_and(|place| place.fault == Some(Fault::Down))
    }

    pub(crate) fn last_heard(&self) -> Option<Timestamp> {
        self.places
            .iter()
            .filter_map(|place| place.source.last_heard())
            .max()
            .map(|heard| heard.plus_nanos(self.delay))
    }

    pub(crate) fn counters(&self, place: usize) -> &Counters {
        &self.places[place].source.counters
    }

    pub(crate) fn skew_nanos(&self, place: usize) -> Option<i64> {
        self.places[place].source.skew.nanos()
    }

    /// The median of the sources' prices, when it was last made.
    pub(crate) const fn reference(&self) -> Option<f64> {
        self.reference
    }

    /// Nobody listens any more: what goes on is over.
    pub(crate) fn end(&mut self, now: Timestamp) {
        let now = self.by_the_market(now);
        self.log.end_all(now);
    }

    fn handle(&mut self, place: usize, received: Timestamp) {
        if !self.heard.is_empty() {
            if self.hold_on_divergence && self.places.len() > 1 && self.heard.iter().any(Heard::is_price) {
                // Before the price that contradicts the others is published, and fills.
                self.compare(received);
                self.settle(received);
            }
            let mut heard = std::mem::take(&mut self.heard);
            for heard in heard.drain(..) {
                if let Heard::Trouble(trouble) = heard {
                    self.trouble(place, trouble);
                } else if let Heard::RelayedIncident(key, incident) = heard {
                    let name = Arc::clone(&self.places[place].name);
                    self.log.relay((place, key), &name, &incident);
                } else if place == self.active {
                    self.publish(heard, received);
                } else {
                    self.keep(place, &heard, received);
                }
            }
            self.heard = heard;
            self.tell_waiting(received);
        }
        self.wants.extend(self.wanted.drain(..).map(|want| (place, want)));
        if std::mem::take(&mut self.places[place].source.is_changed) {
            self.arbitrate(received);
        }
    }

    fn trouble(&mut self, place: usize, trouble: Trouble) {
        let name = Arc::clone(&self.places[place].name);
        let key = (trouble.kind, trouble.cause, Of::Source(place));
        match trouble.act {
            TroubleAct::Begin(from, detail) => self.log.begin(key, &name, from, detail),
            TroubleAct::End(to, count, detail) => self.log.end(key, to, count, detail),
            TroubleAct::Count(from, to, count, detail) => {
                self.log.count(key, &name, (from, to), count, detail);
            }
        }
    }

    fn begin(&mut self, kind: IncidentKind, cause: &'static str, of: Of, from: Timestamp, detail: String) {
        let place = match of {
            Of::Stream => self.active,
            Of::Source(place) => place,
        };
        let name = Arc::clone(&self.places[place].name);
        self.log.begin((kind, cause, of), &name, from, detail);
    }

    fn is_open(&mut self, now: Timestamp) -> bool {
        self.phases.phase(now) == Phase::Regular
    }
}
