//! What trading costs: each preset of fees against amounts worked out by hand or taken from the venue's own examples,
//! slippage and impact against their published formulas, and what must hold for all of them.

mod fees;
mod prices;
mod properties;

use papertape::engine::{ExecutionConfig, Fees, FillPreset};
use papertape::exchange::{
    Amount, Basis, Charge, ChargedOn, Conditions, DataTier, FeeInputs, FeePreset, FeeSchedule, ImpactModel,
    LatencyModel, LatencyPoint, Liquidity, LiquidityCurve, Models, Slip, SlipInputs, SlippageModel, Tier,
};
use papertape::market::Bar;
use papertape::model::{Instrument, Money, Price, Quantity, Side, Timeframe, Timestamp};
use papertape::testkit::decimal;
use proptest::prelude::*;
use rust_decimal::Decimal;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn instrument(symbol: &str, tick: &str, lot: &str, multiplier: &str) -> Instrument {
    let symbol = symbol.parse().expect("a symbol");
    Instrument::new(
        symbol,
        decimal(tick),
        decimal(lot),
        Decimal::ZERO,
        decimal(multiplier),
    )
    .expect("an instrument")
}

fn pair() -> Instrument {
    instrument("BTC/USDT", "0.01", "0.00001", "1")
}

fn share() -> Instrument {
    instrument("AAPL", "0.01", "1", "1")
}

fn models(fees: Fees) -> Models {
    Models::from(&ExecutionConfig {
        fees,
        ..ExecutionConfig::default()
    })
}

fn preset(name: &str) -> Models {
    models(Fees::Preset(name.parse().expect("a preset")))
}

/// A fill of an order of which nothing has filled before.
fn fill<'a>(
    instrument: &'a Instrument,
    side: Side,
    price: &str,
    quantity: &str,
    liquidity: Liquidity,
) -> FeeInputs<'a> {
    FeeInputs {
        instrument,
        side,
        price: Price(decimal(price)),
        quantity: Quantity(decimal(quantity)),
        liquidity,
        time: Timestamp::EPOCH,
        order_filled: Quantity::ZERO,
        order_value: Decimal::ZERO,
        order_fees: Decimal::ZERO,
    }
}

fn hourly_bar(hour: i64, close: f64, volume: f64) -> Bar {
    Bar {
        open_time: Timestamp::from_secs(hour * HOUR),
        open: close,
        high: close,
        low: close,
        close,
        volume,
    }
}

/// Conditions after `days` days of hourly bars, each of which trades 100 an hour and closes up or down by turns, and in
/// the first hour of the next day, in which 200 are traded.
fn conditions(days: i64, step: f64) -> Conditions {
    let mut conditions = Conditions::new(true);
    for hour in 0..days * 24 {
        let close = if (hour / 24) % 2 == 0 { 100.0 } else { 100.0 * step };
        conditions.on_bar(&hourly_bar(hour, close, 100.0), Timeframe::HOUR);
    }
    conditions.on_bar(&hourly_bar(days * 24, 3.0, 200.0), Timeframe::HOUR);
    conditions
}

fn slip(config: &ExecutionConfig, conditions: &Conditions, side: Side, price: &str, quantity: &str) -> Slip {
    let fine = instrument("AAPL", "0.0000001", "0.001", "1");
    Models::from(config).slip(&SlipInputs {
        instrument: &fine,
        side,
        quantity: Quantity(decimal(quantity)),
        price: Price(decimal(price)),
        half_spread: None,
        conditions,
        tier: DataTier::Bars,
        time: Timestamp::EPOCH,
    })
}

fn with_slippage(slippage: SlippageModel) -> ExecutionConfig {
    ExecutionConfig {
        slippage,
        ..ExecutionConfig::default()
    }
}
