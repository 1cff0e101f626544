//! The fills of a backtest, each in three fifths of the room that a [`Fill`] takes: there may be many, and what is written
//! takes longer than what is worked out.

use crate::exchange::{DataTier, Explanation, Fill, Liquidity, Met, QueueStory};
use crate::model::{Currency, InstrumentId, Money, OrderId, Price, Quantity, Side, Timestamp};
use rust_decimal::Decimal;

/// Fills, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fills(Vec<Kept>);

/// A fill: what it says twice is kept once, and what few have, elsewhere.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    order_id: OrderId,
    number: u64,
    tape: u64,
    time: Timestamp,
    decided_at: Timestamp,
    arrived_at: Timestamp,
    quantity: Quantity,
    price: Price,
    decision_price: Price,
    reference_price: Price,
    // Amounts are in one currency: that in which the fee is paid.
    fee: Decimal,
    drift: Decimal,
    slippage: Decimal,
    met: Met,
    instrument: InstrumentId,
    currency: Currency,
    side: Side,
    liquidity: Liquidity,
    tier: DataTier,
    seldom: Option<Box<Seldom>>,
}

/// What bars do not show, and orders have that are on their way for a while.
#[derive(Clone, Debug, PartialEq)]
struct Seldom {
    latency: Decimal,
    spread: Decimal,
    impact: Decimal,
    queue: Option<QueueStory>,
}

impl Fills {
    pub(super) fn with_capacity(fills: usize) -> Self {
        Self(Vec::with_capacity(fills))
    }

    pub(super) fn push(&mut self, fill: &Fill) {
        self.0.push(Kept::new(fill));
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fill at a place.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Fill> {
        self.0.get(index).map(Kept::tell)
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Fill> + ExactSizeIterator {
        self.0.iter().map(Kept::tell)
    }
}

impl Kept {
    fn new(fill: &Fill) -> Self {
        let why = &fill.explanation;
        let (latency, spread, impact) = (why.latency.amount, why.spread.amount, why.impact.amount);
        let is_plain = latency.is_zero() && spread.is_zero() && impact.is_zero() && why.queue.is_none();
        let seldom = || Seldom {
            latency,
            spread,
            impact,
            queue: why.queue,
        };
        Self {
            order_id: fill.order_id,
            number: fill.number,
            tape: why.tape,
            time: fill.time,
            decided_at: why.decided_at,
            arrived_at: why.arrived_at,
            quantity: fill.quantity,
            price: fill.price,
            decision_price: why.decision_price,
            reference_price: why.reference_price,
            fee: fill.fee.amount,
            drift: why.drift.amount,
            slippage: why.slippage.amount,
            met: why.met,
            instrument: fill.instrument,
            currency: fill.fee.currency,
            side: fill.side,
            liquidity: fill.liquidity,
            tier: why.tier,
            seldom: (!is_plain).then(|| Box::new(seldom())),
        }
    }

    fn tell(&self) -> Fill {
        let money = |amount| Money::new(amount, self.currency);
        let seldom = |amount: fn(&Seldom) -> Decimal| {
            let amount = self.seldom.as_deref().map(amount);
            money(amount.unwrap_or_default())
        };
        let fee = money(self.fee);
        Fill {
            order_id: self.order_id,
            number: self.number,
            instrument: self.instrument,
            time: self.time,
            side: self.side,
            quantity: self.quantity,
            price: self.price,
            fee,
            liquidity: self.liquidity,
            explanation: Explanation {
                tier: self.tier,
                decision_price: self.decision_price,
                decided_at: self.decided_at,
                arrived_at: self.arrived_at,
                reference_price: self.reference_price,
                drift: money(self.drift),
                latency: seldom(|it| it.latency),
                spread: seldom(|it| it.spread),
                slippage: money(self.slippage),
                impact: seldom(|it| it.impact),
                fee,
                met: self.met,
                tape: self.tape,
                queue: self.seldom.as_ref().and_then(|it| it.queue),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    #[test]
    fn a_fill_comes_back_as_it_was_whatever_it_says() {
        let number = |text: &str| text.parse::<Decimal>().expect("a number");
        let instrument = testkit::instrument();
        let money = |text: &str| Money::new(number(text), instrument.quote());
        let (quantity, price) = (Quantity(number("0.5")), Price(number("101.25")));
        let time = Timestamp::from_secs(60);
        let plain = testkit::fill(&instrument, 1, Side::Buy, quantity, price, money("0.05"), time);
        let mut told = plain.clone();
        told.explanation.drift = money("0.25");
        told.explanation.slippage = money("-0.01");
        // Each of what few have, by itself.
        let with = |change: fn(&mut Explanation, Money)| {
            let mut fill = told.clone();
            change(&mut fill.explanation, money("0.125"));
            fill
        };
        let queue = |why: &mut Explanation, amount: Money| {
            let ahead = Quantity(amount.amount);
            why.queue = Some(QueueStory {
                ahead_at_entry: ahead,
                ahead_at_fill: ahead,
            });
        };
        let fills = [
            plain,
            told.clone(),
            with(|why, amount| why.latency = amount),
            with(|why, amount| why.spread = amount),
            with(|why, amount| why.impact = amount),
            with(queue),
        ];
        let mut kept = Fills::default();
        fills.iter().for_each(|fill| kept.push(fill));
        assert!(kept.iter().eq(fills.iter().cloned()), "{kept:?}");
        assert_eq!((kept.get(5), kept.get(6)), (fills.last().cloned(), None));
    }
}
