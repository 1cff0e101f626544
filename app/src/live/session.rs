//! One session as its page shows it.

use super::reducer::{Applied, Parts, apply, late_refusal};
use leptos::prelude::*;
use papertape::alert::Alert;
use papertape::analytics::Metrics;
use papertape::api::{EquityPoint, LiveEvent, SessionDetail, SessionSummary};
use papertape::engine::EventKind;
use papertape::exchange::Fill;
use papertape::market::{Bar, Quote};
use papertape::model::InstrumentId;
use papertape::order::Order;
use papertape::portfolio::Trade;

/// The signals that a session's page reads, one a part, so that a quote does not redraw the list of fills.
#[derive(Clone, Copy, Debug)]
pub struct SessionView {
    /// Figures and state.
    pub summary: RwSignal<SessionSummary>,
    /// Candles, oldest first.
    pub bars: RwSignal<Vec<Bar>>,
    /// The candle in the making, from the quotes since the last one closed.
    pub forming: RwSignal<Option<Bar>>,
    /// How many of the candles are from before the start.
    pub history_bars: RwSignal<usize>,
    /// The equity curve.
    pub equity: RwSignal<Vec<EquityPoint>>,
    /// The last quote.
    pub quote: RwSignal<Option<Quote>>,
    /// Orders, newest first.
    pub orders: RwSignal<Vec<Order>>,
    /// Fills, newest first.
    pub fills: RwSignal<Vec<Fill>>,
    /// Trades, newest first.
    pub trades: RwSignal<Vec<Trade>>,
    /// Alerts, newest first.
    pub alerts: RwSignal<Vec<Alert>>,
    /// How good it is.
    pub metrics: RwSignal<Metrics>,
    /// Head of the event hash chain.
    pub event_hash: RwSignal<String>,
    /// The strategy's source.
    pub source: StoredValue<String>,
}

impl SessionView {
    /// Signals that hold `detail`.
    #[must_use]
    pub fn new(detail: &SessionDetail) -> Self {
        Self {
            summary: RwSignal::new(detail.summary.clone()),
            bars: RwSignal::new(detail.bars.clone()),
            forming: RwSignal::new(None),
            history_bars: RwSignal::new(detail.history_bars),
            equity: RwSignal::new(detail.equity.clone()),
            quote: RwSignal::new(detail.quote),
            orders: RwSignal::new(detail.orders.clone()),
            fills: RwSignal::new(detail.fills.clone()),
            trades: RwSignal::new(detail.trades.clone()),
            alerts: RwSignal::new(detail.alerts.clone()),
            metrics: RwSignal::new(detail.metrics.clone()),
            event_hash: RwSignal::new(detail.event_hash.clone()),
            source: StoredValue::new(detail.source.clone()),
        }
    }

    /// Shows the parts of `detail` that changed. A page may be gone by the time its frame comes, so nothing insists.
    fn show(self, detail: &SessionDetail, forming: Option<Bar>, parts: Parts) {
        if self.forming.try_get_untracked() != Some(forming) {
            self.forming.try_set(forming);
        }
        if parts.touches(Parts::SUMMARY) {
            self.summary.try_set(detail.summary.clone());
            if self.quote.try_get_untracked() != Some(detail.quote) {
                self.quote.try_set(detail.quote);
            }
        }
        if parts.touches(Parts::BARS) {
            self.history_bars.try_set(detail.history_bars);
            self.bars.try_set(detail.bars.clone());
        }
        if parts.touches(Parts::EQUITY) {
            self.equity.try_set(detail.equity.clone());
        }
        if parts.touches(Parts::ORDERS) {
            self.orders.try_set(detail.orders.clone());
        }
        if parts.touches(Parts::FILLS) {
            self.fills.try_set(detail.fills.clone());
        }
        if parts.touches(Parts::TRADES) {
            self.trades.try_set(detail.trades.clone());
        }
        if parts.touches(Parts::ALERTS) {
            self.alerts.try_set(detail.alerts.clone());
        }
        if parts.touches(Parts::REST) {
            self.metrics.try_set(detail.metrics.clone());
            self.event_hash.try_set(detail.event_hash.clone());
        }
    }
}

