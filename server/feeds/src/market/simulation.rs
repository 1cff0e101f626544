//! A seeded simulation of everything between a venue's truth and what is published, without sockets: two sources that tell of
//! one market through lines on which things go wrong. After each run what was published is the truth, or what it lacks is on
//! record.
//!
//! `PAPERTAPE_FEED_SCENARIOS=5000 cargo test -p papertape-feeds --release simulation` runs more seeds, and
//! `PAPERTAPE_FEED_SEED=17` only that one.

use super::{Market, MarketConfig, PlaceConfig};
use crate::config::Thresholds;
use crate::quality::Incident;
use crate::record::Published;
use crate::source::{SourceTraits, Want};
use crate::testkit::{Audit, Detail, Finest, Quotes, Truth, TruthEvent, What};
use crate::venue::{BookStart, Channels, FeedError, Slot, Told};
use papertape::exchange::TradingStatus;
use papertape::market::{DepthSnapshot, Random, TradeTick};
use papertape::model::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: i64 = 1_000_000_000;
const MILLI: i64 = 1_000_000;

/// Something on its way to us.
#[derive(Clone, Debug)]
enum Arrival {
    Told(Told),
    Undecodable,
    Connected,
    Disconnected,
    Trades(Result<Vec<(u64, TradeTick)>, FeedError>),
    Book(Result<DepthSnapshot, FeedError>),
}

