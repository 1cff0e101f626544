//! What an account holds of one instrument, and the round trip it is on.

use super::margin::rounded;
use super::{Position, Trade, TradeSide};
use crate::exchange::Fill;
use crate::ledger::FillPosting;
use crate::model::{Instrument, Money, Price, Quantity, Side, Timestamp, TradeId, decimal};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Holdings of one instrument, by the average-cost method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Holding {
    /// Signed: long is positive.
    #[serde(with = "crate::model::decimal")]
    quantity: Decimal,
    /// What the position cost, signed like the quantity.
    #[serde(with = "crate::model::decimal")]
    cost: Decimal,
    round_trip: Option<RoundTrip>,
    trades: u64,
}

/// A round trip that is under way: sums from which a [`Trade`] is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RoundTrip {
    id: TradeId,
    side: TradeSide,
    #[serde(with = "crate::model::decimal")]
    peak_quantity: Decimal,
    entry_time: Timestamp,
    entry_reason: Cow<'static, str>,
    entry: Sum,
    exit: Sum,
    #[serde(with = "crate::model::decimal")]
    fees: Decimal,
    #[serde(with = "crate::model::decimal")]
    realized: Decimal,
}

/// Quantity and price × quantity of several fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sum {
    #[serde(with = "crate::model::decimal")]
    quantity: Decimal,
    #[serde(with = "crate::model::decimal")]
    value: Decimal,
    /// Value ÷ quantity, rounded: asked for several times a fill, and a division each.
    average: Option<Price>,
}

impl Sum {
    fn add(&mut self, price: Price, quantity: Decimal) {
        let is_first = self.quantity.is_zero() && self.value.is_zero();
        self.quantity = decimal::add(self.quantity, quantity);
        self.value = decimal::add(self.value, decimal::multiply(price.0, quantity));
        if is_first && !quantity.is_zero() {
            // One price is its own average.
            self.average = Some(Price(rounded(price.0).normalize()));
        } else {
            self.divide();
        }
    }

    /// As many times the quantity, of the same value.
    fn scale(&mut self, scale: impl Fn(&mut Decimal)) {
        scale(&mut self.quantity);
        self.divide();
    }

    fn divide(&mut self) {
        let average = self.value.checked_div(self.quantity);
        self.average = average.map(|average| Price(rounded(average).normalize()));
    }
}

/// What a fill did to the holding.
#[derive(Clone, Debug, PartialEq)]
pub struct FillEffect {
    /// What the ledger books.
    pub posting: FillPosting,
    /// The round trip that the fill began.
    pub opened: Option<TradeId>,
    /// The round trip that the fill ended.
    pub closed: Option<Box<Trade>>,
}

impl Holding {
    /// Signed quantity: long is positive.
    #[must_use]
    pub const fn quantity(&self) -> Decimal {
        self.quantity
    }

    /// What the position cost, signed like the quantity.
    #[must_use]
    pub const fn cost(&self) -> Decimal {
        self.cost
    }

    /// Whether nothing is held.
    #[must_use]
    pub const fn is_flat(&self) -> bool {
        self.quantity.is_zero()
    }

    /// Long, short, or `None` when flat.
    #[must_use]
    pub const fn side(&self) -> Option<TradeSide> {
        match (self.quantity.is_zero(), self.quantity.is_sign_negative()) {
            (true, _) => None,
            (false, false) => Some(TradeSide::Long),
            (false, true) => Some(TradeSide::Short),
        }
    }

    /// How many round trips have ended.
    #[must_use]
    pub const fn closed_trades(&self) -> u64 {
        match self.round_trip {
            Some(_) => self.trades - 1,
            None => self.trades,
        }
    }

    /// The average price of what is held; `None` when flat.
    #[must_use]
    pub fn entry_price(&self) -> Option<Price> {
        self.round_trip.as_ref()?.entry.average
    }

    /// The round trip under way, as a trade without exit.
    #[must_use]
    pub fn open_trade(&self, instrument: &Instrument) -> Option<Trade> {
        self.round_trip
            .as_ref()
            .map(|round_trip| round_trip.tell(instrument, None))
    }

    /// The position at a mark price; `None` when flat.
    #[must_use]
    pub fn position(&self, instrument: &Instrument, mark: Price) -> Option<Position> {
        let round_trip = self.round_trip.as_ref()?;
        let market_value = instrument.notional(mark, Quantity(self.quantity));
        Some(Position {
            symbol: instrument.symbol().clone(),
            side: round_trip.side,
            quantity: Quantity(self.quantity.abs()),
            entry_price: round_trip.entry.average?,
            entry_time: round_trip.entry_time,
            mark_price: mark,
            market_value,
            unrealized_pnl: market_value - Money::new(self.cost, instrument.quote()),
            stop_price: None,
            target_price: None,
            greeks: None,
        })
    }

    /// Takes a fill in; a round trip that it begins is numbered `next`. A fill either adds to the position or reduces it: one that would turn it around is two orders
    /// (the engine sees to that).
    ///
    /// # Panics
    /// When the fill would turn the position around: a bug.
    pub fn apply(
        &mut self,
        fill: &Fill,
        next: TradeId,
        instrument: &Instrument,
        reason: Cow<'static, str>,
    ) -> FillEffect {
        let change = Change {
            side: fill.side,
            quantity: fill.quantity.0,
            price: fill.price,
            fee: fill.fee.amount,
            time: fill.time,
        };
        self.change(&change, next, instrument, reason)
    }

