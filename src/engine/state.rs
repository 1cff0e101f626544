//! What the account is worth, and what others may ask the engine.

use super::{Engine, EngineConfig, EventKind, Mark, SessionState, Sink};
use crate::analytics::Metrics;
use crate::ledger::{Ledger, LedgerError};
use crate::market::{Bar, Quote};
use crate::model::{InstrumentId, Money, Price, Quantity, Timestamp};
use crate::order::{Order, OrderPurpose};
use crate::portfolio::{Holding, Position, Trade};

impl Engine {
    /// What the engine was made with.
    #[must_use]
    pub const fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> SessionState {
        self.state
    }

    /// Why it stands there, in words; empty while all is well.
    #[must_use]
    pub fn state_reason(&self) -> &str {
        &self.state_reason
    }

    /// The number of the last event.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.chain.seq()
    }

    /// The head of the event hash chain, hexadecimal.
    #[must_use]
    pub fn event_hash(&self) -> String {
        self.chain.head()
    }

    /// How many inputs were processed.
    #[must_use]
    pub const fn inputs(&self) -> u64 {
        self.inputs
    }

    /// The market's time: of the last data or command.
    #[must_use]
    pub const fn market_time(&self) -> Option<Timestamp> {
        self.market_time
    }

    /// The last price seen, on the nearest tick.
    #[must_use]
    pub fn last_price(&self) -> Option<Price> {
        self.config.instrument.price_from_f64(self.last_price?)
    }

    /// The last quote seen.
    #[must_use]
    pub const fn quote(&self) -> Option<&Quote> {
        self.quote.as_ref()
    }

    /// The books.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        self.account.ledger()
    }

    /// What is held of the instrument that the strategy trades.
    pub(super) fn holding(&self) -> &Holding {
        self.account.holding(InstrumentId::PRIMARY)
    }

    /// All cash, free and held.
    #[must_use]
    pub fn cash(&self) -> Money {
        self.account.cash()
    }

    /// Cash and position at the last price, exact.
    #[must_use]
    pub fn equity(&self) -> Money {
        self.cash() + self.position_value()
    }

    /// The position's signed value at the last price, exact.
    #[must_use]
    pub fn position_value(&self) -> Money {
        let instrument = &self.config.instrument;
        self.last_price().map_or_else(
            || Money::zero(instrument.quote()),
            |price| instrument.notional(price, Quantity(self.holding().quantity())),
        )
    }

    /// Equity over initial capital, less one.
    #[must_use]
    pub fn total_return(&self) -> f64 {
        self.equity().ratio(self.config.initial_capital) - 1.0
    }

    /// Largest fall of equity from a peak so far, as a positive share of the peak.
    #[must_use]
    pub fn max_drawdown(&self) -> f64 {
        self.metrics.max_drawdown()
    }

    /// What is held; `None` when flat.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let mut position = self
            .holding()
            .position(&self.config.instrument, self.last_price()?)?;
        for order in self.orders.as_slice() {
            match order.purpose {
                OrderPurpose::StopLoss | OrderPurpose::TrailingStop => {
                    let nearer = |other: Price| match order.side {
                        crate::model::Side::Sell => order.kind.price().map(|price| price.max(other)),
                        crate::model::Side::Buy => order.kind.price().map(|price| price.min(other)),
                    };
                    position.stop_price = position.stop_price.map_or(order.kind.price(), nearer);
                }
                OrderPurpose::TakeProfit => position.target_price = order.kind.price(),
                OrderPurpose::Entry | OrderPurpose::Exit | OrderPurpose::Flatten => {}
            }
        }
        Some(position)
    }

    /// Orders that are not at their end, oldest first.
    #[must_use]
    pub fn open_orders(&self) -> &[Order] {
        self.orders.as_slice()
    }

    /// The round trip under way.
    #[must_use]
    pub fn open_trade(&self) -> Option<Trade> {
        self.holding().open_trade(&self.config.instrument)
    }

    /// How many round trips have ended.
    #[must_use]
    pub fn closed_trades(&self) -> u64 {
        self.holding().closed_trades()
    }

    /// How good it is so far.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.metrics.metrics()
    }

    /// How many bars of the strategy's timeframe its rules need before they are defined.
    #[must_use]
    pub fn warm_up_bars(&self) -> usize {
        self.config.strategy.warm_up()
    }

    /// Whether the books balance, and agree with orders and holdings.
    ///
    /// # Errors
    /// [`LedgerError`] says what does not.
    pub fn check(&self) -> Result<(), LedgerError> {
        let held = self.orders.as_slice().iter().map(|order| order.hold.amount).sum();
        self.account.check(held)
    }

    /// Equity at a price, from the cached floats.
    #[inline]
    pub(super) fn equity_at(&self, price: f64) -> (f64, f64) {
        let value = self.cached.quantity * price * self.cached.multiplier;
        (self.cached.cash + value, value)
    }

    /// Brings the cached floats in step with the books.
    pub(super) fn refresh_cache(&mut self) {
        self.cached.cash = self.account.cash().to_f64();
        self.cached.quantity = Quantity(self.holding().quantity()).to_f64();
        self.cached.entry_price = self.holding().entry_price().map_or(f64::NAN, Price::to_f64);
    }

    /// Values the account at a bar's close.
    #[inline]
    pub(super) fn mark<S: Sink>(&mut self, bar: &Bar, time: Timestamp, sink: &mut S) {
        let (equity, position_value) = self.equity_at(bar.close);
        let holds_position = self.cached.quantity != 0.0;
        self.metrics.on_mark(time, equity, bar.close, holds_position);
        self.chain.fold(bar.close, equity);
        let cash = self.cached.cash;
        self.emit_market(time, sink, || EventKind::Mark {
            price: bar.close,
            equity,
            cash,
            position_value,
        });
        sink.mark(Mark {
            time,
            price: bar.close,
            equity,
        });
        if let Some(finding) = self.watch.on_mark(equity) {
            self.alert_finding(finding, time, sink);
        }
        if let Some(breach) = self.protection.on_mark(bar.open_time, equity) {
            self.on_breach(breach, time, sink);
        }
    }
}