/// The way from a venue to us.
#[derive(Debug)]
struct Line {
    traits: SourceTraits,
    /// Whether quotes have the venue's time.
    has_timed_quotes: bool,
    /// What of a frame can go wrong, one in so many.
    odds: Odds,
    latency: i64,
    is_up: bool,
    /// Nothing arrives before: a stall.
    stalled_until: Timestamp,
    /// What is sent is lost: the socket is half open.
    is_half_open: bool,
    /// The last arrival on the socket, which keeps its order.
    last: Timestamp,
    overtaken: Option<Told>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Odds {
    drop: f64,
    duplicate: f64,
    reorder: f64,
    garble: f64,
    absurd: f64,
    lost: f64,
    stall: f64,
    cut: f64,
    half_open: f64,
    refuse: f64,
}

struct World {
    random: Random,
    truth: Truth,
    lines: Vec<Line>,
    thresholds: Thresholds,
    market: Market,
    agenda: BTreeMap<(Timestamp, u64), (usize, Arrival)>,
    ordinal: u64,
    /// How far our clock is ahead of the venue's.
    skew: i64,
    now: Timestamp,
    is_peaceful: bool,
    published: Vec<Published>,
    incidents: BTreeMap<u64, Incident>,
    trades: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x0fee_d5ee_d000);
        let truth = Truth::seeded(seed, 1);
        let skew = if random.chance(0.5) {
            0
        } else {
            random.below(8_000) as i64 * MILLI - 4 * SECOND
        };
        let now = truth.now.plus_nanos(skew);
        let instrument = truth.markets[0].instrument.clone();
        let count = 1 + random.below(2) as usize;
        let lines: Vec<Line> = (0..count).map(|_| line(&mut random, now)).collect();
        let place = |(index, line): (usize, &Line)| PlaceConfig {
            name: ["first", "second"][index].into(),
            is_barred: false,
            traits: line.traits,
            instrument: instrument.clone(),
        };
        let mut thresholds = Thresholds {
            return_s: 10,
            ..Thresholds::default()
        };
        if seed.is_multiple_of(2) {
            // Long enough for a minute to end while a missing trade may still come.
            (thresholds.reorder_ms, thresholds.patience_ms) = (3_000, 12_000);
        }
        let config = MarketConfig {
            instrument: instrument.clone(),
            places: lines.iter().enumerate().map(place).collect(),
            thresholds: thresholds.clone(),
            hold_on_divergence: random.chance(0.5),
            recorded_until: None,
            first_incident: 1,
        };
        Self {
            market: Market::new(config, now),
            random,
            truth,
            lines,
            thresholds,
            agenda: BTreeMap::new(),
            ordinal: 0,
            skew,
            now,
            is_peaceful: false,
            published: Vec::new(),
            incidents: BTreeMap::new(),
            trades: 0,
        }
    }

    /// Three minutes in which things go wrong, and one and a half in peace; then everything that is on its way arrives.
    fn run(&mut self) {
        let begin = self.now;
        for place in 0..self.lines.len() {
            self.schedule(place, begin.plus_nanos(50 * MILLI), Arrival::Connected);
        }
        let (war, peace) = (begin.plus_nanos(180 * SECOND), begin.plus_nanos(270 * SECOND));
        let mut tick = begin;
        while self.now < peace {
            self.is_peaceful = self.now >= war;
            let event = self.truth.advance().expect("it has no end");
            let happens = event.time.plus_nanos(self.skew);
            while tick < happens {
                self.arrive(tick);
                self.now = tick;
                self.market.tick(tick);
                self.collect();
                tick = tick.plus_nanos(100 * MILLI);
            }
            self.arrive(happens);
            self.now = happens;
            self.happened(&event);
        }
        for _ in 0..100 {
            self.arrive(tick);
            self.now = tick;
            self.market.tick(tick);
            self.collect();
            tick = tick.plus_nanos(100 * MILLI);
        }
    }

    fn happened(&mut self, event: &TruthEvent) {
        self.trades += u64::from(matches!(event.what, What::Trade { .. }));
        for place in 0..self.lines.len() {
            let told = match &event.what {
                What::Trade { id, trade } => Told::Trade {
                    slot: Slot(0),
                    id: Some(*id),
                    trade: *trade,
                },
                What::Quote { id, quote } => Told::Quote {
                    slot: Slot(0),
                    id: Some(*id),
                    is_timed: self.lines[place].has_timed_quotes,
                    quote: *quote,
                },
                What::Depth(diff) => Told::Depth {
                    slot: Slot(0),
                    diff: diff.clone(),
                },
                What::Bar(_) => continue,
            };
            self.send(place, told);
        }
    }

    /// One frame goes onto a line, and perhaps something goes wrong.
    fn send(&mut self, place: usize, told: Told) {
        if !self.lines[place].is_up {
            return;
        }
        let odds = if self.is_peaceful {
            Odds::default()
        } else {
            self.lines[place].odds
        };
        let mut roll = self.random.unit();
        let mut is_this = |chance: f64| {
            roll -= chance;
            roll < 0.0
        };
        if self.lines[place].is_half_open {
            return;
        }
        if let Some(overtaken) = self.lines[place].overtaken.take() {
            self.deliver(place, Arrival::Told(told));
            self.deliver(place, Arrival::Told(overtaken));
        } else if is_this(odds.drop) {
        } else if is_this(odds.duplicate) {
            self.deliver(place, Arrival::Told(told.clone()));
            self.deliver(place, Arrival::Told(told));
        } else if is_this(odds.reorder) {
            self.lines[place].overtaken = Some(told);
        } else if is_this(odds.garble) {
            self.deliver(place, Arrival::Undecodable);
        } else if is_this(odds.absurd) {
            let told = absurd(told, &mut self.random);
            self.deliver(place, Arrival::Told(told));
        } else if is_this(odds.lost) {
            let why = "sequence 12 comes next, and 14 came".to_owned();
            self.deliver(place, Arrival::Told(Told::Lost { slot: None, why }));
        } else if is_this(odds.stall) {
            let stall = 100 + self.random.below(9_000) as i64;
            self.lines[place].stalled_until = self.now.plus_nanos(stall * MILLI);
            self.deliver(place, Arrival::Told(told));
        } else if is_this(odds.cut) {
            self.cut(place, 0);
        } else if is_this(odds.half_open) {
            let found_out = 5 * SECOND + self.random.below(20) as i64 * SECOND;
            self.lines[place].is_half_open = true;
            self.cut(place, found_out);
        } else {
            self.deliver(place, Arrival::Told(told));
        }
    }

    /// The connection ends, and stands again after a while.
    fn cut(&mut self, place: usize, found_out: i64) {
        let after = self.now.plus_nanos(found_out);
        self.lines[place].is_up = found_out > 0;
        let at = after.max(self.lines[place].last);
        self.schedule(place, at, Arrival::Disconnected);
        let wait = 500 * MILLI + self.random.below(20_000) as i64 * MILLI;
        self.schedule(place, at.plus_nanos(wait), Arrival::Connected);
    }

    /// On the socket nothing overtakes.
    fn deliver(&mut self, place: usize, arrival: Arrival) {
        let line = &mut self.lines[place];
        let way = line.latency + self.random.below(30) as i64 * MILLI;
        let at = self.now.plus_nanos(way).max(line.last).max(line.stalled_until);
        line.last = at;
        self.schedule(place, at, arrival);
    }

    fn schedule(&mut self, place: usize, at: Timestamp, arrival: Arrival) {
        self.ordinal += 1;
        self.agenda.insert((at, self.ordinal), (place, arrival));
    }

    fn arrive(&mut self, until: Timestamp) {
        while let Some(entry) = self.agenda.first_entry() {
            let (at, _) = *entry.key();
            if at > until {
                return;
            }
            let (place, arrival) = entry.remove();
            self.now = at;
            let market = &mut self.market;
            match arrival {
                // What was under way when the connection fell never comes.
                Arrival::Told(_) | Arrival::Undecodable if !self.lines[place].is_up => {}
                Arrival::Told(told) => market.told(place, &told, at),
                Arrival::Undecodable => market.undecodable(place, "nonsense", at),
                Arrival::Trades(answer) => market.trades_came(place, answer, at),
                Arrival::Book(answer) => market.book_came(place, answer, at),
                Arrival::Disconnected => {
                    let line = &mut self.lines[place];
                    (line.is_up, line.is_half_open, line.overtaken) = (false, false, None);
                    market.disconnected(place, at, "it broke");
                }
                Arrival::Connected => {
                    self.lines[place].is_up = true;
                    market.connected(place, at);
                    self.subscribed(place);
                }
            }
            self.collect();
        }
    }

    fn subscribed(&mut self, place: usize) {
        self.deliver(place, Arrival::Told(Told::Subscribed { slot: Slot(0) }));
        if self.lines[place].traits.book == BookStart::Stream {
            self.tell_book(place);
        }
    }

    fn tell_book(&mut self, place: usize) {
        let snapshot = self.truth.markets[0].snapshot(usize::MAX);
        let slot = Slot(0);
        self.deliver(place, Arrival::Told(Told::Book { slot, snapshot }));
    }

    /// Takes what was published, and answers what is wanted.
    fn collect(&mut self) {
        self.published.append(self.market.out());
        self.incidents.extend(self.market.log.take_changed());
        let wants: Vec<_> = self.market.wants().collect();
        for (place, want) in wants {
            let refuse = if self.is_peaceful {
                0.0
            } else {
                self.lines[place].odds.refuse
            };
            let is_refused = self.random.chance(refuse);
            let is_slow = !self.is_peaceful && self.random.chance(0.1);
            let most = if is_slow { 12_000 } else { 300 };
            let at = self.now.plus_nanos((30 + self.random.below(most) as i64) * MILLI);
            let trouble = FeedError::Trouble {
                venue: "test".to_owned(),
                said: "503".to_owned(),
            };
            let has_numbers = self.lines[place].traits.has_consecutive_trades;
            let arrival = match want {
                Want::Trades(_) if is_refused => Arrival::Trades(Err(trouble)),
                Want::Trades(from) => {
                    let is_it = |(id, trade): &&(u64, TradeTick)| match has_numbers {
                        true => *id >= from.id,
                        false => trade.time >= from.time,
                    };
                    let page = self.truth.markets[0]
                        .trades
                        .iter()
                        .filter(is_it)
                        .take(20)
                        .copied();
                    Arrival::Trades(Ok(page.collect()))
                }
                Want::Book | Want::Renewal if is_refused => Arrival::Book(Err(trouble)),
                Want::Book | Want::Renewal => Arrival::Book(Ok(self.truth.markets[0].snapshot(usize::MAX))),
                Want::Resync if self.lines[place].is_up && !self.lines[place].is_half_open => {
                    self.tell_book(place);
                    continue;
                }
                Want::Resync | Want::Anew => continue,
            };
            self.schedule(place, at, arrival);
        }
    }
}

