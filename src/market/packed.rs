//! Bars in few bytes, for the way to the browser; every bit of them comes back.
//!
//! | part | form |
//! |---|---|
//! | `PTB1` | four bytes that say what this is |
//! | number of bars, length of a bar in nanoseconds | two varints |
//! | open times | a signed varint each: nanoseconds later than the bar before would close; the first since 1970 |
//! | digits of prices | one byte: *d* when every price is a whole number over 10ᵈ, else 255 |
//! | closes and opens | two signed varints a bar: how much the whole numbers differ from the close before |
//! | highs and lows | two a bar: how far above the higher, and below the lower, of open and close |
//! | digits of volumes | one byte as above |
//! | volumes | a signed varint each |
//!
//! Where digits are 255 a column is one little-endian `f64` a bar. A varint has seven bits a byte, the lowest first, the
//! eighth says that more follow; a signed one is zigzagged (0, −1, 1, −2, …). A whole number below 2⁵³ over a power of
//! ten below 10²² is the `f64` nearest to that decimal, which is what reading the decimal gives, so that prices of a
//! venue come back bit for bit; packing checks that they do.

use super::Bars;
use crate::model::{Timeframe, Timestamp};

const MAGIC: [u8; 4] = *b"PTB1";
/// Most digits after the point that are tried.
const MOST_DIGITS: u8 = 12;
/// Instead of digits: the column is floats.
const FLOATS: u8 = 255;
/// The largest whole number up to which an `f64` holds all.
const MOST: f64 = 9_007_199_254_740_992.0;
/// A bar takes a byte a column at least.
const FEWEST_BYTES: usize = 6;

/// Why bytes are no packed bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackedBarsError {
    /// They do not begin as such.
    #[error("these are no packed bars")]
    Other,
    /// They end too soon.
    #[error("the packed bars end too soon")]
    Short,
    /// They go on after their end.
    #[error("something follows the packed bars")]
    Long,
    /// A number is too large, or the times do not rise.
    #[error("the packed bars hold what no bars are")]
    Impossible,
}

/// Bars of a timeframe as bytes.
#[must_use]
pub fn pack_bars(bars: &Bars, timeframe: Timeframe) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + bars.len() * 12);
    out.extend_from_slice(&MAGIC);
    unsigned(&mut out, bars.len() as u64);
    unsigned(&mut out, timeframe.nanos().unsigned_abs());
    let mut expected = 0_i64;
    for time in &bars.open_time {
        signed(&mut out, time.nanos().wrapping_sub(expected));
        expected = time.nanos().wrapping_add(timeframe.nanos());
    }
    let prices = [&bars.close, &bars.open, &bars.high, &bars.low];
    match digits(&prices) {
        Some(digits) => {
            out.push(digits);
            let [close, open, high, low] = prices.map(|column| wholes(column, digits));
            let mut before = 0;
            for (close, open) in close.iter().zip(&open) {
                signed(&mut out, close - before);
                signed(&mut out, open - before);
                before = *close;
            }
            for (index, high) in high.iter().enumerate() {
                signed(&mut out, high - close[index].max(open[index]));
                signed(&mut out, close[index].min(open[index]) - low[index]);
            }
        }
        None => floats(&mut out, &prices),
    }
    match digits(&[&bars.volume]) {
        Some(digits) => {
            out.push(digits);
            for volume in wholes(&bars.volume, digits) {
                signed(&mut out, volume);
            }
        }
        None => floats(&mut out, &[&bars.volume]),
    }
    out
}

