//! A session by chance: its configuration and its inputs, written down as they are made.

use crate::draw::Draw;
use crate::market::{Feed, Finest};
use crate::orders::{self, View};
use crate::quiet;
use crate::world;
use papertape::engine::{Command, Engine, EngineConfig, Event, Input};
use papertape::market::{Calendar, MarketEvent};
use papertape::model::{InstrumentId, Timestamp};
use papertape::order::TimeInForce;

const MILLI: i64 = 1_000_000;

/// A session that was made once, to be run again.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) config: EngineConfig,
    pub(crate) inputs: Vec<Input>,
    /// The event hash at its end; `None` when the engine broke down on the last input.
    pub(crate) hash: Option<String>,
}

/// Makes up the session of a seed. Orders are made with the engine in view, so that amendments and cancels name orders
/// that are there; what comes out is a plain list of inputs.
pub(crate) fn make(seed: u64, length: usize) -> Scenario {
    let mut draw = Draw::new(seed);
    let config = world::draw(&mut draw);
    let mut session = Session::begin(draw, &config);
    let mut engine = Engine::new(config.clone());
    let mut inputs = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    let mut next = Input::Command(world::BEGIN, Command::Start);
    while inputs.len() < length {
        inputs.push(next.clone());
        if quiet::catch(|| engine.process(&next, &mut events)).is_err() {
            return Scenario {
                config,
                inputs,
                hash: None,
            };
        }
        events.clear();
        next = session.next(&engine);
    }
    Scenario {
        config,
        inputs,
        hash: Some(engine.event_hash()),
    }
}

struct Session {
    draw: Draw,
    feeds: Vec<Feed>,
    now: Timestamp,
    /// How often somebody asks for something, against how often the market moves.
    business: f64,
    /// Whether the market moves in minutes rather than seconds.
    is_slow: bool,
}

impl Session {
    fn begin(mut draw: Draw, config: &EngineConfig) -> Self {
        let only = draw.maybe(0.85, Finest::draw(&mut draw.clone()));
        let feeds: Vec<_> = config
            .instruments()
            .enumerate()
            .map(|(place, instrument)| {
                let finest = only.unwrap_or_else(|| Finest::draw(&mut draw));
                Feed::new(InstrumentId(place as u16), instrument, finest)
            })
            .collect();
        Self {
            business: draw.pick(&[0.1, 0.25, 0.5]),
            is_slow: only == Some(Finest::Bars),
            draw,
            feeds,
            now: world::BEGIN,
        }
    }

    fn next(&mut self, engine: &Engine) -> Input {
        let draw = &mut self.draw;
        if draw.chance(self.business) {
            let views: Vec<View<'_>> = engine
                .config()
                .instruments()
                .zip(&self.feeds)
                .map(|(instrument, feed)| View {
                    instrument,
                    price: feed.price(),
                })
                .collect();
            return Input::Command(self.now, orders::command(draw, engine, &views, self.now));
        }
        if draw.chance(0.05)
            && let Some(auction) = awaited_auction(engine)
        {
            let shortly_before = auction.plus_nanos(-draw.between(1, 120_000) * MILLI);
            self.now = self.now.max(shortly_before);
        }
        loop {
            self.now = later(draw, self.now, self.is_slow);
            let index = draw.below(self.feeds.len() as u64) as usize;
            let feed = &mut self.feeds[index];
            if feed.is_interrupted() && draw.chance(0.2) {
                let (at, event) = feed.resume(self.now);
                return Input::Market(at, event);
            }
            if !self.is_slow && draw.chance(0.03) {
                return Input::market(MarketEvent::Clock(self.now));
            }
            if let Some((at, event)) = feed.next(draw, self.now) {
                return Input::Market(at, event);
            }
        }
    }
}

/// The auction that an open order is for: by chance alone, few sessions would come near it.
fn awaited_auction(engine: &Engine) -> Option<Timestamp> {
    let order = engine.open_orders().find(|order| order.is_for_auction())?;
    let instrument = engine.config().instruments().nth(order.instrument.index())?;
    let calendar = Calendar::of(instrument.calendar());
    Some(match order.time_in_force {
        TimeInForce::Opg => calendar.next_open(order.submitted_at),
        _ => calendar.next_close(order.submitted_at),
    })
}

/// Mostly a moment later, sometimes after a silence, seldom on another day.
fn later(draw: &mut Draw, now: Timestamp, is_slow: bool) -> Timestamp {
    let (unit, steps) = if is_slow {
        (60_000, [1, 1, 5, 700])
    } else {
        (1, [400, 3_000, 90_000, 25_000_000])
    };
    let most = steps[draw.weighted(&[60, 30, 9, 1])];
    now.plus_nanos(draw.between(if is_slow { 1 } else { 0 }, most) * unit * MILLI)
}
