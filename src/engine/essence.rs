//! What of an event goes into the hash chain: everything that the engine decided, in as few bytes as say it.
//!
//! Two runs that decide alike have the same bytes, and two that differ in what was ordered, refused, filled, paid or
//! raised have others. What follows from that (an order's text, a position at its mark, a symbol's name) is left out: it
//! would be hashed many times a round trip and could differ only with the program itself.

use super::EventKind;
use crate::exchange::{Fill, Liquidity};
use crate::model::{InstrumentId, Money, OrderId, Quantity, Side, Timestamp, TradeId, decimal::Halves};
use crate::order::{Order, OrderKind, PostOnly, TimeInForce, Trail};
use crate::portfolio::{Trade, TradeSide};
use rust_decimal::Decimal;
use serde::Serialize;

/// Appends a number: a small one as it is, another one as how many bytes it has, and these, the lowest first.
#[inline]
pub(super) fn put_number(out: &mut Vec<u8>, number: u64) {
    match number {
        ..COUNT => out.push(number as u8),
        _ => put_counted(out, [], number),
    }
}

/// A byte from it on says how many follow.
const COUNT: u64 = 0x80;

/// Appends what comes before a number, how many bytes it has, and these. All that there could be are written at once.
#[inline(always)]
fn put_counted<const N: usize>(out: &mut Vec<u8>, before: [u8; N], number: u64) {
    let count = (u64::BITS - number.leading_zeros()).div_ceil(8) as usize;
    let end = out.len() + N + 1 + count;
    let mut row = [0; 16];
    row[..N].copy_from_slice(&before);
    row[N] = COUNT as u8 | count as u8;
    row[N + 1..N + 9].copy_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&row);
    out.truncate(end);
}

/// Appends a decimal: sign and digits after the point in one byte, then all digits as a whole number.
#[inline(never)]
fn put_decimal(out: &mut Vec<u8>, decimal: Halves) {
    let shape = (decimal.scale() as u8) << 1 | u8::from(decimal.is_negative());
    match decimal.digits() {
        Some(digits) => put_counted(out, [shape], digits),
        None => {
            let digits = decimal.all_digits().to_le_bytes();
            out.extend_from_slice(&[shape, COUNT as u8 | digits.len() as u8]);
            out.extend_from_slice(&digits);
        }
    }
}

/// How far a time is from another one, as a number that is small when they are near: forward even, backward odd.
pub(super) const fn distance(from: Timestamp, to: Timestamp) -> u64 {
    let nanos = to.nanos().wrapping_sub(from.nanos());
    (nanos.wrapping_shl(1) ^ (nanos >> 63)).cast_unsigned()
}

/// A row of bytes that grows. What varies in size says its size, so that no two rows read alike.
struct Bytes<'a> {
    out: &'a mut Vec<u8>,
    /// When the event was: other times are told by their distance from it.
    time: Timestamp,
}

