//! What a session of the simulation is made of: instruments, account, strategy, costs.

use crate::draw::Draw;
use papertape::alert::AlertRules;
use papertape::engine::{EngineConfig, ExecutionConfig, Fees, FillPreset, OptionModel};
use papertape::exchange::{
    FeePreset, FillRules, ImpactModel, LatencyModel, LatencyPoint, LimitFill, LiquidityCurve, PathRule,
    QueueModel, SlippageModel,
};
use papertape::market::CalendarId;
use papertape::model::{Instrument, InstrumentKind, MarginRule, Money, OrderLimits, Timeframe, Timestamp};
use papertape::portfolio::{AccountConfig, MarginMode, SharesOn};
use papertape::pricing::{ModelAssumptions, Volatility};
use papertape::strategy::Strategy;
use papertape::testkit::decimal;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// A Thursday, an hour before the open in New York; summer time begins on the Sunday after.
pub(crate) const BEGIN: Timestamp = Timestamp::from_secs(1_709_818_200);

/// Strategies that place orders of their own among those of the simulation; the first leaves it all to the simulation.
const STRATEGIES: [&str; 5] = [
    "name: manual\nsymbols: [BTC/USD]\ntimeframe: 1m\nentry: {long: false}\n",
    "name: protected\nsymbols: [BTC/USD]\ntimeframe: 1m\nentry: {long: close > open, short: close < open}\n\
     risk: {size: {method: percent_of_equity, value: 40}, stop_loss: 0.2, take_profit: 1%, trailing_stop: 0.3, cooldown: 1, max_daily_loss: 5%}\n",
    "name: limits\nsymbols: [BTC/USD]\ntimeframe: 1m\nentry: {long: close < open, short: close > open + 0.05}\n\
     exit: {long: close > open + 0.1, short: close < open - 0.1}\n\
     orders: {entry: {type: limit, price: close - 0.03, expire_after: 3}, exit: {type: limit, price: close + 0.03}}\n\
     risk: {size: {method: fixed_notional, value: 500}, stop_loss: 1%}\n",
    "name: impatient\nsymbols: [BTC/USD]\ntimeframe: 2m\nentry: {long: close > open, short: close < open}\nexit: {long: close < open - 0.1}\n\
     orders: {entry: {type: limit, price: close, time_in_force: ioc}, exit: {type: market, time_in_force: fok}}\n\
     risk: {size: {method: fixed_quantity, value: 2}, stop_loss: 1%, trailing_stop: 0.5%, max_drawdown: 30%}\n",
    "name: breakout\nsymbols: [BTC/USD]\ntimeframe: 3m\nentry: {long: close > open, short: close < open}\n\
     exit: {long: bars_in_trade > 2, short: bars_in_trade > 2}\n\
     orders: {entry: {type: stop, stop_price: 'close > open ? close + 0.05 : close - 0.05', time_in_force: day}}\n\
     risk: {size: {method: percent_of_equity, value: 20}}\n",
];

