//! What the account is worth, and what others may ask the engine.

use super::desk::{Desk, Held};
use super::{Engine, EngineConfig, EventKind, Mark, SessionState, Setbacks, Sink, TakenVolume};
use crate::analytics::Metrics;
use crate::exchange::{Market, rests};
use crate::ledger::{Ledger, LedgerError};
use crate::market::{Bar, Quote};
use crate::model::{
    Instrument, InstrumentId, InstrumentKind, Money, OrderId, Price, Quantity, Side, Symbol, Timestamp,
};
use crate::order::{Order, OrderKind, OrderPurpose};
use crate::portfolio::{Position, Trade};
use crate::strategy::ScriptFailure;

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

    /// Why the strategy's script was stopped, if it was: its rules have said nothing since.
    #[must_use]
    pub fn script_failure(&self) -> Option<&ScriptFailure> {
        self.desks.iter().find_map(|desk| desk.program.failure())
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

    /// One instrument's market, as the session sees it.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[inline]
    #[must_use]
    pub fn market(&self, at: InstrumentId) -> &Market {
        &self.markets[at.index()]
    }

    #[inline]
    pub(super) fn market_mut(&mut self, at: InstrumentId) -> &mut Market {
        &mut self.markets[at.index()]
    }

    #[inline]
    pub(super) fn desk(&self, at: InstrumentId) -> &Desk {
        &self.desks[at.index()]
    }

    #[inline]
    pub(super) fn desk_mut(&mut self, at: InstrumentId) -> &mut Desk {
        &mut self.desks[at.index()]
    }

    /// Whether the strategy's rules run on an instrument.
    pub(super) const fn is_traded(&self, at: InstrumentId) -> bool {
        at.index() <= self.config.peers.len()
    }

    /// The places of the instruments that have a desk: those that the strategy trades come first.
    #[inline]
    pub(super) fn desk_places(&self) -> impl Iterator<Item = InstrumentId> + use<> {
        (0..u16::try_from(self.desks.len()).unwrap_or(u16::MAX)).map(InstrumentId)
    }

    pub(super) fn instrument(&self, at: InstrumentId) -> &Instrument {
        self.market(at).instrument()
    }

    /// The place of the instrument with this symbol.
    #[must_use]
    pub fn instrument_id(&self, symbol: &Symbol) -> Option<InstrumentId> {
        self.places().find(|at| self.instrument(*at).symbol() == symbol)
    }

    /// The places of all instruments.
    pub(super) fn places(&self) -> impl Iterator<Item = InstrumentId> + use<> {
        (0..u16::try_from(self.markets.len()).unwrap_or(u16::MAX)).map(InstrumentId)
    }

    /// The market and the place in it of an open order.
    pub(super) fn find_order(&self, id: OrderId) -> Option<(InstrumentId, usize)> {
        self.places()
            .find_map(|at| Some((at, self.market(at).orders.position(id)?)))
    }

    /// An order that is not at its end.
    #[must_use]
    pub fn open_order(&self, id: OrderId) -> Option<&Order> {
        let (at, index) = self.find_order(id)?;
        Some(self.market(at).orders.at(index))
    }

    /// The last price seen of what the strategy trades, on the nearest tick.
    #[must_use]
    pub fn last_price(&self) -> Option<Price> {
        self.market(InstrumentId::PRIMARY).last_price()
    }

    /// The last quote seen of what the strategy trades.
    #[must_use]
    pub fn quote(&self) -> Option<&Quote> {
        self.market(InstrumentId::PRIMARY).quote.as_ref()
    }

    /// The books.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        self.account.ledger()
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

    /// What all positions are worth at the last prices, exact: their signed value, or, of what is margined, their gain.
    #[must_use]
    pub fn position_value(&self) -> Money {
        let zero = Money::zero(self.config.instrument.quote());
        self.places().fold(zero, |sum, at| {
            let holding = self.account.holding(at);
            let instrument = self.instrument(at);
            match self.market(at).last_price() {
                Some(price) if !holding.is_flat() => {
                    let value = sum + instrument.notional(price, Quantity(holding.quantity()));
                    if instrument.kind().is_margined() {
                        value - Money::new(holding.cost(), value.currency)
                    } else {
                        value
                    }
                }
                _ => sum,
            }
        })
    }

    /// Tells the account the last prices, where they decide what it may still do.
    pub(super) fn mark_account(&mut self) {
        for at in self.places() {
            // A venue's mark price comes before what was traded.
            let market = self.market(at);
            match market.mark_price {
                Some(mark) => self.account.mark(at, mark.price),
                None => {
                    if let Some(price) = market.last_price() {
                        self.account.mark(at, price);
                    }
                }
            }
            // What covers a sold option depends on its underlying.
            if let InstrumentKind::Option(terms) = self.instrument(at).kind()
                && let Some(underlying) = self.instrument_id(&terms.underlying)
                && let Some(price) = self.market(underlying).last_price()
            {
                self.account.mark_underlying(at, price);
            }
        }
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

    /// What is held of the instrument that the strategy trades; `None` when flat.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position_in(InstrumentId::PRIMARY)
    }

    /// Everything that is held.
    #[must_use]
    pub fn positions(&self) -> Vec<Position> {
        self.places().filter_map(|at| self.position_in(at)).collect()
    }

    /// What is held of an instrument; `None` when flat.
    pub(super) fn position_in(&self, at: InstrumentId) -> Option<Position> {
        let market = self.market(at);
        let holding = self.account.holding(at);
        let mut position = holding.position(market.instrument(), market.last_price()?)?;
        position.greeks = self.greeks_of(at);
        for order in market.orders.iter() {
            match protects(order) {
                Some(Protects::Stop) => {
                    let nearer = |other: Price| match order.side {
                        Side::Sell => order.kind.price().map(|price| price.max(other)),
                        Side::Buy => order.kind.price().map(|price| price.min(other)),
                    };
                    position.stop_price = position.stop_price.map_or(order.kind.price(), nearer);
                }
                Some(Protects::Target) => position.target_price = order.kind.price(),
                None => {}
            }
        }
        Some(position)
    }

    /// How much is held of an instrument, without sign; `None` when flat.
    pub(super) fn quantity_in(&self, at: InstrumentId) -> Option<Quantity> {
        let holding = self.account.holding(at);
        let is_priced = holding.entry_price().is_some() && self.market(at).last_price().is_some();
        is_priced.then(|| Quantity(holding.quantity().abs()))
    }

    /// Orders that are not at their end, by instrument, oldest first in each.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.markets.iter().flat_map(|market| market.orders.iter())
    }

    /// The round trips under way, one for each instrument that is held, oldest first.
    #[must_use]
    pub fn open_trades(&self) -> Vec<Trade> {
        let open = |at| self.account.holding(at).open_trade(self.instrument(at));
        let mut trades: Vec<Trade> = self.places().filter_map(open).collect();
        trades.sort_by_key(|trade| trade.id);
        trades
    }

    /// How many round trips have ended.
    #[must_use]
    pub fn closed_trades(&self) -> u64 {
        self.places()
            .map(|at| self.account.holding(at).closed_trades())
            .sum()
    }

    /// How much of the bars that they met our orders got: a market order fills whole unless a share of the volume limits it
    /// ([`crate::exchange::FillRules::volume_share`]).
    #[must_use]
    pub const fn taken_volume(&self) -> TakenVolume {
        self.counters.taken
    }

    /// What kept the strategy from doing what it wanted, so far.
    #[must_use]
    pub fn setbacks(&self) -> Setbacks {
        let mut setbacks = self.setbacks.clone();
        if let Some(halt) = &mut setbacks.halt {
            halt.bars_after = self.metrics.bars() - halt.bars_before;
        }
        setbacks
    }

    /// The perpetuals that were held while nothing said what their funding is: neither the market nor the account.
    #[must_use]
    pub fn without_funding(&self) -> Vec<&Symbol> {
        let now = self.market_time.unwrap_or(Timestamp::EPOCH);
        let lacking = self.places().filter(|at| self.account.lacks_funding(*at, now));
        lacking.map(|at| self.instrument(at).symbol()).collect()
    }

    /// How good it is so far.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.metrics.metrics()
    }

    /// Return of each UTC day so far, the day under way included.
    #[must_use]
    pub fn daily_returns(&self) -> Vec<f64> {
        self.metrics.daily_returns()
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
        let held = self.open_orders().map(|order| order.hold.amount).sum();
        self.account.check(held)
    }

    /// Equity at a price, from the cached floats.
    #[inline]
    pub(super) fn equity_at(&self, price: f64) -> (f64, f64) {
        let value = self.desks[0].held.value.at(price) + self.cached.others;
        (self.cached.cash + value, value)
    }

    /// Cash and all positions at the last prices, and the positions alone, from the cached floats.
    pub(super) fn equity_now(&self) -> (f64, f64) {
        let price = self.market(InstrumentId::PRIMARY).last_price;
        let held = price.map_or(0.0, |price| self.desks[0].held.value.at(price));
        let value = held + self.cached.others;
        (self.cached.cash + value, value)
    }

    /// A tick brought a new price: looks whether what is held is still covered at it.
    #[inline]
    pub(super) fn watch_price<S: Sink>(
        &mut self,
        at: InstrumentId,
        price: f64,
        time: Timestamp,
        sink: &mut S,
    ) {
        if at == InstrumentId::PRIMARY {
            self.watch_cover(at, price, time, sink);
        } else {
            self.price_moved(at, time, sink);
        }
    }

    /// The price of an instrument other than the first moved: the account is valued anew where that makes a difference.
    pub(super) fn price_moved<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        if self.account.holding(at).is_flat() && !self.account.needs_cover() {
            return;
        }
        self.revalue();
        self.call_margin(time, sink);
    }

    /// Values what is held of all instruments but the first at their last prices.
    pub(super) fn revalue(&mut self) {
        let others = self.places().skip(1).map(|at| {
            if self.account.holding(at).is_flat() {
                return 0.0;
            }
            let value = match self.desks.get(at.index()) {
                Some(desk) => desk.held.value,
                None => self.account.value_model(at),
            };
            self.market(at).last_price.map_or(0.0, |price| value.at(price))
        });
        self.cached.others = others.sum();
        self.refresh_cover();
    }

    /// Brings the cached floats in step with the books; gives the cash.
    pub(super) fn refresh_cache(&mut self) -> Money {
        let cash = self.account.cash();
        self.cached.cash = cash.to_f64();
        for at in self.desk_places() {
            let holding = self.account.holding(at);
            self.desk_mut(at).held = Held {
                quantity: Quantity(holding.quantity()).to_f64(),
                entry_price: holding.entry_price().map_or(f64::NAN, Price::to_f64),
                value: self.account.value_model(at),
            };
        }
        self.revalue();
        cash
    }

    /// Tells what the account, which has so much cash, holds from now on.
    pub(super) fn tell_account<S: Sink>(&self, cash: Money, sink: &mut S) {
        for at in self.desk_places() {
            let quantity = self.account.holding(at).quantity();
            sink.account(at, cash.amount, quantity, self.account.value_base(at));
        }
    }

    /// Values the account at a bar's close.
    #[inline]
    pub(super) fn mark<S: Sink>(&mut self, bar: &Bar, time: Timestamp, sink: &mut S) {
        let (equity, position_value) = self.equity_at(bar.close);
        let valuation = Valuation {
            price: bar.close,
            benchmark: bar.close,
            equity,
            position_value,
            open_time: bar.open_time,
        };
        self.mark_at(valuation, time, sink);
    }

    /// Takes note of what the account is worth, tells it, and looks whether a limit of the account is broken.
    #[inline]
    pub(super) fn mark_at<S: Sink>(&mut self, valuation: Valuation, time: Timestamp, sink: &mut S) {
        let Valuation {
            price,
            benchmark,
            equity,
            position_value,
            open_time,
        } = valuation;
        let holds_position = self.desks.iter().any(|desk| desk.held.quantity != 0.0);
        self.metrics.on_mark(time, equity, benchmark, holds_position);
        if S::READS_JOURNAL {
            self.chain.fold(benchmark, equity);
        }
        let cash = self.cached.cash;
        self.emit_market(time, sink, || EventKind::Mark {
            price,
            equity,
            cash,
            position_value,
            optimistic: None,
            pessimistic: None,
        });
        sink.mark(Mark { time, price, equity });
        if let Some(finding) = self.watch.on_mark(equity) {
            self.alert_finding(finding, time, sink);
        }
        if let Some(breach) = self.protection.on_mark(open_time, equity) {
            self.on_breach(breach, time, sink);
        }
    }
}

/// What the account is worth at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Valuation {
    /// The price of what the strategy trades, the first of them.
    pub(super) price: f64,
    /// What buying and holding is measured by: the same price, or, of several instruments, their mean growth.
    pub(super) benchmark: f64,
    pub(super) equity: f64,
    pub(super) position_value: f64,
    /// When the bar opened at whose close this is.
    pub(super) open_time: Timestamp,
}

/// How an order protects a position.
enum Protects {
    Stop,
    Target,
}

/// How the order protects the position, whether the strategy placed it or a person attached it.
fn protects(order: &Order) -> Option<Protects> {
    match (order.purpose, order.kind) {
        (OrderPurpose::StopLoss | OrderPurpose::TrailingStop, _) => Some(Protects::Stop),
        (OrderPurpose::TakeProfit, _) => Some(Protects::Target),
        (OrderPurpose::Manual, _) if !order.only_reduces() || !rests(order) => None,
        (OrderPurpose::Manual, OrderKind::Stop { .. } | OrderKind::TrailingStop { .. }) => {
            Some(Protects::Stop)
        }
        (OrderPurpose::Manual, OrderKind::Limit { .. } | OrderKind::TakeProfit { .. }) => {
            Some(Protects::Target)
        }
        _ => None,
    }
}