impl Bytes<'_> {
    fn tag(&mut self, tag: u8) -> &mut Self {
        self.out.push(tag);
        self
    }

    /// In as few bytes as it has: most numbers are small.
    fn number(&mut self, number: u64) -> &mut Self {
        put_number(self.out, number);
        self
    }

    fn option(&mut self, number: Option<u64>) -> &mut Self {
        match number {
            Some(number) => self.tag(1).number(number),
            None => self.tag(0),
        }
    }

    fn decimal(&mut self, decimal: Decimal) -> &mut Self {
        put_decimal(self.out, decimal.into());
        self
    }

    fn time(&mut self, time: Timestamp) -> &mut Self {
        self.number(distance(self.time, time))
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    /// The whole of what is rare.
    fn whole(&mut self, value: &impl Serialize) -> &mut Self {
        let buffer = std::mem::take(self.out);
        *self.out = postcard::to_extend(value, buffer)
            .unwrap_or_else(|error| unreachable!("events are plain data and a vector grows: {error}"));
        self
    }

    fn side(&mut self, side: Side) -> &mut Self {
        self.tag(match side {
            Side::Buy => 0,
            Side::Sell => 1,
        })
    }

    fn kind(&mut self, kind: OrderKind) -> &mut Self {
        match kind {
            OrderKind::Market => self.tag(0),
            OrderKind::Limit { price } => self.tag(1).decimal(price.0),
            OrderKind::Stop { stop_price } => self.tag(2).decimal(stop_price.0),
            OrderKind::TrailingStop { stop_price, trail } => {
                let unit = u8::from(matches!(trail, Trail::Share(_)));
                self.tag(3)
                    .decimal(stop_price.0)
                    .tag(unit)
                    .decimal(trail.distance())
            }
            OrderKind::StopLimit { stop_price, price } => self.tag(4).decimal(stop_price.0).decimal(price.0),
            OrderKind::TakeProfit { stop_price } => self.tag(5).decimal(stop_price.0),
            OrderKind::TakeProfitLimit { stop_price, price } => {
                self.tag(6).decimal(stop_price.0).decimal(price.0)
            }
        }
    }

    fn time_in_force(&mut self, time_in_force: TimeInForce) -> &mut Self {
        match time_in_force {
            TimeInForce::Gtc => self.tag(0),
            TimeInForce::Ioc => self.tag(1),
            TimeInForce::Fok => self.tag(2),
            TimeInForce::Day => self.tag(3),
            TimeInForce::Gtd { expires_at } => self.tag(4).time(expires_at),
            TimeInForce::Opg => self.tag(5),
            TimeInForce::Cls => self.tag(6),
        }
    }

    fn order(&mut self, order: &Order) -> &mut Self {
        let instructions = order.instructions;
        let post_only = match instructions.post_only {
            None => 0,
            Some(PostOnly::Reject) => 1,
            Some(PostOnly::Slide) => 2,
        };
        let flags = [
            instructions.reduce_only,
            instructions.close_position,
            instructions.extended_hours,
            order.display.is_some(),
            order.client_order_id.is_some(),
        ];
        let flags = flags
            .into_iter()
            .fold(post_only, |flags, flag| flags << 1 | u8::from(flag));
        self.number(order.id.0)
            .number(u64::from(order.instrument.0))
            .side(order.side)
            .kind(order.kind)
            .decimal(order.quantity.0)
            .time_in_force(order.time_in_force)
            .tag(flags)
            .tag(order.purpose as u8)
            .option(order.parent.map(|id| id.0))
            .option(order.group.map(|id| id.0))
            .option(order.combo.map(|id| id.0))
            .decimal(order.decision_price.0)
            .time(order.arrives_at)
            .decimal(order.hold.amount);
        if let Some(display) = order.display {
            self.decimal(display.0);
        }
        if let Some(name) = &order.client_order_id {
            self.text(name.as_str());
        }
        self
    }

    fn fill(&mut self, fill: &Fill) -> &mut Self {
        let why = &fill.explanation;
        self.number(fill.order_id.0)
            .number(fill.number)
            .time(fill.time)
            .decimal(fill.quantity.0)
            .decimal(fill.price.0)
            .decimal(fill.fee.amount)
            .tag(u8::from(fill.liquidity == Liquidity::Maker))
            .tag(why.tier as u8)
            .decimal(why.reference_price.0)
            .decimal(why.spread.amount)
            .decimal(why.impact.amount)
            .number(why.tape);
        match why.queue {
            Some(queue) => self
                .tag(1)
                .decimal(queue.ahead_at_entry.0)
                .decimal(queue.ahead_at_fill.0),
            None => self.tag(0),
        }
    }

    fn trade(&mut self, trade: &Trade) -> &mut Self {
        self.number(trade.id.0)
            .tag(u8::from(trade.side == TradeSide::Short))
            .decimal(trade.quantity.0)
            .decimal(trade.fees.amount)
            .decimal(trade.pnl.amount)
    }
}

// The events of every fill are written from their parts, so that nobody has to put them together first.

/// The essence of [`EventKind::OrderSubmitted`].
pub(super) fn of_submitted(order: &Order, time: Timestamp, out: &mut Vec<u8>) {
    Bytes { out, time }.tag(1).order(order);
}

/// The essence of [`EventKind::OrderAccepted`].
pub(super) fn of_accepted(order: OrderId, time: Timestamp, out: &mut Vec<u8>) {
    Bytes { out, time }.tag(4).number(order.0);
}

/// The essence of [`EventKind::OrderFilled`].
pub(super) fn of_filled(fill: &Fill, order: &Order, cash: Money, time: Timestamp, out: &mut Vec<u8>) {
    Bytes { out, time }
        .tag(10)
        .fill(fill)
        .tag(order.status as u8)
        .decimal(order.filled.0)
        .decimal(order.hold.amount)
        .decimal(cash.amount);
}

/// The essence of [`EventKind::TradeOpened`].
pub(super) fn of_opened(trade: TradeId, time: Timestamp, out: &mut Vec<u8>) {
    Bytes { out, time }.tag(13).number(trade.0);
}

/// The essence of [`EventKind::TradeClosed`].
pub(super) fn of_closed(trade: &Trade, time: Timestamp, out: &mut Vec<u8>) {
    Bytes { out, time }.tag(14).trade(trade);
}

/// The essence of [`EventKind::PositionChanged`] to a quantity without sign; `None` is flat.
pub(super) fn of_position(at: InstrumentId, quantity: Option<Quantity>, time: Timestamp, out: &mut Vec<u8>) {
    let mut bytes = Bytes { out, time };
    match quantity {
        Some(quantity) => bytes.tag(15).decimal(quantity.0),
        None => bytes.tag(16),
    };
    if at != InstrumentId::PRIMARY {
        bytes.number(u64::from(at.0));
    }
}

