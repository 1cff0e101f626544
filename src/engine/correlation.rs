//! The limit on correlation: what moves like something that is held is not bought besides.

use super::Engine;
use crate::model::InstrumentId;
use crate::order::{DenyReason, OrderPurpose};
use crate::portfolio::{TradeSide, correlation};

impl Engine {
    /// Whether an instrument's returns leave it room beside what is held or about to be. A short position loses when its
    /// price rises: against a long one the correlation counts with the other sign.
    pub(super) fn may_correlate(&self, at: InstrumentId, side: TradeSide) -> Result<(), DenyReason> {
        let Some(rule) = self.config.strategy.risk.max_correlation else {
            return Ok(());
        };
        let traded = self.places().take(1 + self.config.peers.len());
        for other in traded.filter(|other| *other != at) {
            let Some(held) = self.side_of(other) else {
                continue;
            };
            let of = |at| self.returns_of(at, rule.lookback as usize);
            let (Some(a), Some(b)) = (of(at), of(other)) else {
                return Err(DenyReason::Undefined {
                    what: "correlation".to_owned(),
                    value: f64::NAN.to_string(),
                });
            };
            let correlation = correlation(&a, &b) * side.sign() * held.sign();
            if correlation > rule.limit {
                return Err(DenyReason::Correlated {
                    with: self.instrument(other).symbol().clone(),
                    correlation,
                    most: rule.limit,
                });
            }
        }
        Ok(())
    }

    fn returns_of(&self, at: InstrumentId, count: usize) -> Option<Vec<f64>> {
        self.together.as_ref()?.closes.as_ref()?.returns(at, count)
    }

    /// The direction of what is held in an instrument, or about to be.
    fn side_of(&self, at: InstrumentId) -> Option<TradeSide> {
        let orders = &self.market(at).orders;
        let entry = || {
            let order = orders.at(orders.find(|order| order.purpose == OrderPurpose::Entry)?);
            [TradeSide::Long, TradeSide::Short]
                .into_iter()
                .find(|side| side.entry() == order.side)
        };
        let turning = self.desk(at).reversal.as_ref().map(|reversal| reversal.side);
        turning.or_else(|| self.account.holding(at).side()).or_else(entry)
    }
}