/// A session that a page follows: its state event by event, and what the view has not been shown yet.
#[derive(Debug)]
pub(super) struct Followed {
    view: SessionView,
    detail: SessionDetail,
    forming: Option<Bar>,
    unseen: Parts,
    /// Events were lost: deltas are ignored until the snapshot that follows.
    waits: bool,
}

impl Followed {
    pub(super) const fn new(view: SessionView, detail: SessionDetail) -> Self {
        Self {
            view,
            detail,
            forming: None,
            unseen: Parts::ALL,
            waits: false,
        }
    }

    /// From where to resume; `None` when only a snapshot helps.
    pub(super) fn seq(&self) -> Option<u64> {
        (!self.waits).then_some(self.detail.summary.seq)
    }

    pub(super) const fn standing(&self) -> (u64, u32) {
        (self.detail.summary.seq, self.detail.summary.recoveries)
    }

    pub(super) const fn lost(&mut self) {
        self.waits = true;
    }

    pub(super) fn event(&mut self, event: &LiveEvent) -> Applied {
        if self.waits {
            return Applied::Known;
        }
        let applied = apply(&mut self.detail, event);
        self.form(&event.kind);
        match applied {
            Applied::Changed(parts) => self.unseen = self.unseen.with(parts),
            Applied::Gap => self.waits = true,
            Applied::Known => {}
        }
        applied
    }

    /// What a person should be told at once of an event that was applied.
    pub(super) fn late_refusal(&self, event: &LiveEvent) -> Option<String> {
        late_refusal(&self.detail, event)
    }

    /// Builds the candle in the making from quotes; a closed one takes its place.
    fn form(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Quote {
                instrument, quote, ..
            } if *instrument == InstrumentId::PRIMARY => {
                let price = quote.mid();
                let open_time = self.detail.summary.timeframe.floor(quote.time);
                match &mut self.forming {
                    Some(bar) if bar.open_time == open_time => {
                        bar.high = bar.high.max(price);
                        bar.low = bar.low.min(price);
                        bar.close = price;
                    }
                    _ => {
                        // The page may have come in the middle of it: what went before it is where it began.
                        let timeframe = self.detail.summary.timeframe;
                        let last = self.detail.bars.last();
                        let before = last.filter(|bar| timeframe.close_of(bar.open_time) == open_time);
                        let open = before.map_or(price, |bar| bar.close);
                        self.forming = Some(Bar {
                            open_time,
                            open,
                            high: open.max(price),
                            low: open.min(price),
                            close: price,
                            volume: 0.0,
                        });
                    }
                }
            }
            EventKind::Bar { instrument, bar, .. }
                if *instrument == InstrumentId::PRIMARY
                    && self
                        .forming
                        .is_some_and(|forming| forming.open_time <= bar.open_time) =>
            {
                self.forming = None;
            }
            _ => {}
        }
    }

    pub(super) fn snapshot(&mut self, seq: u64, detail: SessionDetail) {
        self.forming = None;
        self.detail = detail;
        self.detail.summary.seq = seq;
        self.unseen = Parts::ALL;
        self.waits = false;
    }

    /// An action's answer: the state and speed that it brought, on screen at once; figures stay those of the events.
    pub(super) fn put_summary(&mut self, summary: &SessionSummary) {
        let own = &mut self.detail.summary;
        own.state = summary.state;
        own.state_reason.clone_from(&summary.state_reason);
        own.speed = summary.speed;
        own.recoveries = summary.recoveries;
        self.unseen = self.unseen.with(Parts::SUMMARY);
    }

    pub(super) fn refresh(&mut self, detail: SessionDetail) {
        self.detail.metrics = detail.metrics;
        self.detail.event_hash = detail.event_hash;
        self.detail.summary.recoveries = detail.summary.recoveries;
        self.unseen = self.unseen.with(Parts::REST);
    }

    pub(super) fn show(&mut self) {
        let parts = std::mem::take(&mut self.unseen);
        if !parts.is_empty() {
            self.view.show(&self.detail, self.forming, parts);
        }
    }
}