/// The bars that bytes are, and their timeframe.
///
/// # Errors
/// [`PackedBarsError`]; whatever the bytes are, no more memory is taken than a few times their own.
pub fn unpack_bars(bytes: &[u8]) -> Result<(Bars, Timeframe), PackedBarsError> {
    let mut input = Reader(bytes);
    if input.take(MAGIC.len())? != MAGIC {
        return Err(PackedBarsError::Other);
    }
    let count = usize::try_from(input.unsigned()?).map_err(|_| PackedBarsError::Short)?;
    if count > bytes.len() / FEWEST_BYTES {
        return Err(PackedBarsError::Short);
    }
    let nanos = input.unsigned()?;
    let timeframe = Timeframe::from_secs(nanos / 1_000_000_000).map_err(|_| PackedBarsError::Impossible)?;
    let mut bars = Bars {
        open_time: input.times(count, timeframe)?,
        ..Bars::default()
    };
    match input.byte()? {
        FLOATS => {
            for column in [&mut bars.close, &mut bars.open, &mut bars.high, &mut bars.low] {
                *column = input.floats(count)?;
            }
        }
        digits => input.prices(count, ten_to(digits)?, &mut bars)?,
    }
    bars.volume = match input.byte()? {
        FLOATS => input.floats(count)?,
        digits => {
            let scale = ten_to(digits)?;
            (0..count)
                .map(|_| Ok(input.signed()? as f64 / scale))
                .collect::<Result<_, _>>()?
        }
    };
    if input.0.is_empty() {
        Ok((bars, timeframe))
    } else {
        Err(PackedBarsError::Long)
    }
}

fn ten_to(digits: u8) -> Result<f64, PackedBarsError> {
    if digits > MOST_DIGITS {
        return Err(PackedBarsError::Impossible);
    }
    Ok((0..digits).fold(1.0, |power, _| power * 10.0))
}

/// The fewest digits with which every value is a whole number over a power of ten, to the bit.
fn digits(columns: &[&Vec<f64>]) -> Option<u8> {
    let mut digits = 0;
    for value in columns.iter().flat_map(|column| column.iter()) {
        while !fits(*value, digits) {
            digits += 1;
            if digits > MOST_DIGITS {
                return None;
            }
        }
    }
    // What fits with few digits need not fit with more: the whole number can become too large.
    let all_fit = columns
        .iter()
        .all(|column| column.iter().all(|value| fits(*value, digits)));
    all_fit.then_some(digits)
}

fn fits(value: f64, digits: u8) -> bool {
    let Ok(scale) = ten_to(digits) else { return false };
    let whole = (value * scale).round();
    // By way of the integer, which knows no negative zero.
    whole.abs() < MOST && (whole as i64 as f64 / scale).to_bits() == value.to_bits()
}

fn wholes(column: &[f64], digits: u8) -> Vec<i64> {
    let scale = ten_to(digits).unwrap_or(1.0);
    column
        .iter()
        .map(|value| (value * scale).round() as i64)
        .collect()
}

