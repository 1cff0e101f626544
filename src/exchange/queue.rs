//! Where in the queue at its price a resting order of ours stands.
//!
//! A level-2 book shows how much rests at a price, not whose turn it is. Trades at our price are certain: the front of
//! the queue is filled first. A decrease that no trade explains is a cancellation, ahead of us or behind us; the
//! [`QueueModel`] says which. What is ahead never grows, since who comes later stands behind.
//!
//! After E. Rigtorp, "Estimating order queue position" (rigtorp.se, 2013), with the risk-averse rule and the power and
//! logarithmic functions of hftbacktest (`backtest/models/queue.rs`). Other than there, positions are whole lots, and
//! what is behind us is reckoned without the lots traded since the level last changed: they are not there to be canceled.
//! And a trade counts once whether it is told before the change that it makes or after.

use libm::{log1p, pow};
use serde::{Deserialize, Serialize};

/// How cancellations spread over the queue: one job, so that a model is one function.
pub trait Cancellations {
    /// The lots ahead of an order that joins a level which shows `shown` lots.
    fn ahead_on_entry(&self, shown: i64) -> i64 {
        shown
    }

    /// The share, 0 to 1, of a cancellation that is taken to come from ahead of an order with `ahead` lots ahead of it
    /// and `behind` lots behind; `ahead` is positive, `behind` not negative.
    fn share_ahead(&self, ahead: i64, behind: i64) -> f64;
}

/// Which estimate of the queue a session makes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueModel {
    /// We are first at our price as soon as we arrive: the optimistic bound.
    Front,
    /// Everybody who cancels stood behind us: only trades move us ahead, and a level that shows less than was ahead of
    /// us. The pessimistic bound.
    RiskAverse,
    /// Of a cancellation `aⁿ ÷ (aⁿ + bⁿ)` was ahead, with `a` lots ahead and `b` behind. With n = 1 cancellations are spread
    /// evenly; the larger n, the more they come from the longer part of the queue.
    Power {
        /// The exponent, positive.
        n: f64,
    },
    /// Of a cancellation `ln(1+a) ÷ (ln(1+a) + ln(1+b))` was ahead: nearer to one half than even spreading.
    Logarithmic,
}

impl Cancellations for QueueModel {
    fn ahead_on_entry(&self, shown: i64) -> i64 {
        match self {
            Self::Front => 0,
            Self::RiskAverse | Self::Power { .. } | Self::Logarithmic => shown,
        }
    }

    fn share_ahead(&self, ahead: i64, behind: i64) -> f64 {
        let (ahead, behind) = (ahead as f64, behind as f64);
        match self {
            Self::Front | Self::RiskAverse => 0.0,
            // Divided through by aⁿ, which cannot overflow to infinity over infinity.
            Self::Power { n } => 1.0 / (1.0 + pow(behind / ahead, *n)),
            Self::Logarithmic => {
                let (ahead, behind) = (log1p(ahead), log1p(behind));
                ahead / (ahead + behind)
            }
        }
    }
}

/// Shares of a lot that positions count in: 2³².
const PER_LOT: f64 = 4_294_967_296.0;

/// Where one resting order stands at its price.
///
/// It counts the market's lots only. Of two orders of ours at one price each has its own position; a trade's lots that
/// the earlier one took are gone for the later, which is the caller's to subtract.
///
/// ```
/// use papertape::exchange::{QueueModel, QueuePosition};
///
/// let model = QueueModel::RiskAverse;
/// let mut position = QueuePosition::join(&model, 10); // ten lots are there before us
/// assert_eq!(position.on_trade(4), 0); // all four fill others
/// position.on_level_change(&model, 10, 6); // which the book then shows: nothing new
/// assert_eq!(position.ahead(), 6);
/// assert_eq!(position.on_trade(9), 3); // six for those ahead, three reach us
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePosition {
    ahead: i64,
    at_entry: i64,
    /// Lots traded at our price that the book does not show as gone yet.
    traded: i64,
    /// What the level's last change, which no trade explained, took from the level and from what is ahead of us.
    unexplained: Unexplained,
    /// What rounding down has kept back so far, in 2⁻³² lots: many small cancellations move us as far as a large one.
    kept_back: u32,
}

/// A decrease that passes for a cancellation, until a trade that is told late explains it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Unexplained {
    lots: i64,
    /// How far it moved us.
    moved: i64,
}

impl QueuePosition {
    /// An order joins the end of a level that shows this many lots.
    #[must_use]
    pub fn join(model: &impl Cancellations, shown: i64) -> Self {
        let ahead = model.ahead_on_entry(shown.max(0)).max(0);
        Self {
            ahead,
            at_entry: ahead,
            traded: 0,
            unexplained: Unexplained::default(),
            kept_back: 0,
        }
    }

