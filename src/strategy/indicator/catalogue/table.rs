//! The functions themselves, one entry each. A name, its arguments, its outputs, its warm-up, its state.

use super::super::{
    Pair, Price, PricePair, PriceTriple, Single, SinglePair, SingleTriple,
    average::{Dema, Ema, Kama, Sma, T3, Tema, Trima, Wma},
    momentum::{Change, ChangeKind, Cmo, Macd, PriceOscillator, Rsi, StochRsi, Trix},
    oscillator::{Aroon, AroonOscillator, Cci, Mfi, Stoch, UltimateOscillator, Willr},
    statistics::{Beta, Correlation, LinearRegression, Midpoint, PercentRank, StdDev, Variance, ZScore},
    trend::{Adx, Adxr, DirectionalIndicator, Dx, Sar, Supertrend},
    volatility::{Atr, Bbands, Donchian, Keltner, MidPrice, Natr, TrueRange},
    volume::{Ad, AdOscillator, Obv, Vwap},
    volume_profile::VolumeProfile,
    window::{Extreme, RollingSum, Window},
};
use super::{Argument, ArgumentKind, Constants, Function, Gives};
use crate::strategy::program::op::{BarValue, Cross, Math, Math2, Op, PositionValue, Slot, Streak};

const fn series(name: &'static str) -> Argument {
    argument(name, ArgumentKind::Series)
}

const fn period(minimum: u32, default: u32) -> Argument {
    named_period("period", minimum, default)
}

const fn named_period(name: &'static str, minimum: u32, default: u32) -> Argument {
    argument(name, ArgumentKind::Period(minimum, Some(default)))
}

const fn constant(name: &'static str, from: f64, to: f64, default: f64) -> Argument {
    argument(name, ArgumentKind::Constant(from, to, default))
}

const fn argument(name: &'static str, kind: ArgumentKind) -> Argument {
    Argument { name, kind }
}

fn single(slots: &[Slot], indicator: impl Into<Single>) -> Op {
    Op::Single(slots[0], Box::new(indicator.into()))
}

fn price(indicator: impl Into<Price>) -> Op {
    Op::Price(Box::new(indicator.into()))
}

const NONE: fn(&Constants) -> usize = |_| 0;
const ONE_LESS: fn(&Constants) -> usize = |c| c.period(0) - 1;
const WHOLE: fn(&Constants) -> usize = |c| c.period(0);

/// A value that is read off the bar or the position.
const fn value(name: &'static str, build: fn(&[Slot], &Constants) -> Op) -> Function {
    Function {
        name,
        arguments: &[],
        gives: Gives::Number,
        warm_up: NONE,
        build,
    }
}

const fn math(name: &'static str, build: fn(&[Slot], &Constants) -> Op) -> Function {
    Function {
        name,
        arguments: ONE_NUMBER,
        gives: Gives::Number,
        warm_up: NONE,
        build,
    }
}

/// An indicator that gives one number.
const fn number(
    name: &'static str,
    arguments: &'static [Argument],
    warm_up: fn(&Constants) -> usize,
    build: fn(&[Slot], &Constants) -> Op,
) -> Function {
    Function {
        name,
        arguments,
        gives: Gives::Number,
        warm_up,
        build,
    }
}

const fn condition(
    name: &'static str,
    arguments: &'static [Argument],
    warm_up: fn(&Constants) -> usize,
    build: fn(&[Slot], &Constants) -> Op,
) -> Function {
    Function {
        name,
        arguments,
        gives: Gives::Condition,
        warm_up,
        build,
    }
}

const fn fields(
    name: &'static str,
    arguments: &'static [Argument],
    outputs: &'static [&'static str],
    warm_up: fn(&Constants) -> usize,
    build: fn(&[Slot], &Constants) -> Op,
) -> Function {
    Function {
        name,
        arguments,
        gives: Gives::Fields(outputs),
        warm_up,
        build,
    }
}

const ONE_NUMBER: &[Argument] = &[argument("x", ArgumentKind::Number)];
const TWO_NUMBERS: &[Argument] = &[
    argument("a", ArgumentKind::Number),
    argument("b", ArgumentKind::Number),
];
const STEPS: &[Argument] = &[series("x"), argument("bars", ArgumentKind::Period(1, None))];