fn line(random: &mut Random, now: Timestamp) -> Line {
    let has_consecutive_trades = random.chance(0.75);
    let has_trade_backfill = random.chance(0.75);
    let mut some = |most: f64| {
        if random.chance(0.4) {
            most * random.unit()
        } else {
            0.0
        }
    };
    let mut odds = Odds {
        drop: some(0.02),
        duplicate: some(0.03),
        reorder: some(0.02),
        garble: some(0.01),
        absurd: some(0.01),
        lost: some(0.002),
        stall: some(0.003),
        cut: some(0.002),
        half_open: some(0.001),
        refuse: some(0.6),
    };
    if !has_consecutive_trades {
        // Nobody could know: TCP neither loses nor reorders, and a venue without numbers is taken at its word.
        (odds.drop, odds.reorder) = (0.0, 0.0);
    }
    Line {
        traits: SourceTraits {
            channels: Channels {
                trades: true,
                quotes: true,
                depth: true,
                bars: false,
            },
            has_stream: true,
            book: if random.chance(0.5) {
                BookStart::Rest
            } else {
                BookStart::Stream
            },
            has_trade_backfill,
            has_consecutive_trades,
            is_relay: false,
            delay: Duration::ZERO,
            stale_after: Duration::from_secs(15),
            bar_lag: Duration::from_secs(10),
        },
        has_timed_quotes: random.chance(0.5),
        odds,
        latency: random.below(120) as i64 * MILLI,
        is_up: false,
        stalled_until: now,
        is_half_open: false,
        last: now,
        overtaken: None,
    }
}