    /// Lots that are filled before us; never negative, never more than before.
    #[must_use]
    pub const fn ahead(&self) -> i64 {
        self.ahead
    }

    /// Lots that were ahead when the order joined.
    #[must_use]
    pub const fn at_entry(&self) -> i64 {
        self.at_entry
    }

    /// This many lots traded at our price, against our side, and the book does not show it yet; gives how many of them
    /// reach us.
    ///
    /// For books whose changes are told after the trades that make them, as depth every 100 ms is.
    #[inline]
    pub fn on_trade(&mut self, lots: i64) -> i64 {
        let lots = lots.max(0);
        let for_others = lots.min(self.ahead);
        self.ahead -= for_others;
        self.traded = self.traded.saturating_add(lots);
        lots - for_others
    }

    /// This many lots traded at our price, against our side, and the book may show it already; gives how many of them
    /// reach us.
    ///
    /// For books whose changes are told before the trades that make them, as Binance's best quotes mostly are. Such a
    /// change passed for a cancellation, of which the model took a share from ahead of us; a trade takes all it can from
    /// there, so it makes up for the rest only.
    #[inline]
    pub fn on_trade_told_late(&mut self, lots: i64) -> i64 {
        let late = lots.clamp(0, self.unexplained.lots);
        let moved_already = late.min(self.unexplained.moved);
        self.unexplained.lots -= late;
        self.unexplained.moved -= moved_already;
        let for_others = late.min(self.ahead.saturating_add(moved_already));
        self.ahead -= for_others - moved_already;
        late - for_others + self.on_trade(lots.saturating_sub(late))
    }

    /// The level at our price showed `before` lots and shows `after` now.
    #[inline]
    pub fn on_level_change(&mut self, model: &impl Cancellations, before: i64, after: i64) {
        // What trades have taken is gone for a known reason, and has moved us already.
        let explained = std::mem::take(&mut self.traded);
        let left = before.saturating_sub(explained).max(0);
        let canceled = left.saturating_sub(after.max(0)).max(0);
        let ahead = self.ahead;
        if canceled > 0 && ahead > 0 {
            self.advance(model, canceled, left);
        }
        self.ahead = self.ahead.min(after.max(0));
        self.unexplained = Unexplained {
            lots: canceled,
            moved: ahead - self.ahead,
        };
    }

