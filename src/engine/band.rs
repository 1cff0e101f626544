//! Two shadows beside an engine: the same session, filled more kindly and less kindly.

use super::{Command, Engine, EngineConfig, Event, EventKind, Familiar, FillPreset, Input, Mark, Sink};
use crate::alert::AlertRules;
use crate::market::BarSlice;
use crate::model::{OrderId, Timestamp};
use crate::order::{Amendment, Order, OrderList, OrderPurpose};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The [optimistic](FillPreset::Optimistic) and the [pessimistic](FillPreset::Pessimistic) run beside an engine, the
/// expected one, over the same inputs.
///
/// The three are runs of their own: each has its account, its orders and its position, and decides by them. So this is a
/// band of three runs and not a bound: who fills on better terms may hold what then falls, and end lower. What does hold
/// is told fill by fill: the same order, met by the same market, costs the optimistic run no more and the pessimistic one
/// no less.
///
/// Shadows keep no journal and raise no alerts, and whether they run changes nothing in the engine that they accompany.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Band {
    optimistic: Shadow,
    pessimistic: Shadow,
}

/// The equity of both shadows, one number a mark of the engine that they accompany, in quote currency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BandCurve {
    /// When fills are kind.
    pub optimistic: Vec<f64>,
    /// When they are not.
    pub pessimistic: Vec<f64>,
}

impl BandCurve {
    /// An empty curve with room for so many marks.
    #[must_use]
    pub fn with_capacity(marks: usize) -> Self {
        Self {
            optimistic: Vec::with_capacity(marks),
            pessimistic: Vec::with_capacity(marks),
        }
    }

    /// Forgets all marks and keeps the room.
    pub fn clear(&mut self) {
        self.optimistic.clear();
        self.pessimistic.clear();
    }
}

impl Band {
    /// The shadows of an engine with this configuration, before its first input.
    #[must_use]
    pub fn new(config: &EngineConfig) -> Self {
        Self {
            optimistic: Shadow::new(config, FillPreset::Optimistic),
            pessimistic: Shadow::new(config, FillPreset::Pessimistic),
        }
    }

    /// Takes in the input that `expected` is about to take in, and appends to `curve` what both are worth at each of its
    /// marks. It comes before [`Engine::process`] because a command names orders as that engine knows them now.
    #[inline]
    pub fn process(&mut self, expected: &Engine, input: &Input, curve: &mut BandCurve) {
        self.optimistic.process(expected, input, &mut curve.optimistic);
        self.pessimistic.process(expected, input, &mut curve.pessimistic);
    }

    /// Takes many bars in, as [`Engine::process_bars`] does.
    pub fn process_bars(&mut self, bars: BarSlice<'_>, curve: &mut BandCurve) {
        self.optimistic
            .engine
            .process_bars(bars, &mut Marks(&mut curve.optimistic));
        self.pessimistic
            .engine
            .process_bars(bars, &mut Marks(&mut curve.pessimistic));
    }

    /// The run with kind fills.
    #[must_use]
    pub fn optimistic(&self) -> &Engine {
        &self.optimistic.engine
    }

    /// The run with unkind fills.
    #[must_use]
    pub fn pessimistic(&self) -> &Engine {
        &self.pessimistic.engine
    }
}

/// One of the two.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Shadow {
    // Boxed, because whoever holds a band holds an engine beside it, and engines are large.
    engine: Box<Engine>,
    /// Orders that persons and programs placed and that are open here: their number in the expected run, and here.
    twins: Vec<(OrderId, OrderId)>,
}

impl Shadow {
    fn new(config: &EngineConfig, preset: FillPreset) -> Self {
        let config = EngineConfig {
            execution: preset.apply(&config.execution),
            alerts: AlertRules::SILENT,
            ..config.clone()
        };
        Self {
            engine: Box::new(Engine::new(config)),
            twins: Vec::new(),
        }
    }

    #[inline]
    fn process(&mut self, expected: &Engine, input: &Input, marks: &mut Vec<f64>) {
        let mut sink = Marks(marks);
        match input {
            Input::Command(time, command) => {
                if let Some(command) = self.translate(expected, command) {
                    let input = Input::Command(*time, command.into_owned());
                    self.engine.process_into(&input, &mut sink);
                }
            }
            _ => self.engine.process_into(input, &mut sink),
        }
    }

    /// The command in the numbers of this run; `None` where it is about an order that has no like here.
    #[cold]
    fn translate<'a>(&mut self, expected: &Engine, command: &'a Command) -> Option<Cow<'a, Command>> {
        match command {
            Command::Cancel(id) => Some(Cow::Owned(Command::Cancel(self.like(expected, *id)?))),
            Command::Amend(amendment) => Some(Cow::Owned(Command::Amend(Amendment {
                order_id: self.like(expected, amendment.order_id)?,
                ..*amendment
            }))),
            Command::Place(list) => {
                // A request that is repeated there is one that is repeated here, whatever became of it; so no name is
                // needed here.
                if expected.familiar(list) != Familiar::New {
                    return None;
                }
                let mut list = list.clone();
                for order in &mut list.orders {
                    order.client_order_id = None;
                }
                // What is attached to an order is an order of its own.
                let made = list.orders.iter().take(OrderList::MOST).map(|order| {
                    let attached = order.attached_requests();
                    1 + attached.map_or(0, |attached| attached.len())
                });
                self.pair(expected, made.sum());
                Some(Cow::Owned(Command::Place(list)))
            }
            Command::PlaceCombo(combo) => {
                self.pair(expected, combo.legs.len());
                Some(Cow::Borrowed(command))
            }
            _ => Some(Cow::Borrowed(command)),
        }
    }

    /// Notes which orders here are those that the expected run is about to make.
    fn pair(&mut self, expected: &Engine, made: usize) {
        self.twins
            .retain(|(_, here)| self.engine.find_order(*here).is_some());
        let next = |engine: &Engine| engine.counters.orders + 1;
        let (there, here) = (next(expected), next(&self.engine));
        let made = made as u64;
        self.twins
            .extend((0..made).map(|index| (OrderId(there + index), OrderId(here + index))));
    }

    /// The order here that is what `id` is in the expected run: of those that somebody placed the same one, of those of the
    /// strategy the one with the same purpose.
    fn like(&self, expected: &Engine, id: OrderId) -> Option<OrderId> {
        let order = expected.open_order(id)?;
        if order.purpose == OrderPurpose::Manual {
            let twin = self.twins.iter().rfind(|(there, _)| *there == id);
            return twin.map(|(_, here)| *here);
        }
        let is_like = |other: &&Order| {
            (other.instrument, other.purpose, other.side) == (order.instrument, order.purpose, order.side)
        };
        self.engine.open_orders().find(is_like).map(|order| order.id)
    }
}

/// Keeps what the account is worth, and nothing else.
struct Marks<'a>(&'a mut Vec<f64>);

impl Sink for Marks<'_> {
    const READS_MARKET: bool = false;
    const READS_JOURNAL: bool = false;

    fn journal(&mut self, _event: Event) {}

    #[inline]
    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}

    #[inline]
    fn mark(&mut self, mark: Mark) {
        self.0.push(mark.equity);
    }

    #[inline]
    fn marks(&mut self, _times: impl Iterator<Item = Timestamp>, _prices: &[f64], equity: &[f64]) {
        self.0.extend_from_slice(equity);
    }
}