/// A price that cannot be.
fn absurd(mut told: Told, random: &mut Random) -> Told {
    let factor = [0.0, -1.0, 10.0, 0.1, 1e300, f64::NAN][random.below(6) as usize];
    match &mut told {
        Told::Trade { trade, .. } => trade.price *= factor,
        Told::Quote { quote, .. } => (quote.bid, quote.ask) = (quote.bid * factor, quote.ask * factor),
        Told::Depth { diff, .. } => {
            for level in diff.update.bids.iter_mut().chain(&mut diff.update.asks) {
                level.size = -1;
            }
        }
        _ => {}
    }
    told
}

/// Everything of a run that two runs must have in common.
fn digest(world: &World) -> String {
    format!("{:?} {:?}", world.published, world.incidents)
}

fn check(seed: u64, world: &World) {
    let audit = Audit {
        published: &world.published,
        incidents: world.incidents.values().collect(),
        truth: &world.truth.markets[0],
        slack: world.skew.abs() + SECOND,
        late: SECOND.max(world.thresholds.reorder_ms as i64 * MILLI),
        detail: Detail {
            finest: Finest::Trades {
                has_sides: true,
                step: MILLI,
            },
            levels: usize::MAX,
            quotes: Quotes::Whole,
        },
    };
    assert!(world.published.len() > 1_000, "seed {seed} tells nothing");
    if let Err(wrong) = audit.check(true) {
        panic!("seed {seed}: {wrong}\n{:?}", world.lines);
    }
    for incident in world.incidents.values() {
        assert!(incident.to.is_some(), "seed {seed}: still open: {incident:?}");
    }
    let status = world.market.status();
    assert_eq!(
        status,
        TradingStatus::Trading,
        "seed {seed}: {:?}",
        world.market.why()
    );
    assert_eq!(status, audit.status(), "seed {seed}");
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn what_is_published_is_the_truth_or_its_lack_is_on_record() {
    let seeds = match variable("PAPERTAPE_FEED_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("PAPERTAPE_FEED_SCENARIOS").unwrap_or(200),
    };
    let (mut perfect, mut trades, mut incidents) = (0, 0, 0);
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let mut world = World::new(seed);
        world.run();
        check(seed, &world);
        let mut again = World::new(seed);
        again.run();
        assert!(
            digest(&world) == digest(&again),
            "seed {seed} is not the same again"
        );
        perfect += u64::from(world.incidents.is_empty());
        trades += world.trades;
        incidents += world.incidents.len();
    }
    println!("{count} scenarios, {perfect} of them without incident; {trades} trades, {incidents} incidents");
}