    /// Of `left` lots at our price `canceled` are gone without a trade.
    fn advance(&mut self, model: &impl Cancellations, canceled: i64, left: i64) {
        let behind = left.saturating_sub(self.ahead).max(0);
        let share = model.share_ahead(self.ahead, behind).clamp(0.0, 1.0);
        let moved =
            i128::from((share * PER_LOT).round() as i64) * i128::from(canceled) + i128::from(self.kept_back);
        // The whole lots, and below them what is kept back.
        self.kept_back = moved as u32;
        let moved = i64::try_from(moved >> 32).unwrap_or(i64::MAX);
        self.ahead -= moved.min(self.ahead);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POWER: QueueModel = QueueModel::Power { n: 2.0 };
    const MODELS: [QueueModel; 5] = [
        QueueModel::RiskAverse,
        QueueModel::Power { n: 0.5 },
        POWER,
        QueueModel::Logarithmic,
        QueueModel::Front,
    ];

    /// An order with 60 lots ahead and 40 behind, at a level that shows them.
    fn sixty_of_a_hundred(model: &QueueModel) -> QueuePosition {
        let mut position = QueuePosition::join(model, 60);
        position.on_level_change(model, 60, 100);
        position
    }

    #[test]
    fn an_unexplained_decrease_is_shared_out_as_the_model_says() {
        for (model, canceled, ahead) in [
            (QueueModel::RiskAverse, 10, 60),
            (QueueModel::RiskAverse, 45, 55),
            // 60 of 100 lots are ahead of us: 0.6 of each cancellation.
            (QueueModel::Power { n: 1.0 }, 10, 54),
            // 60² ÷ (60² + 40²) = 0.692, 60³ ÷ (60³ + 40³) = 0.771, √60 ÷ (√60 + √40) = 0.551.
            (QueueModel::Power { n: 2.0 }, 10, 54),
            (QueueModel::Power { n: 2.0 }, 30, 40),
            (QueueModel::Power { n: 3.0 }, 30, 37),
            (QueueModel::Power { n: 0.5 }, 30, 44),
            // ln 61 ÷ (ln 61 + ln 41) = 0.525.
            (QueueModel::Logarithmic, 30, 45),
            // More than was behind cannot all have come from there.
            (QueueModel::RiskAverse, 100, 0),
            (QueueModel::Logarithmic, 90, 10),
            (QueueModel::Front, 10, 0),
        ] {
            let mut position = sixty_of_a_hundred(&model);
            position.on_level_change(&model, 100, 100 - canceled);
            assert_eq!(position.ahead(), ahead, "{model:?}, {canceled} canceled");
        }
    }

    #[test]
    fn a_decrease_that_trades_explain_moves_us_once() {
        for model in MODELS {
            let mut position = sixty_of_a_hundred(&model);
            let before = position.ahead();
            position.on_trade(20);
            let after_trade = position.ahead();
            assert_eq!(after_trade, (before - 20).max(0), "{model:?}");
            position.on_level_change(&model, 100, 80);
            assert_eq!(position.ahead(), after_trade, "{model:?}");
            // What the trades did explain is used up: the next decrease is a cancellation.
            position.on_level_change(&POWER, 80, 70);
            assert!(after_trade == 0 || position.ahead() < after_trade, "{model:?}");
        }
    }

    #[test]
    fn of_a_decrease_only_what_trades_leave_unexplained_is_canceled() {
        let model = QueueModel::Power { n: 1.0 };
        let mut position = sixty_of_a_hundred(&model);
        position.on_trade(20);
        // Of 80 left are 40 ahead and 40 behind; 10 are canceled, half of them ahead.
        position.on_level_change(&model, 100, 70);
        assert_eq!(position.ahead(), 35);
        // New orders hide some cancellations: trades of 15 against 10 fewer shown, so 5 came, behind us.
        position.on_trade(15);
        position.on_level_change(&model, 70, 60);
        assert_eq!(position.ahead(), 20);
    }

    #[test]
    fn a_trade_that_is_told_after_its_change_moves_us_once_too() {
        // (lots that the book showed gone before, trades told then) → (what reaches us, what is left ahead)
        for (gone, trades, reached, left) in [
            (20, &[20][..], 0, 40),
            (20, &[5, 15], 0, 40),
            (70, &[70], 10, 0),
            (100, &[30, 70], 40, 0),
            // More is traded than is gone: the rest has still to show.
            (20, &[50], 0, 10),
            // A trade of 20 and a cancellation of 30: of the latter the model's share stays.
            (50, &[20], 0, 30),
        ] {
            let model = QueueModel::Power { n: 1.0 };
            let mut position = sixty_of_a_hundred(&model);
            position.on_level_change(&model, 100, 100 - gone);
            let sum: i64 = trades.iter().map(|lots| position.on_trade_told_late(*lots)).sum();
            assert_eq!(
                (sum, position.ahead()),
                (reached, left),
                "{gone} gone, trades {trades:?}"
            );
        }
    }

    #[test]
    fn only_the_last_change_is_explained_late() {
        let model = QueueModel::Power { n: 1.0 };
        let mut position = sixty_of_a_hundred(&model);
        position.on_level_change(&model, 100, 80);
        position.on_level_change(&model, 80, 90);
        assert_eq!((position.ahead(), position.on_trade_told_late(8)), (48, 0));
        assert_eq!(position.ahead(), 40, "the trade is news");
        position.on_level_change(&model, 90, 82);
        assert_eq!(position.ahead(), 40, "which the book now shows");
    }

    #[test]
    fn many_small_cancellations_move_as_far_as_one_large() {
        let model = QueueModel::Power { n: 1.0 };
        let mut position = QueuePosition::join(&model, 500_000);
        position.on_level_change(&model, 500_000, 1_000_000);
        // Half of each single lot, ten thousand times.
        for shown in (990_000..1_000_000).rev() {
            position.on_level_change(&model, shown + 1, shown);
        }
        assert_eq!(position.ahead(), 495_000);
    }

    #[test]
    fn what_passes_those_ahead_reaches_us() {
        for (model, reach) in [
            (QueueModel::RiskAverse, [0, 0, 5, 30]),
            (QueueModel::Front, [10, 50, 5, 30]),
        ] {
            let mut position = QueuePosition::join(&model, 60);
            assert_eq!([10, 50, 5, 30].map(|lots| position.on_trade(lots)), reach);
            assert_eq!((position.ahead(), position.on_trade(-1)), (0, 0));
        }
    }

    #[test]
    fn sizes_at_the_ends_of_the_integers_do_no_harm() {
        for model in MODELS {
            let mut position = QueuePosition::join(&model, i64::MAX);
            position.on_trade(i64::MAX - 1);
            position.on_trade(i64::MAX);
            let mut other = QueuePosition::join(&model, i64::MAX);
            other.on_level_change(&model, i64::MAX, i64::MIN);
            assert_eq!((position.ahead(), other.ahead()), (0, 0), "{model:?}");
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Happening {
        Trade(i64),
        TradeToldLate(i64),
        Shown(i64),
    }

    /// What a happening does to a position at a level that showed `shown` lots; gives the lots that reach it.
    fn meet(position: &mut QueuePosition, model: &QueueModel, shown: i64, happening: Happening) -> i64 {
        match happening {
            Happening::Trade(lots) => position.on_trade(lots),
            Happening::TradeToldLate(lots) => position.on_trade_told_late(lots),
            Happening::Shown(after) => {
                position.on_level_change(model, shown, after);
                0
            }
        }
    }

    fn happenings() -> impl Strategy<Value = Vec<Happening>> {
        let one = prop_oneof![
            (0_i64..300).prop_map(Happening::Trade),
            (0_i64..300).prop_map(Happening::TradeToldLate),
            (0_i64..1_500).prop_map(Happening::Shown)
        ];
        prop::collection::vec(one, 0..60)
    }

    proptest! {
        #[test]
        fn we_only_move_forward_and_the_front_is_filled_first(entry in 0_i64..1_000, happenings in happenings()) {
            for model in MODELS {
                let mut position = QueuePosition::join(&model, entry);
                let (mut shown, at_entry) = (entry, position.ahead());
                for happening in happenings.iter().copied() {
                    let before = position.ahead();
                    let reached = meet(&mut position, &model, shown, happening);
                    prop_assert!((0..=before).contains(&position.ahead()));
                    prop_assert!(reached == 0 || position.ahead() == 0, "nobody ahead is passed over");
                    match happening {
                        Happening::Trade(lots) => {
                            prop_assert_eq!(before - position.ahead() + reached, lots, "each lot fills somebody");
                        }
                        Happening::TradeToldLate(lots) => {
                            prop_assert!(before - position.ahead() + reached <= lots, "some have moved us before");
                        }
                        Happening::Shown(after) => {
                            shown = after;
                            prop_assert!(position.ahead() <= shown);
                        }
                    }
                    prop_assert_eq!(position.at_entry(), at_entry);
                }
            }
        }

        #[test]
        fn no_estimate_is_slower_than_the_risk_averse_or_faster_than_the_front(
            entry in 0_i64..1_000,
            happenings in happenings(),
        ) {
            let mut positions = MODELS.map(|model| QueuePosition::join(&model, entry));
            let mut shown = entry;
            let mut reached = [0; MODELS.len()];
            for happening in happenings {
                for ((model, position), reached) in MODELS.iter().zip(&mut positions).zip(&mut reached) {
                    *reached += meet(position, model, shown, happening);
                }
                if let Happening::Shown(after) = happening {
                    shown = after;
                }
                let [slowest, between @ .., fastest] = positions;
                for position in between {
                    prop_assert!((fastest.ahead()..=slowest.ahead()).contains(&position.ahead()));
                }
                prop_assert!(reached.iter().all(|lots| (reached[0]..=reached[4]).contains(lots)));
            }
        }

        #[test]
        fn when_trades_are_told_makes_no_difference_where_nobody_cancels(
            entry in 0_i64..1_000,
            steps in prop::collection::vec((0_i64..200, 0_i64..100), 0..20),
        ) {
            for model in MODELS {
                let mut first = QueuePosition::join(&model, entry);
                let (mut late, mut shown) = (first, entry);
                for &(traded, added) in &steps {
                    let (traded, full) = (traded.min(shown), shown);
                    shown -= traded;
                    let reached = first.on_trade(traded);
                    first.on_level_change(&model, full, shown);
                    late.on_level_change(&model, full, shown);
                    prop_assert_eq!(late.on_trade_told_late(traded), reached);
                    prop_assert_eq!(late.ahead(), first.ahead());
                    for position in [&mut first, &mut late] {
                        position.on_level_change(&model, shown, shown + added);
                    }
                    shown += added;
                }
            }
        }

        #[test]
        fn a_position_survives_a_snapshot(entry in 0_i64..1_000, happenings in happenings()) {
            let mut position = QueuePosition::join(&POWER, entry);
            for happening in happenings {
                meet(&mut position, &POWER, 700, happening);
                let bytes = postcard::to_stdvec(&(POWER, position)).expect("it is plain data");
                prop_assert_eq!(postcard::from_bytes(&bytes), Ok((POWER, position)));
            }
        }
    }
}