/// The whole language. A function whose arguments may all be left out may be written without parentheses.
pub(super) static FUNCTIONS: &[Function] = &[
    // What the bar says.
    value("open", |_, _| Op::Bar(BarValue::Open)),
    value("high", |_, _| Op::Bar(BarValue::High)),
    value("low", |_, _| Op::Bar(BarValue::Low)),
    value("close", |_, _| Op::Bar(BarValue::Close)),
    value("volume", |_, _| Op::Bar(BarValue::Volume)),
    value("hl2", |_, _| Op::Bar(BarValue::Median)),
    value("hlc3", |_, _| Op::Bar(BarValue::Typical)),
    value("ohlc4", |_, _| Op::Bar(BarValue::Average)),
    value("typprice", |_, _| Op::Bar(BarValue::Typical)),
    value("wclprice", |_, _| Op::Bar(BarValue::Weighted)),
    value("bop", |_, _| Op::Bar(BarValue::BalanceOfPower)),
    value("hour", |_, _| Op::Bar(BarValue::Hour)),
    value("minute", |_, _| Op::Bar(BarValue::Minute)),
    value("weekday", |_, _| Op::Bar(BarValue::Weekday)),
    // What the position says.
    value("position_size", |_, _| Op::Position(PositionValue::Size)),
    value("entry_price", |_, _| Op::Position(PositionValue::EntryPrice)),
    value("bars_in_trade", |_, _| Op::Position(PositionValue::BarsInTrade)),
    value("unrealized_return", |_, _| {
        Op::Position(PositionValue::UnrealizedReturn)
    }),
    // Arithmetic.
    math("abs", |s, _| Op::Math(Math::Abs, s[0])),
    math("sqrt", |s, _| Op::Math(Math::Sqrt, s[0])),
    math("log", |s, _| Op::Math(Math::Log, s[0])),
    math("exp", |s, _| Op::Math(Math::Exp, s[0])),
    math("round", |s, _| Op::Math(Math::Round, s[0])),
    math("floor", |s, _| Op::Math(Math::Floor, s[0])),
    math("ceil", |s, _| Op::Math(Math::Ceil, s[0])),
    number(
        "nz",
        &[
            argument("x", ArgumentKind::Number),
            argument("otherwise", ArgumentKind::NumberOr(0.0)),
        ],
        NONE,
        |s, _| Op::Math2(Math2::Default, s[0], s[1]),
    ),
    // Averages.
    number("sma", &[series("series"), period(1, 30)], ONE_LESS, |s, c| {
        single(s, Sma::new(c.period(0)))
    }),
    number("ema", &[series("series"), period(1, 30)], ONE_LESS, |s, c| {
        single(s, Ema::new(c.period(0)))
    }),
    number("wma", &[series("series"), period(1, 30)], ONE_LESS, |s, c| {
        single(s, Wma::new(c.period(0)))
    }),
    number(
        "dema",
        &[series("series"), period(1, 30)],
        |c| 2 * (c.period(0) - 1),
        |s, c| single(s, Dema::new(c.period(0))),
    ),
    number(
        "tema",
        &[series("series"), period(1, 30)],
        |c| 3 * (c.period(0) - 1),
        |s, c| single(s, Tema::new(c.period(0))),
    ),
    number("trima", &[series("series"), period(1, 30)], ONE_LESS, |s, c| {
        single(s, Trima::new(c.period(0)))
    }),
    number("kama", &[series("series"), period(1, 30)], WHOLE, |s, c| {
        single(s, Kama::new(c.period(0)))
    }),
    number(
        "t3",
        &[series("series"), period(1, 5), constant("factor", 0.0, 1.0, 0.7)],
        |c| 6 * (c.period(0) - 1),
        |s, c| single(s, T3::new(c.period(0), c.real(1))),
    ),
    // Momentum.
    number("rsi", &[series("series"), period(1, 14)], WHOLE, |s, c| {
        single(s, Rsi::new(c.period(0)))
    }),
    number("cmo", &[series("series"), period(1, 14)], WHOLE, |s, c| {
        single(s, Cmo::new(c.period(0)))
    }),
    number("mom", &[series("series"), period(1, 10)], WHOLE, |s, c| {
        single(s, Change::new(ChangeKind::Difference, c.period(0)))
    }),
    number("roc", &[series("series"), period(1, 10)], WHOLE, |s, c| {
        single(s, Change::new(ChangeKind::Percent, c.period(0)))
    }),
    number("rocp", &[series("series"), period(1, 10)], WHOLE, |s, c| {
        single(s, Change::new(ChangeKind::Ratio, c.period(0)))
    }),
    number(
        "trix",
        &[series("series"), period(1, 30)],
        |c| 3 * (c.period(0) - 1) + 1,
        |s, c| single(s, Trix::new(c.period(0))),
    ),
    number(
        "ppo",
        &[
            series("series"),
            named_period("fast", 2, 12),
            named_period("slow", 2, 26),
        ],
        |c| c.period(0).max(c.period(1)) - 1,
        |s, c| single(s, PriceOscillator::new(c.period(0), c.period(1), true)),
    ),
    number(
        "apo",
        &[
            series("series"),
            named_period("fast", 2, 12),
            named_period("slow", 2, 26),
        ],
        |c| c.period(0).max(c.period(1)) - 1,
        |s, c| single(s, PriceOscillator::new(c.period(0), c.period(1), false)),
    ),
    fields(
        "macd",
        &[
            series("series"),
            named_period("fast", 2, 12),
            named_period("slow", 2, 26),
            named_period("signal", 1, 9),
        ],
        &["macd", "signal", "hist"],
        |c| c.period(0).max(c.period(1)) - 1 + c.period(2) - 1,
        |s, c| {
            let macd = Macd::new(c.period(0), c.period(1), c.period(2));
            Op::SingleTriple(s[0], Box::new(SingleTriple::Macd(macd)))
        },
    ),
    fields(
        "stochrsi",
        &[
            series("series"),
            period(2, 14),
            named_period("fastk", 1, 5),
            named_period("fastd", 1, 3),
        ],
        &["k", "d"],
        |c| c.period(0) + c.period(1) - 1 + c.period(2) - 1,
        |s, c| {
            let indicator = StochRsi::new(c.period(0), c.period(1), c.period(2));
            Op::SinglePair(s[0], Box::new(SinglePair::StochRsi(indicator)))
        },
    ),
    // Oscillators of whole bars.
    fields(
        "stoch",
        &[
            named_period("fastk", 1, 5),
            named_period("slowk", 1, 3),
            named_period("slowd", 1, 3),
        ],
        &["k", "d"],
        |c| c.period(0) + c.period(1) + c.period(2) - 3,
        |_, c| {
            let indicator = Stoch::new(c.period(0), c.period(1), c.period(2));
            Op::PricePair(Box::new(PricePair::Stoch(indicator)))
        },
    ),
    fields(
        "stochf",
        &[named_period("fastk", 1, 5), named_period("fastd", 1, 3)],
        &["k", "d"],
        |c| c.period(0) + c.period(1) - 2,
        |_, c| {
            let indicator = Stoch::new(c.period(0), 1, c.period(1));
            Op::PricePair(Box::new(PricePair::Stoch(indicator)))
        },
    ),
    number("willr", &[period(2, 14)], ONE_LESS, |_, c| {
        price(Willr::new(c.period(0)))
    }),
    number("cci", &[period(2, 14)], ONE_LESS, |_, c| {
        price(Cci::new(c.period(0)))
    }),
    number("mfi", &[period(2, 14)], WHOLE, |_, c| {
        price(Mfi::new(c.period(0)))
    }),
    fields("aroon", &[period(2, 14)], &["up", "down"], WHOLE, |_, c| {
        Op::PricePair(Box::new(PricePair::Aroon(Aroon::new(c.period(0)))))
    }),
    number("aroonosc", &[period(2, 14)], WHOLE, |_, c| {
        price(AroonOscillator::new(c.period(0)))
    }),
    number(
        "ultosc",
        &[
            named_period("first", 1, 7),
            named_period("second", 1, 14),
            named_period("third", 1, 28),
        ],
        |c| c.period(0).max(c.period(1)).max(c.period(2)),
        |_, c| price(UltimateOscillator::new(c.period(0), c.period(1), c.period(2))),
    ),
    // Trend.
    number("plus_di", &[period(1, 14)], WHOLE, |_, c| {
        price(DirectionalIndicator::new(c.period(0), true))
    }),
    number("minus_di", &[period(1, 14)], WHOLE, |_, c| {
        price(DirectionalIndicator::new(c.period(0), false))
    }),
    number("dx", &[period(2, 14)], WHOLE, |_, c| price(Dx::new(c.period(0)))),
    number(
        "adx",
        &[period(2, 14)],
        |c| 2 * c.period(0) - 1,
        |_, c| price(Adx::new(c.period(0))),
    ),
    number(
        "adxr",
        &[period(2, 14)],
        |c| 3 * c.period(0) - 2,
        |_, c| price(Adxr::new(c.period(0))),
    ),
    number(
        "sar",
        &[
            constant("acceleration", 0.0, 100.0, 0.02),
            constant("maximum", 0.0, 100.0, 0.2),
        ],
        |_| 1,
        |_, c| price(Sar::new(c.real(0), c.real(1))),
    ),
    fields(
        "supertrend",
        &[period(1, 10), constant("multiplier", 0.0, 1_000.0, 3.0)],
        &["line", "direction"],
        WHOLE,
        |_, c| {
            let indicator = Supertrend::new(c.period(0), c.real(1));
            Op::PricePair(Box::new(PricePair::Supertrend(indicator)))
        },
    ),
    // Ranges and bands.
    number("trange", &[], |_| 1, |_, _| price(TrueRange::new())),
    number("atr", &[period(1, 14)], WHOLE, |_, c| {
        price(Atr::new(c.period(0)))
    }),
    number("natr", &[period(1, 14)], WHOLE, |_, c| {
        price(Natr::new(c.period(0)))
    }),
    number("midprice", &[period(2, 14)], ONE_LESS, |_, c| {
        price(MidPrice::new(c.period(0)))
    }),
    fields(
        "bbands",
        &[
            series("series"),
            period(2, 20),
            constant("deviations_up", -1e6, 1e6, 2.0),
            constant("deviations_down", -1e6, 1e6, f64::NAN),
        ],
        &["upper", "middle", "lower"],
        ONE_LESS,
        |s, c| {
            let bands = Bbands::new(c.period(0), c.real(1), c.real(2));
            Op::SingleTriple(s[0], Box::new(SingleTriple::Bbands(bands)))
        },
    ),
    fields(
        "donchian",
        &[period(1, 20)],
        &["upper", "lower", "middle"],
        ONE_LESS,
        |_, c| Op::PriceTriple(Box::new(PriceTriple::Donchian(Donchian::new(c.period(0))))),
    ),
    fields(
        "keltner",
        &[
            period(1, 20),
            constant("multiplier", 0.0, 1_000.0, 2.0),
            named_period("atr_period", 1, 10),
        ],
        &["upper", "middle", "lower"],
        |c| (c.period(0) - 1).max(c.period(2)),
        |_, c| {
            let channel = Keltner::new(c.period(0), c.real(1), c.period(2));
            Op::PriceTriple(Box::new(PriceTriple::Keltner(channel)))
        },
    ),
    // Volume.
    number("obv", &[], NONE, |_, _| price(Obv::new())),
    number("ad", &[], NONE, |_, _| price(Ad::new())),
    number(
        "adosc",
        &[named_period("fast", 2, 3), named_period("slow", 2, 10)],
        |c| c.period(0).max(c.period(1)) - 1,
        |_, c| price(AdOscillator::new(c.period(0), c.period(1))),
    ),
    number("vwap", &[], NONE, |_, _| price(Vwap::new())),
    fields(
        "volume_profile",
        &[
            argument("lookback", ArgumentKind::Period(1, None)),
            named_period("bins", 2, 24),
            constant("value_area", 0.01, 1.0, 0.7),
        ],
        &["poc", "vah", "val"],
        ONE_LESS,
        |_, c| {
            let profile = VolumeProfile::new(c.period(0), c.period(1), c.real(2));
            Op::PriceTriple(Box::new(PriceTriple::VolumeProfile(profile)))
        },
    ),
    // Statistics.
    number(
        "stddev",
        &[
            series("series"),
            period(1, 5),
            constant("deviations", -1e6, 1e6, 1.0),
        ],
        ONE_LESS,
        |s, c| single(s, StdDev::new(c.period(0), c.real(1))),
    ),
    number(
        "var",
        &[
            series("series"),
            period(1, 5),
            constant("deviations", -1e6, 1e6, 1.0),
        ],
        ONE_LESS,
        |s, c| single(s, Variance::new(c.period(0))),
    ),
    number("zscore", &[series("series"), period(2, 20)], ONE_LESS, |s, c| {
        single(s, ZScore::new(c.period(0)))
    }),
    number(
        "percent_rank",
        &[series("series"), period(1, 100)],
        WHOLE,
        |s, c| single(s, PercentRank::new(c.period(0))),
    ),
    number(
        "linearreg",
        &[series("series"), period(2, 14)],
        ONE_LESS,
        |s, c| single(s, LinearRegression::new(c.period(0), false)),
    ),
    number(
        "linearreg_slope",
        &[series("series"), period(2, 14)],
        ONE_LESS,
        |s, c| single(s, LinearRegression::new(c.period(0), true)),
    ),
    number(
        "correl",
        &[series("x"), series("y"), period(1, 30)],
        ONE_LESS,
        |s, c| {
            Op::Pair(
                s[0],
                s[1],
                Box::new(Pair::Correlation(Correlation::new(c.period(0)))),
            )
        },
    ),
    number(
        "beta",
        &[series("x"), series("y"), period(1, 5)],
        WHOLE,
        |s, c| Op::Pair(s[0], s[1], Box::new(Pair::Beta(Beta::new(c.period(0))))),
    ),
    number("sum", &[series("series"), period(1, 30)], ONE_LESS, |s, c| {
        single(s, RollingSum::new(c.period(0)))
    }),
    number(
        "midpoint",
        &[series("series"), period(2, 14)],
        ONE_LESS,
        |s, c| single(s, Midpoint::new(c.period(0))),
    ),
    number("highest", &[series("series"), period(1, 30)], ONE_LESS, |s, c| {
        single(s, Extreme::highest(c.period(0)))
    }),
    number("lowest", &[series("series"), period(1, 30)], ONE_LESS, |s, c| {
        single(s, Extreme::lowest(c.period(0)))
    }),
    // TA-Lib's MAX and MIN; with two numbers see `PAIRWISE`.
    number("max", &[series("series"), period(1, 30)], ONE_LESS, |s, c| {
        single(s, Extreme::highest(c.period(0)))
    }),
    number("min", &[series("series"), period(1, 30)], ONE_LESS, |s, c| {
        single(s, Extreme::lowest(c.period(0)))
    }),
    // Events and memory.
    condition(
        "cross_above",
        TWO_NUMBERS,
        |_| 1,
        |s, _| Op::Cross(Cross::Above, s[0], s[1], None),
    ),
    condition(
        "cross_below",
        TWO_NUMBERS,
        |_| 1,
        |s, _| Op::Cross(Cross::Below, s[0], s[1], None),
    ),
    condition(
        "crosses",
        TWO_NUMBERS,
        |_| 1,
        |s, _| Op::Cross(Cross::Either, s[0], s[1], None),
    ),
    condition("rising", STEPS, WHOLE, |s, c| {
        Op::Streak(Streak::new(true, c.period(0) as u64), s[0])
    }),
    condition("falling", STEPS, WHOLE, |s, c| {
        Op::Streak(Streak::new(false, c.period(0) as u64), s[0])
    }),
    number(
        "bars_since",
        &[argument("condition", ArgumentKind::Condition)],
        NONE,
        |s, _| Op::BarsSince(s[0], None),
    ),
    number(
        "value_when",
        &[
            argument("condition", ArgumentKind::Condition),
            argument("x", ArgumentKind::Number),
        ],
        NONE,
        |s, _| Op::ValueWhen(s[0], s[1], f64::NAN),
    ),
    number(
        "prev",
        &[argument("x", ArgumentKind::Number), named_period("bars", 1, 1)],
        WHOLE,
        |s, c| Op::History(s[0], Window::new(c.period(0) + 1)),
    ),
];

/// `max(a, b)` and `min(a, b)` of two numbers: what the names mean when the second argument is no period, that is,
/// anything but a constant whole number of at least 2.
pub(crate) static PAIRWISE: [Function; 2] = [
    number("max", TWO_NUMBERS, NONE, |s, _| Op::Math2(Math2::Max, s[0], s[1])),
    number("min", TWO_NUMBERS, NONE, |s, _| Op::Math2(Math2::Min, s[0], s[1])),
];
