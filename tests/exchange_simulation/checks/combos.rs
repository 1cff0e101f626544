//! Multi-leg orders: their legs fill together.

use super::{Verdict, ensure};
use papertape::engine::EventKind;
use papertape::model::{InstrumentId, Quantity};
use papertape::option::Combo;
use papertape::order::GroupId;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
struct Placed {
    combo: Combo,
    quantity: Quantity,
    /// By instrument.
    filled: BTreeMap<InstrumentId, Decimal>,
}

/// The multi-leg orders of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct ComboCheck(BTreeMap<GroupId, Placed>);

impl ComboCheck {
    pub(super) fn follow(&mut self, kind: &EventKind) {
        match kind {
            EventKind::ComboPlaced {
                combo_id,
                combo,
                quantity,
                ..
            } => {
                let placed = Placed {
                    combo: combo.clone(),
                    quantity: *quantity,
                    filled: BTreeMap::new(),
                };
                self.0.insert(*combo_id, placed);
            }
            EventKind::OrderFilled { fill, order, .. } => {
                if let Some(placed) = order.combo.and_then(|combo| self.0.get_mut(&combo)) {
                    *placed.filled.entry(order.instrument).or_default() += fill.quantity.0;
                }
            }
            _ => {}
        }
    }

    /// After an input every leg has filled as often as the others, and no more often than was ordered.
    pub(super) fn judge(&self) -> Verdict {
        for placed in self.0.values() {
            let times = |leg: &papertape::option::ComboLeg| {
                let filled = placed.filled.get(&leg.instrument).copied().unwrap_or_default();
                filled / Decimal::from(leg.ratio)
            };
            let first = placed.combo.legs().first().map(times).unwrap_or_default();
            let is_whole = placed.combo.legs().iter().all(|leg| times(leg) == first);
            ensure(
                is_whole && first <= placed.quantity.0,
                "the legs of a combination fill together",
                || format!("{placed:?}"),
            )?;
        }
        Ok(())
    }
}
