//! Worlds: engines with one order each, that see the market through one feed.

use super::feed::{Feed, FeedEvents, FillModel};
use super::{CalibrationError, Hypothetical};
use crate::alert::AlertRules;
use crate::engine::{Command, Engine, EngineConfig, Event, EventKind, ExecutionConfig, Input, Sink};
use crate::exchange::FillRules;
use crate::model::{Instrument, MarginRule, Money, Price, Side, Timestamp};
use crate::order::OrderStatus;
use crate::portfolio::AccountConfig;
use crate::strategy::Strategy;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// What became of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// Seconds from the decision to the fill that made it whole; `None` when it never was.
    pub(super) whole_after: Option<f64>,
    /// The average price of what was filled; `None` for nothing.
    pub(super) price: Option<f64>,
}

/// Listens to what an engine says of its order.
#[derive(Debug)]
struct Witness {
    decided: Timestamp,
    quantity: Decimal,
    value: Decimal,
    outcome: Outcome,
    /// Nothing more will happen.
    is_over: bool,
}

impl Sink for Witness {
    fn journal(&mut self, event: Event) {
        match event.kind {
            EventKind::OrderFilled { fill, order, .. } => {
                self.quantity += fill.quantity.0;
                self.value += fill.quantity.0 * fill.price.0;
                self.outcome.price = Some(Price(self.value / self.quantity).to_f64());
                if order.status == OrderStatus::Filled {
                    self.outcome.whole_after = Some(fill.time.since(self.decided) as f64 / 1e9);
                    self.is_over = true;
                }
            }
            EventKind::OrderDenied { .. }
            | EventKind::OrderRejected { .. }
            | EventKind::OrderCanceled { .. }
            | EventKind::OrderExpired { .. } => self.is_over = true,
            _ => {}
        }
    }

    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}
}

/// Nobody listens.
#[derive(Debug)]
struct Nobody;

impl Sink for Nobody {
    fn journal(&mut self, _event: Event) {}

    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}
}

/// One order's world.
#[derive(Debug)]
struct World {
    /// The order's place among those of this run.
    index: usize,
    until: Timestamp,
    engine: Engine,
    witness: Witness,
}

impl World {
    /// Branches off from an engine without orders, and places one.
    fn branch(base: &Engine, index: usize, order: &Hypothetical) -> Self {
        let mut world = Self {
            index,
            until: order.until,
            engine: base.clone(),
            witness: Witness {
                decided: order.time,
                quantity: Decimal::ZERO,
                value: Decimal::ZERO,
                outcome: Outcome::default(),
                is_over: false,
            },
        };
        let place = Command::Place(Box::new(order.request.clone().into()));
        world
            .engine
            .process_into(&Input::Command(order.time, place), &mut world.witness);
        world
    }
}

/// The instrument so that anything can be sold: on margin, and without a smallest order.
pub(super) fn tradable(instrument: &Instrument) -> Option<Instrument> {
    let (tick, lot, one) = (instrument.tick(), instrument.lot(), Decimal::ONE);
    Instrument::new(instrument.symbol().clone(), tick, lot, Decimal::ZERO, one)
        .and_then(|instrument| {
            instrument.with_margin(MarginRule::Rate {
                initial: one,
                maintenance: one,
            })
        })
        .ok()
}

/// Places every order in a world of its own, and says what became of each. Orders are in order of time.
///
/// A tick counts when it comes after the decision and before the horizon, a bar when it opens in between.
pub(super) fn run(
    events: FeedEvents<'_>,
    instrument: &Instrument,
    feed: Feed,
    model: &FillModel,
    orders: &[Hypothetical],
) -> Result<Vec<Outcome>, CalibrationError> {
    let mut base = engine(instrument, feed, model);
    let mut outcomes = vec![Outcome::default(); orders.len()];
    let mut coming = orders.iter().enumerate().peekable();
    let mut worlds: Vec<World> = Vec::new();
    for fed in events {
        let fed = fed?;
        while let Some((index, order)) = coming.next_if(|(_, order)| order.time < fed.known_at) {
            worlds.push(World::branch(&base, index, order));
        }
        let input = Input::market(fed.event);
        worlds.retain_mut(|world| {
            if fed.begins < world.until && fed.begins >= world.witness.decided {
                world.engine.process_into(&input, &mut world.witness);
            }
            let stays = fed.begins < world.until && !world.witness.is_over;
            if !stays {
                outcomes[world.index] = world.witness.outcome;
            }
            stays
        });
        if worlds.is_empty() && coming.peek().is_none() {
            break;
        }
        base.process_into(&input, &mut Nobody);
    }
    for world in worlds {
        outcomes[world.index] = world.witness.outcome;
    }
    Ok(outcomes)
}

/// An engine that has seen nothing yet, started, whose strategy never trades.
fn engine(instrument: &Instrument, feed: Feed, model: &FillModel) -> Engine {
    let timeframe = feed.timeframe();
    let yaml = format!(
        "name: calibration\ntimeframe: {timeframe}\nentry: {{long: close < 0}}\nexit: {{long: close < 0}}\n"
    );
    let strategy = Strategy::compile(&yaml, &BTreeMap::new(), None)
        .unwrap_or_else(|problems| unreachable!("the strategy that never trades compiles: {problems:?}"));
    let mut engine = Engine::new(EngineConfig {
        strategy,
        // More than any capture's sizes are worth.
        initial_capital: Money::new(Decimal::from(1_000_000_000_000_u64), instrument.quote()),
        instrument: instrument.clone(),
        peers: Vec::new(),
        others: Vec::new(),
        base_timeframe: timeframe,
        execution: ExecutionConfig {
            fill: FillRules {
                limit: model.limit,
                queue: model.queue,
                ..FillRules::default()
            },
            ..ExecutionConfig::free()
        },
        account: AccountConfig::default(),
        option_model: None,
        alerts: AlertRules {
            price_move: None,
            drawdown: None,
            losing_streak: None,
        },
    });
    engine.process_into(&Input::Command(Timestamp::EPOCH, Command::Start), &mut Nobody);
    engine
}

/// By how many basis points `price` is worse than `reference` for an order of this side; negative when it is better.
pub(super) fn worse_by_bps(side: Side, price: f64, reference: f64) -> f64 {
    let sign = match side {
        Side::Buy => 1.0,
        Side::Sell => -1.0,
    };
    sign * (price - reference) / reference * 1e4
}