    /// Takes any change of the quantity at a price in, as [`Holding::apply`] does a fill.
    pub(super) fn change(
        &mut self,
        change: &Change,
        next: TradeId,
        instrument: &Instrument,
        reason: Cow<'static, str>,
    ) -> FillEffect {
        let signed = change.side.signed(change.quantity);
        let adds = self.quantity.is_zero() || self.quantity.is_sign_negative() == signed.is_sign_negative();
        if adds {
            return self.add(change, next, instrument, reason);
        }
        assert!(
            decimal::compare(change.quantity, self.quantity.abs()).is_le(),
            "a fill of {signed} would turn a position of {} around",
            self.quantity
        );
        self.reduce(change, instrument, reason)
    }

    fn add(
        &mut self,
        change: &Change,
        next: TradeId,
        instrument: &Instrument,
        reason: Cow<'static, str>,
    ) -> FillEffect {
        let signed = change.side.signed(change.quantity);
        let value = instrument.notional(change.price, Quantity(signed)).amount;
        let opens = self.round_trip.is_none();
        if opens {
            self.trades += 1;
        }
        let round_trip = self.round_trip.get_or_insert_with(|| RoundTrip {
            id: next,
            side: if change.side == Side::Buy {
                TradeSide::Long
            } else {
                TradeSide::Short
            },
            peak_quantity: Decimal::ZERO,
            entry_time: change.time,
            entry_reason: reason,
            entry: Sum::default(),
            exit: Sum::default(),
            fees: Decimal::ZERO,
            realized: Decimal::ZERO,
        });
        self.quantity = decimal::add(self.quantity, signed);
        self.cost = decimal::add(self.cost, value);
        round_trip.entry.add(change.price, change.quantity);
        round_trip.fees = decimal::add(round_trip.fees, change.fee);
        round_trip.peak_quantity = decimal::larger(round_trip.peak_quantity, self.quantity.abs());
        // Of what is margined, nothing changes hands yet.
        let paid = if instrument.kind().is_margined() {
            Decimal::ZERO
        } else {
            value
        };
        FillEffect {
            posting: FillPosting {
                cash: -paid,
                position_cost: paid,
                realized: Decimal::ZERO,
                fee: change.fee,
            },
            opened: opens.then_some(round_trip.id),
            closed: None,
        }
    }

    fn reduce(&mut self, change: &Change, instrument: &Instrument, reason: Cow<'static, str>) -> FillEffect {
        let signed = change.side.signed(change.quantity);
        let value = instrument.notional(change.price, Quantity(signed)).amount;
        let held = self.quantity.abs();
        // What leaves takes its share of the cost with it; the last to leave takes all, so nothing is lost to rounding.
        let whole = decimal::compare(change.quantity, held).is_eq();
        let cost = if whole {
            self.cost
        } else {
            Money::new(
                decimal::part(self.cost, change.quantity, held),
                instrument.quote(),
            )
            .amount
        };
        let realized = decimal::subtract(-value, cost);
        self.quantity = decimal::add(self.quantity, signed);
        self.cost = decimal::subtract(self.cost, cost);
        let margined = instrument.kind().is_margined();
        let posting = FillPosting {
            cash: if margined { realized } else { -value },
            position_cost: if margined { Decimal::ZERO } else { -cost },
            realized,
            fee: change.fee,
        };
        let mut closed = None;
        if let Some(round_trip) = &mut self.round_trip {
            round_trip.exit.add(change.price, change.quantity);
            round_trip.fees = decimal::add(round_trip.fees, change.fee);
            round_trip.realized = decimal::add(round_trip.realized, realized);
            if whole {
                closed = Some(Box::new(round_trip.tell(instrument, Some((change.time, reason)))));
                self.round_trip = None;
            }
        }
        FillEffect {
            posting,
            opened: None,
            closed,
        }
    }

    /// Makes `ratio` units of each: the cost stays, so the average price is divided by the ratio.
    ///
    /// Rounded at [`Money::SCALE`] digits, so that the third of a multiple of three is a whole number.
    pub(super) fn scale(&mut self, ratio: Decimal) {
        let scale = |quantity: &mut Decimal| {
            *quantity = (*quantity * ratio).round_dp(Money::SCALE).normalize();
        };
        scale(&mut self.quantity);
        if let Some(round_trip) = &mut self.round_trip {
            scale(&mut round_trip.peak_quantity);
            round_trip.entry.scale(scale);
            round_trip.exit.scale(scale);
        }
    }
}

/// A change of the quantity held at a price: a fill, a settlement, a delivery, the sale of a fraction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) side: Side,
    pub(super) quantity: Decimal,
    pub(super) price: Price,
    pub(super) fee: Decimal,
    pub(super) time: Timestamp,
}

impl RoundTrip {
    fn tell(&self, instrument: &Instrument, exit: Option<(Timestamp, Cow<'static, str>)>) -> Trade {
        let pnl = Money::new(decimal::subtract(self.realized, self.fees), instrument.quote());
        let entry_value = Money::new(
            decimal::multiply(self.entry.value, instrument.multiplier()),
            instrument.quote(),
        );
        let (exit_time, exit_reason) = exit.unzip();
        Trade {
            id: self.id,
            symbol: instrument.symbol().clone(),
            side: self.side,
            quantity: Quantity(self.peak_quantity),
            entry_time: self.entry_time,
            entry_price: self.entry.average.unwrap_or_default(),
            exit_price: exit_time.and(self.exit.average),
            exit_time,
            fees: Money::new(self.fees, instrument.quote()),
            pnl,
            return_ratio: pnl.ratio(entry_value),
            entry_reason: self.entry_reason.clone(),
            exit_reason: exit_reason.unwrap_or(Cow::Borrowed("")),
        }
    }
}
