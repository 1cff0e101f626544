//! A session's metrics without the spans whose data is not to be trusted.

use super::{ServiceError, Services};
use crate::storage::ListQuery;
use papertape::analytics::{Metrics, MetricsAccumulator};
use papertape::api::{EquityPoint, TimeSpan};
use papertape::exchange::Fill;
use papertape::model::{Instrument, SessionId, Timestamp};
use papertape::portfolio::Trade;
use rust_decimal::prelude::ToPrimitive;

/// Records read at once.
const PAGE: u32 = 10_000;

impl Services {
    /// How good a session is so far, counting only what happened outside the spans that its data-quality record taints:
    /// equity stands still in them, and fills in them and trades that touch one are left out. Metrics against buy and hold are
    /// not told.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session.
    pub async fn untainted_metrics(&self, id: &SessionId) -> Result<Metrics, ServiceError> {
        let tainted = self.data_quality(id).await?.tainted;
        let Some(record) = self.storage.session(id).await? else {
            return self.metrics(id).await;
        };
        let spec = record.spec;
        let days = spec
            .engine_config()
            .map_err(ServiceError::Strategy)?
            .periods_per_year();
        let capital = spec.initial_capital.amount.to_f64().unwrap_or_default();
        let mut kept = Untainted::new(capital, days, tainted);
        let mut query = ListQuery {
            limit: PAGE,
            ..ListQuery::default()
        };
        loop {
            let page = self.storage.equity(id, &query).await?;
            page.items.iter().for_each(|point| kept.equity(point));
            match next(&page.next_cursor) {
                Some(after) => query.after = Some(after),
                None => break,
            }
        }
        query.after = None;
        loop {
            let page = self.storage.fills(id, &query).await?;
            for fill in &page.items {
                let place = fill.instrument.index();
                let instrument = std::iter::once(&spec.instrument).chain(&spec.peers).nth(place);
                kept.fill(fill, instrument.unwrap_or(&spec.instrument));
            }
            match next(&page.next_cursor) {
                Some(after) => query.after = Some(after),
                None => break,
            }
        }
        query.after = None;
        loop {
            let page = self.storage.trades(id, &query).await?;
            page.items.iter().for_each(|trade| kept.trade(trade));
            match next(&page.next_cursor) {
                Some(after) => query.after = Some(after),
                None => break,
            }
        }
        Ok(kept.metrics())
    }
}

fn next(cursor: &Option<String>) -> Option<i64> {
    cursor.as_ref().and_then(|cursor| cursor.parse().ok())
}

/// Adds up what is outside of the tainted spans.
struct Untainted {
    accumulator: MetricsAccumulator,
    tainted: Vec<TimeSpan>,
    /// The last point: its time, and the session's equity then.
    last: Option<(Timestamp, f64)>,
    capital: f64,
    /// Equity had there been no tainted spans.
    equity: f64,
}

impl Untainted {
    fn new(capital: f64, periods_per_year: f64, tainted: Vec<TimeSpan>) -> Self {
        Self {
            accumulator: MetricsAccumulator::new(capital, periods_per_year),
            tainted,
            last: None,
            capital,
            equity: capital,
        }
    }

    /// Whether a span of time has any of it within a tainted one.
    fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        let within = |span: &TimeSpan| span.from <= to && span.to.is_none_or(|end| end >= from);
        self.tainted.iter().any(within)
    }

    fn equity(&mut self, point: &EquityPoint) {
        let now = point.equity.to_f64().unwrap_or_default();
        let (since, before) = self.last.unwrap_or((point.time, self.capital));
        self.last = Some((point.time, now));
        if !self.touches(since, point.time) {
            self.equity += now - before;
        }
        let in_position = !point.position_value.is_zero();
        self.accumulator
            .on_mark(point.time, self.equity, 1.0, in_position);
    }

    fn fill(&mut self, fill: &Fill, instrument: &Instrument) {
        if !self.touches(fill.time, fill.time) {
            let notional = instrument.notional(fill.price, fill.quantity).amount;
            let (notional, fee) = (notional.to_f64(), fill.fee.amount.to_f64());
            self.accumulator
                .on_fill(notional.unwrap_or_default(), fee.unwrap_or_default());
        }
    }

    fn trade(&mut self, trade: &Trade) {
        let Some(exit) = trade.exit_time else { return };
        if !self.touches(trade.entry_time, exit) {
            self.accumulator
                .on_trade(trade.pnl.amount.to_f64().unwrap_or_default(), trade.return_ratio);
        }
    }

    fn metrics(&self) -> Metrics {
        Metrics {
            buy_and_hold_return: None,
            alpha: None,
            beta: None,
            ..self.accumulator.metrics()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    fn point(minute: i64, equity: i64) -> EquityPoint {
        EquityPoint {
            time: Timestamp::from_secs(60 * minute),
            equity: Decimal::from(equity),
            cash: Decimal::from(equity),
            position_value: Decimal::ZERO,
            drawdown: 0.0,
            optimistic: None,
            pessimistic: None,
        }
    }

    fn total_return(tainted: &[(i64, Option<i64>)]) -> f64 {
        let span = |(from, to): &(i64, Option<i64>)| TimeSpan {
            from: Timestamp::from_secs(*from),
            to: to.map(Timestamp::from_secs),
        };
        let mut kept = Untainted::new(100.0, 365.0, tainted.iter().map(span).collect());
        for (minute, equity) in [(1, 110), (2, 90), (3, 95), (4, 120)] {
            kept.equity(&point(minute, equity));
        }
        kept.metrics().total_return
    }

    #[test]
    fn equity_stands_still_where_data_was_in_doubt() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
        close(total_return(&[]), 0.20);
        // Without the fall of 20 in the second minute, and its recovery stays what it was.
        close(total_return(&[(61, Some(119))]), 0.40);
        // On the border of two minutes, both are in doubt.
        close(total_return(&[(120, Some(120))]), 0.35);
        close(total_return(&[(100, None)]), 0.10);
        close(total_return(&[(241, Some(300))]), 0.20);
    }
}