/// A session: mostly one instrument and manual orders, now and then several instruments or a strategy.
pub(crate) fn draw(draw: &mut Draw) -> EngineConfig {
    let count = draw.weighted(&[4, 2, 2]) + 1;
    let mut instruments: Vec<Instrument> = (0..count).map(|place| instrument(draw, place)).collect();
    let primary = instruments.remove(0);
    let strategy = STRATEGIES[draw.weighted(&[6, 1, 1, 1, 1])];
    let strategy = Strategy::compile(strategy, &BTreeMap::new(), None)
        .unwrap_or_else(|problems| panic!("{problems:?}\n{strategy}"));
    let funding_rate = draw.pick(&[decimal("0.0001"), decimal("-0.0002")]);
    EngineConfig {
        initial_capital: Money::new(
            draw.pick(&[decimal("1000"), decimal("20000"), decimal("1000000")]),
            primary.quote(),
        ),
        instrument: primary,
        peers: Vec::new(),
        others: instruments,
        option_model: draw.chance(0.7).then(|| option_model(draw)),
        account: AccountConfig {
            mode: draw.pick(&[MarginMode::Cross, MarginMode::Isolated]),
            leverage: draw.maybe(0.3, decimal("3")),
            shares: draw.pick(&[SharesOn::Cash, SharesOn::Cash, SharesOn::Margin]),
            borrow_rate: draw.maybe(0.5, decimal("0.03")).unwrap_or_default(),
            debit_rate: draw.maybe(0.5, decimal("0.085")).unwrap_or_default(),
            credit_rate: draw.maybe(0.3, decimal("0.04")).unwrap_or_default(),
            // Until the data tells it.
            funding_rate: draw.maybe(0.5, funding_rate).unwrap_or_default(),
        },
        base_timeframe: Timeframe::MINUTE,
        strategy,
        execution: execution(draw),
        alerts: AlertRules {
            price_move: None,
            drawdown: None,
            losing_streak: None,
        },
    }
}

/// What quotes the options on shares of a session, where it has some.
fn option_model(draw: &mut Draw) -> OptionModel {
    OptionModel {
        assumptions: ModelAssumptions {
            volatility: Volatility::new(draw.pick(&[0.2, 1.0])).expect("a volatility"),
            rate: 0.04,
            dividend_yield: draw.pick(&[0.0, 0.03]),
        },
        half_spread: draw.pick(&[0.01, 0.05]),
        size: draw.pick(&[1.0, 10.0]),
        chain: None,
    }
}

/// Spot, shares with their hours, a perpetual, currencies, a future.
fn instrument(draw: &mut Draw, place: usize) -> Instrument {
    let of = |symbol: &str, tick: &str, lot: &str, least: &str, multiplier: &str| {
        Instrument::new(
            format!("{symbol}{}", ["/USD", "2/USD", "3/USD"][place])
                .parse()
                .expect("a symbol"),
            decimal(tick),
            decimal(lot),
            decimal(least),
            decimal(multiplier),
        )
        .expect("an instrument")
    };
    let rate = |initial: &str, maintenance: &str| MarginRule::Rate {
        initial: decimal(initial),
        maintenance: decimal(maintenance),
    };
    let margined = "margins are positive";
    let shares = ["AAPL", "MSFT", "NVDA"][place];
    let instrument = match draw.weighted(&[4, 3, 2, 1, 1]) {
        0 => of("BTC", "0.01", "0.001", draw.pick(&["0", "5"]), "1"),
        1 => of("AAPL", "0.01", "1", "0", "1")
            // Options are on what is named as shares are.
            .with_symbol(shares.parse().expect("a symbol"))
            .expect("dollars")
            .with_kind(InstrumentKind::Equity)
            .with_calendar(draw.pick(&[CalendarId::UsEquities, CalendarId::UsEquities, CalendarId::Always]))
            .with_margin(draw.pick(&[MarginRule::Full, rate("0.5", "0.25")]))
            .expect(margined),
        2 => of("PERP", "0.01", "0.001", "0", "1")
            .with_kind(InstrumentKind::Perpetual)
            .with_margin(rate("0.1", "0.05"))
            .expect(margined),
        3 => of("EUR", "0.0001", "1", "0", "1")
            .with_kind(InstrumentKind::Forex)
            .with_calendar(CalendarId::Forex)
            .with_margin(rate("0.0333", "0.01665"))
            .expect(margined),
        _ => of("FUT", "0.25", "1", "0", "5")
            .with_kind(InstrumentKind::Future {
                // Some end before the session does.
                expiry: draw.pick(&[
                    Timestamp::from_secs(4_000_000_000),
                    BEGIN.plus_nanos(1_800_000_000_000),
                ]),
            })
            .with_calendar(CalendarId::CmeGlobex)
            .with_margin(MarginRule::PerContract {
                initial: decimal("50"),
                maintenance: decimal("40"),
            })
            .expect(margined),
    };
    if !draw.chance(0.3) {
        return instrument;
    }
    let limits = OrderLimits {
        maximum_notional: draw.maybe(0.5, decimal("2000")),
        minimum_quantity: draw.maybe(0.3, decimal("3")),
        maximum_quantity: draw.maybe(0.3, decimal("30")),
        price_band: draw.maybe(0.5, decimal("0.1")),
        maximum_open_orders: draw.maybe(0.5, 4),
    };
    instrument.with_limits(limits)
}

