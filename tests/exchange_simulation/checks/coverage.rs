//! What a run has reached: a simulation in which nothing happens finds nothing.

use papertape::engine::EventKind;
use papertape::exchange::Fill;
use papertape::market::CorporateAction;
use papertape::order::{Order, OrderPurpose};
use std::collections::BTreeMap;

/// How often things happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    fn count(&mut self, what: String) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(super) fn note(&mut self, kind: &EventKind) {
        match kind {
            EventKind::OrderDenied { reason, .. } => self.count(format!("denied {}", reason.code())),
            EventKind::OrderRejected { reason, .. } => self.count(format!("rejected {}", reason.code())),
            EventKind::OrderRequestRefused { reason, .. } => {
                self.count(format!("request refused {}", reason.code()))
            }
            EventKind::OrderCanceled { reason, .. } => self.count(format!("canceled {}", reason.code())),
            EventKind::OrderExpired { .. } => self.count("expired".to_owned()),
            EventKind::OrderTriggered { .. } => self.count("triggered".to_owned()),
            EventKind::OrderAmended { .. } => self.count("amended".to_owned()),
            EventKind::OrderAttached { .. } => self.count("attached".to_owned()),
            EventKind::MarketStatusChanged { status, .. } => self.count(format!("market {status:?}")),
            EventKind::InstrumentListed { .. } => self.count("listed".to_owned()),
            EventKind::ComboPlaced { .. } => self.count("combo".to_owned()),
            EventKind::CashFlow { flow, .. } => self.count(format!("flow {:?}", flow.kind)),
            EventKind::CorporateAction { action, .. } => self.count(match action {
                CorporateAction::Split { .. } => "split".to_owned(),
                CorporateAction::Dividend { .. } => "dividend".to_owned(),
                CorporateAction::Delisting { .. } => "delisting".to_owned(),
                CorporateAction::SymbolChange { .. } => "new symbol".to_owned(),
            }),
            EventKind::OptionExercised { expiry, .. } => self.count(format!("{:?}", expiry.outcome)),
            EventKind::ExerciseRefused { reason, .. } => {
                self.count(format!("exercise refused {}", reason.code()));
            }
            EventKind::DataTierChanged { change, .. } => {
                self.count(format!("data {} → {}", change.from, change.to));
            }
            _ => {}
        }
    }

    /// A fill in an account of so many instruments.
    pub(super) fn note_account(&mut self, instruments: usize) {
        self.count(format!("filled in an account of {instruments}"));
    }

    pub(super) fn note_fill(&mut self, fill: &Fill, order: &Order) {
        self.count(format!("filled {}", order.kind.name()));
        self.count(format!("filled {}", order.time_in_force.name()));
        self.count(format!(
            "filled as {:?} on {}",
            fill.liquidity, fill.explanation.tier
        ));
        for (what, is_so) in [
            ("reduce-only", order.instructions.reduce_only),
            ("close-position", order.instructions.close_position),
            ("post-only", order.instructions.post_only.is_some()),
            ("extended-hours", order.instructions.extended_hours),
            ("iceberg", order.display.is_some()),
            ("attached", order.parent.is_some()),
            ("grouped", order.group.is_some()),
            ("latency", order.arrives_at > order.submitted_at),
            ("combo", order.combo.is_some()),
            ("liquidation", order.purpose == OrderPurpose::Liquidation),
        ] {
            if is_so {
                self.count(format!("filled {what}"));
            }
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    pub(crate) fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// Everything that happened, most often first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|(what, count)| (std::cmp::Reverse(**count), (*what).clone()));
        all.into_iter()
            .map(|(what, count)| format!("{count:>10} {what}"))
            .collect()
    }
}
