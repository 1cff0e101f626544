//! What a backtest keeps of what the engine emits.

use super::Fills;
use crate::engine::{Event, EventKind, Mark, Sink};
use crate::exchange::Fill;
use crate::model::{InstrumentId, Money, OrderId, Timestamp};
use crate::order::Order;
use crate::portfolio::{CashFlow, Position, Trade};
use rust_decimal::Decimal;

/// For how many fills there is room from the beginning: more than strategies usually have, and no more than a few megabytes.
const BARS_A_FILL: usize = 32;
const MOST_FORESEEN: usize = 1 << 16;

/// Keeps trades, fills, and the equity curve: one `f64` a bar, and the exact account from each fill on.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) trades: Vec<Trade>,
    pub(super) fills: Fills,
    pub(super) cash_flows: Vec<CashFlow>,
    pub(super) equity: Vec<f64>,
    pub(super) holdings: Vec<Holdings>,
}

/// What the account held from a mark on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holdings {
    pub(super) from_mark: usize,
    /// Whose quantity and base these are.
    pub(super) at: InstrumentId,
    pub(super) cash: Decimal,
    pub(super) quantity: Decimal,
    /// What is taken off the position's value to get its worth.
    pub(super) base: Decimal,
}

impl Recorder {
    pub(super) fn new(bars: usize, capital: Decimal) -> Self {
        // Room that nobody writes to costs nothing; what outgrows its room is copied.
        let fills = (bars / BARS_A_FILL).min(MOST_FORESEEN);
        let mut holdings = Vec::with_capacity(fills + 1);
        holdings.push(Holdings {
            from_mark: 0,
            at: InstrumentId::PRIMARY,
            cash: capital,
            quantity: Decimal::ZERO,
            base: Decimal::ZERO,
        });
        Self {
            trades: Vec::with_capacity(fills / 2),
            fills: Fills::with_capacity(fills),
            cash_flows: Vec::new(),
            equity: Vec::with_capacity(bars),
            holdings,
        }
    }

    /// Gives back the room that was not needed.
    pub(super) fn shrink(&mut self) {
        self.trades.shrink_to_fit();
        self.fills.shrink_to_fit();
        self.holdings.shrink_to_fit();
    }
}

impl Sink for Recorder {
    const READS_MARKET: bool = false;

    #[inline]
    fn wants(&self, kind: &EventKind) -> bool {
        matches!(kind, EventKind::CashFlow { .. })
    }

    fn journal(&mut self, event: Event) {
        if let EventKind::CashFlow { flow, .. } = event.kind {
            self.cash_flows.push(flow);
        }
    }

    fn submitted(&mut self, _at: (u64, Timestamp), _order: &Order) {}

    fn accepted(&mut self, _at: (u64, Timestamp), _order: OrderId) {}

    fn filled(&mut self, _at: (u64, Timestamp), fill: Fill, _order: &Order, _cash: Money) {
        self.fills.push(&fill);
    }

    fn opened(&mut self, _at: (u64, Timestamp), _trade: impl FnOnce() -> Option<Trade>) {}

    fn closed(&mut self, _at: (u64, Timestamp), trade: Trade) {
        self.trades.push(trade);
    }

    fn position(
        &mut self,
        _at: (u64, Timestamp),
        _instrument: InstrumentId,
        _position: impl FnOnce() -> Option<Position>,
    ) {
    }

    #[inline]
    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}

    #[inline]
    fn mark(&mut self, mark: Mark) {
        self.equity.push(mark.equity);
    }

    #[inline]
    fn marks(&mut self, _times: impl Iterator<Item = Timestamp>, _prices: &[f64], equity: &[f64]) {
        self.equity.extend_from_slice(equity);
    }

    fn account(&mut self, at: InstrumentId, cash: Decimal, quantity: Decimal, base: Decimal) {
        let holdings = Holdings {
            from_mark: self.equity.len(),
            at,
            cash,
            quantity,
            base,
        };
        let mut present = self.holdings.iter_mut().rev();
        let present = present
            .by_ref()
            .take_while(|told| told.from_mark == holdings.from_mark);
        match present.into_iter().find(|told| told.at == at) {
            Some(told) => *told = holdings,
            None => self.holdings.push(holdings),
        }
    }
}