impl EventKind {
    /// Appends what the hash chain takes in of this event, which was at `time`.
    pub(super) fn essence(&self, time: Timestamp, out: &mut Vec<u8>) {
        match self {
            Self::OrderSubmitted { order } => return of_submitted(order, time, out),
            Self::OrderAccepted { order_id } => return of_accepted(*order_id, time, out),
            Self::OrderFilled { fill, order, cash } => return of_filled(fill, order, *cash, time, out),
            Self::TradeOpened { trade } => return of_opened(trade.id, time, out),
            Self::TradeClosed { trade } => return of_closed(trade, time, out),
            Self::PositionChanged { instrument, position } => {
                let quantity = position.as_ref().map(|position| position.quantity);
                return of_position(*instrument, quantity, time, out);
            }
            _ => {}
        }
        let mut bytes = Bytes { out, time };
        match self {
            Self::StateChanged { from, to, .. } => bytes.tag(0).tag(*from as u8).tag(*to as u8),
            Self::OrderDenied { order, reason } => bytes.tag(2).order(order).text(reason.code()),
            Self::OrderAttached { order } => bytes.tag(3).order(order),
            Self::OrderRejected { order_id, reason } => bytes.tag(5).number(order_id.0).text(reason.code()),
            Self::OrderTriggered { order_id, price } => bytes.tag(6).number(order_id.0).decimal(price.0),
            Self::OrderAmended {
                order_id,
                terms,
                quantity,
                ..
            } => bytes.tag(7).number(order_id.0).kind(*terms).decimal(quantity.0),
            Self::ComboPlaced { .. } => bytes.tag(8).whole(self),
            Self::OrderRequestRefused { order_id, reason } => {
                bytes.tag(9).number(order_id.0).text(reason.code())
            }
            Self::OrderCanceled { order_id, reason } => bytes.tag(11).number(order_id.0).text(reason.code()),
            Self::OrderExpired { order_id } => bytes.tag(12).number(order_id.0),
            Self::MarketStatusChanged { instrument, status } => {
                bytes.tag(17).number(u64::from(instrument.0)).tag(*status as u8)
            }
            Self::CorporateAction { .. } => bytes.tag(18).whole(self),
            Self::CashFlow { .. } => bytes.tag(19).whole(self),
            Self::AlertRaised { alert } => bytes.tag(20).number(alert.id.0).text(&alert.code),
            Self::DataTierChanged { .. } => bytes.tag(22).whole(self),
            Self::InstrumentListed { listed, .. } => bytes.tag(23).text(listed.symbol().as_str()),
            Self::OptionExercised { .. } => bytes.tag(24).whole(self),
            Self::ExerciseRefused {
                symbol,
                quantity,
                reason,
            } => bytes
                .tag(25)
                .text(symbol.as_str())
                .decimal(quantity.0)
                .text(reason.code()),
            // Not of the journal: marks are folded in by themselves.
            Self::Bar { .. } | Self::Mark { .. } | Self::Quote { .. } => bytes.tag(21),
            // Written above.
            Self::OrderSubmitted { .. }
            | Self::OrderAccepted { .. }
            | Self::OrderFilled { .. }
            | Self::TradeOpened { .. }
            | Self::TradeClosed { .. }
            | Self::PositionChanged { .. } => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_reads_back_from_as_few_bytes_as_say_it(number: u64, shift in 0..64_u32) {
            let number = number >> shift;
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            let (first, rest) = bytes.split_first().expect("a byte");
            if u64::from(*first) < COUNT {
                prop_assert_eq!((u64::from(*first), rest.len()), (number, 0));
            } else {
                prop_assert_eq!(usize::from(first & !(COUNT as u8)), rest.len());
                prop_assert!(rest.last().is_some_and(|last| *last > 0), "no byte too many");
                prop_assert!(number >= COUNT);
                prop_assert_eq!(read(rest), u128::from(number));
            }
        }

        #[test]
        fn a_decimal_is_its_shape_and_its_digits(units: i64, high: u32, bits in 0..64_u32, scale in 0..=28_u32) {
            for digits in [i128::from(units >> bits), i128::from(units >> bits) * i128::from(high)] {
                let decimal = Decimal::from_i128_with_scale(digits, scale);
                let mut bytes = vec![7];
                put_decimal(&mut bytes, decimal.into());
                bytes.push(9);
                let [7, shape, count, digits_of @ .., 9] = &bytes[..] else {
                    return Err(TestCaseError::fail("nothing beside it is touched"));
                };
                prop_assert_eq!(*shape, (scale as u8) << 1 | u8::from(digits < 0));
                prop_assert_eq!(usize::from(count & !(COUNT as u8)), digits_of.len());
                prop_assert_eq!(read(digits_of), digits.unsigned_abs());
            }
        }
    }

    fn read(bytes: &[u8]) -> u128 {
        bytes
            .iter()
            .rev()
            .fold(0, |read, byte| read << 8 | u128::from(*byte))
    }
}
