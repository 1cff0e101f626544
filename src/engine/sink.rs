//! Where events go.

use super::{Event, EventKind};
use crate::exchange::Fill;
use crate::model::{InstrumentId, Money, OrderId, Timestamp};
use crate::order::Order;
use crate::portfolio::{Position, Trade};
use rust_decimal::Decimal;

/// One point of the equity curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Close time of the base bar.
    pub time: Timestamp,
    /// Its close, in quote currency.
    pub price: f64,
    /// Cash and position together, in quote currency.
    pub equity: f64,
}

/// Takes what the engine emits. A session keeps everything; a backtest only what its report needs.
pub trait Sink {
    /// Whether anybody reads the journal. For one that nobody reads, no event is numbered, written out or hashed; what the
    /// engine decides is the same.
    const READS_JOURNAL: bool = true;

    /// Whether anybody reads market events. Those that nobody reads are numbered and not told.
    const READS_MARKET: bool = true;

    /// Whether it keeps anything of an event of the journal: events are large, and one that nobody wants is not handed over.
    #[inline]
    fn wants(&self, _kind: &EventKind) -> bool {
        true
    }

    /// An event of the journal.
    fn journal(&mut self, event: Event);

    /// [`EventKind::OrderSubmitted`]: like the five after it an event of nearly every order, told by its parts, so that who
    /// does not keep it need not have it put together.
    #[inline]
    fn submitted(&mut self, (seq, time): (u64, Timestamp), order: &Order) {
        let order = order.clone();
        let kind = EventKind::OrderSubmitted { order };
        self.journal(Event { seq, time, kind });
    }

    /// [`EventKind::OrderAccepted`].
    #[inline]
    fn accepted(&mut self, (seq, time): (u64, Timestamp), order_id: OrderId) {
        let kind = EventKind::OrderAccepted { order_id };
        self.journal(Event { seq, time, kind });
    }

    /// [`EventKind::OrderFilled`].
    #[inline]
    fn filled(&mut self, (seq, time): (u64, Timestamp), fill: Fill, order: &Order, cash: Money) {
        let order = order.clone();
        let kind = EventKind::OrderFilled { fill, order, cash };
        self.journal(Event { seq, time, kind });
    }

    /// [`EventKind::TradeOpened`].
    #[inline]
    fn opened(&mut self, (seq, time): (u64, Timestamp), trade: impl FnOnce() -> Option<Trade>) {
        if let Some(trade) = trade() {
            let kind = EventKind::TradeOpened { trade };
            self.journal(Event { seq, time, kind });
        }
    }

    /// [`EventKind::TradeClosed`].
    #[inline]
    fn closed(&mut self, (seq, time): (u64, Timestamp), trade: Trade) {
        let kind = EventKind::TradeClosed { trade };
        self.journal(Event { seq, time, kind });
    }

    /// [`EventKind::PositionChanged`].
    #[inline]
    fn position(
        &mut self,
        (seq, time): (u64, Timestamp),
        instrument: InstrumentId,
        position: impl FnOnce() -> Option<Position>,
    ) {
        let position = position();
        let kind = EventKind::PositionChanged { instrument, position };
        self.journal(Event { seq, time, kind });
    }

    /// A market event, made only if somebody wants it.
    fn market(&mut self, seq: u64, time: Timestamp, kind: impl FnOnce() -> EventKind);

    /// A point of the equity curve.
    fn mark(&mut self, _mark: Mark) {}

    /// Points of the equity curve, one after the other: columns of times, prices and equity, of one length.
    #[inline]
    fn marks(&mut self, times: impl Iterator<Item = Timestamp>, prices: &[f64], equity: &[f64]) {
        for (time, (price, equity)) in times.zip(prices.iter().zip(equity)) {
            self.mark(Mark {
                time,
                price: *price,
                equity: *equity,
            });
        }
    }

    /// What the account holds from now on: cash, the signed quantity of an instrument, and what is taken off its value to
    /// get what it is worth (the cost of what is margined, else 0). Told of every instrument that the rules see.
    fn account(&mut self, _at: InstrumentId, _cash: Decimal, _quantity: Decimal, _base: Decimal) {}
}

impl Sink for Vec<Event> {
    fn journal(&mut self, event: Event) {
        self.push(event);
    }

    fn market(&mut self, seq: u64, time: Timestamp, kind: impl FnOnce() -> EventKind) {
        self.push(Event {
            seq,
            time,
            kind: kind(),
        });
    }
}