fn floats(out: &mut Vec<u8>, columns: &[&Vec<f64>]) {
    out.push(FLOATS);
    for value in columns.iter().flat_map(|column| column.iter()) {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn unsigned(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn signed(out: &mut Vec<u8>, number: i64) {
    unsigned(out, ((number << 1) ^ (number >> 63)) as u64);
}

/// What has not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], PackedBarsError> {
        let (taken, left) = self.0.split_at_checked(count).ok_or(PackedBarsError::Short)?;
        self.0 = left;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, PackedBarsError> {
        let (byte, left) = self.0.split_first().ok_or(PackedBarsError::Short)?;
        self.0 = left;
        Ok(*byte)
    }

    fn unsigned(&mut self) -> Result<u64, PackedBarsError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(PackedBarsError::Impossible)
    }

    fn signed(&mut self) -> Result<i64, PackedBarsError> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f64>, PackedBarsError> {
        let (numbers, _) = self.take(count.saturating_mul(8))?.as_chunks();
        Ok(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }

    fn times(&mut self, count: usize, timeframe: Timeframe) -> Result<Vec<Timestamp>, PackedBarsError> {
        let mut times = Vec::with_capacity(count);
        let mut expected = 0_i64;
        for index in 0..count {
            let time = expected.wrapping_add(self.signed()?);
            if index > 0 && time < expected {
                return Err(PackedBarsError::Impossible);
            }
            times.push(Timestamp::from_nanos(time));
            expected = time
                .checked_add(timeframe.nanos())
                .ok_or(PackedBarsError::Impossible)?;
        }
        Ok(times)
    }

    fn prices(&mut self, count: usize, scale: f64, bars: &mut Bars) -> Result<(), PackedBarsError> {
        let mut bodies = Vec::with_capacity(count);
        let mut before = 0_i64;
        for _ in 0..count {
            let close = before.wrapping_add(self.signed()?);
            let open = before.wrapping_add(self.signed()?);
            bodies.push((open, close));
            before = close;
        }
        *bars = Bars {
            open_time: std::mem::take(&mut bars.open_time),
            ..Bars::with_capacity(count)
        };
        for (open, close) in bodies {
            let high = open.max(close).wrapping_add(self.signed()?);
            let low = open.min(close).wrapping_sub(self.signed()?);
            bars.open.push(open as f64 / scale);
            bars.high.push(high as f64 / scale);
            bars.low.push(low as f64 / scale);
            bars.close.push(close as f64 / scale);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Bar;
    use proptest::prelude::*;

    fn bits(bars: &Bars) -> Vec<(i64, [u64; 5])> {
        bars.iter()
            .map(|bar| {
                let values = [bar.open, bar.high, bar.low, bar.close, bar.volume];
                (bar.open_time.nanos(), values.map(f64::to_bits))
            })
            .collect()
    }

    fn round_trip(bars: &Bars) -> Vec<u8> {
        let packed = pack_bars(bars, Timeframe::MINUTE);
        let (unpacked, timeframe) = unpack_bars(&packed).expect("what was packed");
        assert_eq!((bits(&unpacked), timeframe), (bits(bars), Timeframe::MINUTE));
        packed
    }

    fn bars(rows: Vec<(u16, [f64; 5])>) -> Bars {
        let mut time = 1_600_000_000_000_000_000_i64;
        rows.into_iter()
            .map(|(missing, [open, high, low, close, volume])| {
                time += (i64::from(missing) + 1) * Timeframe::MINUTE.nanos();
                Bar {
                    open_time: Timestamp::from_nanos(time),
                    open,
                    high,
                    low,
                    close,
                    volume,
                }
            })
            .collect()
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(rows in prop::collection::vec((0_u16..3, prop::array::uniform5(any::<f64>())), 0..40)) {
            round_trip(&bars(rows));
        }

        #[test]
        fn prices_of_a_venue_take_few_bytes(
            steps in prop::collection::vec((0_u16..2, prop::array::uniform4(-500_i64..500), 0_u64..1_000_000), 1..60),
        ) {
            let rows: Vec<_> = steps.iter().scan(9_512_345_i64, |price, (missing, [a, b, c, d], volume)| {
                *price += a;
                let cents = |number: i64| number as f64 / 100.0;
                let (open, close) = (*price, *price + b);
                let (high, low) = (open.max(close) + c.abs(), open.min(close) - d.abs());
                Some((*missing, [cents(open), cents(high), cents(low), cents(close), *volume as f64 / 1e5]))
            }).collect();
            let count = rows.len();
            let packed = round_trip(&bars(rows));
            prop_assert!(packed.len() < 40 + 20 * count, "{} bytes for {count} bars", packed.len());
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), whole in any::<bool>()) {
            let mut bytes = bytes;
            if !whole {
                bytes.splice(0..0, MAGIC);
            }
            let _ = unpack_bars(&bytes);
        }
    }

    #[test]
    fn a_part_of_packed_bars_is_none() {
        let packed = round_trip(&bars(vec![(0, [1.5, 2.25, 1.0, 2.0, 10.0]), (3, [2.0; 5])]));
        for end in 0..packed.len() {
            assert!(unpack_bars(&packed[..end]).is_err(), "{end} bytes");
        }
        let more = [packed, vec![0]].concat();
        assert_eq!(unpack_bars(&more), Err(PackedBarsError::Long));
    }
}