fn execution(draw: &mut Draw) -> ExecutionConfig {
    let config = ExecutionConfig {
        fees: fees(draw),
        liquidation_fee: draw.maybe(0.5, decimal("0.0125")),
        slippage: match draw.below(5) {
            0 => SlippageModel::FixedBps { bps: Decimal::ZERO },
            1 => SlippageModel::FixedBps { bps: decimal("2.5") },
            2 => SlippageModel::HalfSpread { bps: decimal("3") },
            3 => SlippageModel::VolumeShare {
                price_impact: 0.1,
                volume_limit: 0.025,
            },
            _ => SlippageModel::Volatility {
                multiple: 0.5,
                fallback_bps: decimal("4"),
            },
        },
        impact: if draw.chance(0.3) {
            ImpactModel::SquareRoot {
                coefficient: 1.0,
                fallback_bps: decimal("1"),
            }
        } else {
            ImpactModel::None
        },
        liquidity: if draw.chance(0.2) {
            LiquidityCurve::Session {
                open: 52_200,
                close: 75_600,
                edge: 2.0,
                outside: 0.2,
            }
        } else {
            LiquidityCurve::Flat
        },
        latency: latency(draw),
        fill: FillRules {
            limit: draw.pick(&[LimitFill::Touch, LimitFill::Through, LimitFill::ThroughByTicks(3)]),
            volume_share: draw.maybe(0.5, decimal("0.2")),
            path: draw.pick(&[PathRule::Usual, PathRule::Adverse]),
            queue: draw.pick(&[
                QueueModel::Front,
                QueueModel::RiskAverse,
                QueueModel::Power { n: 2.0 },
                QueueModel::Logarithmic,
            ]),
            protection: draw.maybe(0.3, decimal("0.0005")),
            stale_after_ms: draw.maybe(0.5, 5_000),
        },
    };
    assert_eq!(
        config.problems(),
        [],
        "the simulation runs what a session may run"
    );
    FillPreset::ALL[draw.weighted(&[1, 4, 1])].apply(&config)
}

fn fees(draw: &mut Draw) -> Fees {
    match draw.below(4) {
        0 => Fees::Rates {
            maker: Decimal::ZERO,
            taker: Decimal::ZERO,
        },
        1 => Fees::Rates {
            maker: decimal("0.0002"),
            taker: decimal("0.00075"),
        },
        2 => Fees::default(),
        _ => {
            let presets = FeePreset::all();
            Fees::Preset(draw.pick(&presets).name.parse().expect("its name is known"))
        }
    }
}

fn latency(draw: &mut Draw) -> LatencyModel {
    const MILLI: i64 = 1_000_000;
    let entry = draw.pick(&[1, 40, 900, 20_000]) * MILLI;
    match draw.below(6) {
        0 => LatencyModel::Fixed {
            entry,
            response: entry,
        },
        1 => LatencyModel::Jittered {
            entry,
            response: entry,
            jitter: 500 * MILLI,
            seed: draw.bits(),
        },
        2 => LatencyModel::Series {
            points: vec![
                LatencyPoint {
                    time: BEGIN,
                    entry,
                    response: entry,
                },
                LatencyPoint {
                    time: BEGIN.plus_nanos(3_600_000 * MILLI),
                    entry: 2 * entry,
                    response: 0,
                },
            ],
        },
        _ => LatencyModel::default(),
    }
}
