//! The two shadows beside an engine: what they are, what they do not touch, and what holds between the three.

use papertape::backtest::{self, Outcome};
use papertape::engine::{
    Band, BandCurve, Command, Engine, EngineConfig, EventKind, ExecutionConfig, FillPreset, Input,
};
use papertape::exchange::ImpactModel;
use papertape::market::{Bar, Bars, MarketEvent};
use papertape::model::{OrderId, Side, Timestamp};
use papertape::order::{Amendment, OrderList, OrderPurpose, OrderRequest};
use papertape::testkit::{arbitrary_bars, arbitrary_market, config, decimal};
use proptest::prelude::*;

/// Market, limit and stop orders, protections, rules that read the position, a higher timeframe.
const STRATEGIES: [&str; 4] = [
    "name: cross\nsymbols: [BTC/USDT]\ntimeframe: 1m\nlet: {fast: 'sma(close, 2)', slow: 'sma(close, 5)'}\n\
     entry: {long: 'cross_above(fast, slow)'}\nexit: {long: 'cross_below(fast, slow)'}\n\
     risk: {size: {method: fixed_quantity, value: 0.3}}\n",
    "name: limits\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close < open, short: close > open + 2}\n\
     exit: {long: close > open + 3, short: close < open - 3}\n\
     orders: {entry: {type: limit, price: close - 1, expire_after: 3}, exit: {type: limit, price: close + 1}}\n\
     risk: {size: {method: risk_percent, value: 1}, stop_loss: 2 * atr(3), take_profit: 1%}\n",
    "name: position\nsymbols: [BTC/USDT]\ntimeframe: 2m\nentry: {long: close > open}\n\
     exit: {long: 'bars_in_trade > 3 or unrealized_return > 0.01'}\n\
     orders: {entry: {type: stop, stop_price: close + 1, time_in_force: day}}\n\
     risk: {size: {method: fixed_notional, value: 900}, max_drawdown: 10%}\n",
    "name: higher\nsymbols: [BTC/USDT]\ntimeframe: 1m\nlet: {trend: 'sma(close, 2) @ 5m'}\n\
     entry: {long: close > trend, short: close < trend}\n\
     risk: {size: {method: percent_of_equity, value: 40}, trailing_stop: 3, cooldown: 2, max_daily_loss: 4%}\n",
];

fn costly(yaml: &str) -> EngineConfig {
    let mut config = config(yaml);
    config.execution = ExecutionConfig {
        impact: ImpactModel::SquareRoot {
            coefficient: 0.5,
            fallback_bps: decimal("2"),
        },
        ..ExecutionConfig::percent(decimal("0.0002"), decimal("0.00075"), decimal("1.5"))
    };
    config
}

fn seen(config: &EngineConfig, preset: FillPreset) -> EngineConfig {
    EngineConfig {
        execution: preset.apply(&config.execution),
        ..config.clone()
    }
}

fn alone(config: EngineConfig, bars: &Bars) -> Outcome {
    backtest::run(config, bars, &mut |_| true).expect("nobody cancels")
}

fn with_band(config: EngineConfig, bars: &Bars) -> Outcome {
    backtest::run_with_band(config, bars, &mut |_| true).expect("nobody cancels")
}

fn bits(curve: &[f64]) -> Vec<u64> {
    curve.iter().map(|equity| equity.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whether shadows run changes nothing in the run that they accompany.
    #[test]
    fn a_band_leaves_the_expected_run_as_it_is(which in 0..STRATEGIES.len(), bars in arbitrary_bars(1..150)) {
        let without = alone(costly(STRATEGIES[which]), &bars);
        let with = with_band(costly(STRATEGIES[which]), &bars);
        prop_assert_eq!(&with.event_hash, &without.event_hash);
        prop_assert_eq!(bits(&with.equity), bits(&without.equity));
        prop_assert_eq!(&with.metrics, &without.metrics);
        prop_assert_eq!(&with.trades, &without.trades);
    }

    /// A shadow is the backtest that one would run with the preset's execution, to the last bit.
    #[test]
    fn a_shadow_is_the_run_with_its_preset(which in 0..STRATEGIES.len(), bars in arbitrary_bars(1..150)) {
        let config = costly(STRATEGIES[which]);
        let band = with_band(config.clone(), &bars).band.expect("it ran");
        for (preset, curve, shadow) in [
            (FillPreset::Optimistic, &band.curve.optimistic, &band.optimistic),
            (FillPreset::Pessimistic, &band.curve.pessimistic, &band.pessimistic),
        ] {
            let whole = alone(seen(&config, preset), &bars);
            prop_assert_eq!(bits(curve), bits(&whole.equity), "{}", preset);
            prop_assert_eq!(shadow.final_equity, whole.final_equity, "{}", preset);
            prop_assert_eq!(&shadow.metrics, &whole.metrics, "{}", preset);
        }
    }

    /// On bars and on ticks, whatever is commanded, the shadows are marked when the expected run is; frozen at any input and
    /// thawed they go on as if nothing had been.
    #[test]
    fn shadows_keep_step_and_can_be_frozen(
        which in 0..STRATEGIES.len(),
        inputs in arbitrary_market(1..120),
        share in 0.0..1.0,
    ) {
        let config = costly(STRATEGIES[which]);
        let mut engine = Engine::new(config.clone());
        let (mut band, mut curve) = (Band::new(&config), BandCurve::default());
        let (mut thawed, mut again) = (band.clone(), BandCurve::default());
        let mut events = Vec::new();
        let middle = (inputs.len() as f64 * share) as usize;
        for (index, input) in inputs.iter().enumerate() {
            if index == middle {
                let bytes = postcard::to_stdvec(&band).expect("plain data");
                thawed = postcard::from_bytes(&bytes).expect("the same data");
                again = curve.clone();
            }
            band.process(&engine, input, &mut curve);
            if index >= middle {
                thawed.process(&engine, input, &mut again);
            }
            engine.process(input, &mut events);
            let marks = events.iter().filter(|event| matches!(event.kind, EventKind::Mark { .. })).count();
            prop_assert_eq!((curve.optimistic.len(), curve.pessimistic.len()), (marks, marks));
        }
        prop_assert_eq!(bits(&curve.optimistic), bits(&again.optimistic));
        prop_assert_eq!(bits(&curve.pessimistic), bits(&again.pessimistic));
        prop_assert_eq!(band.optimistic().check(), Ok(()));
        prop_assert_eq!(band.pessimistic().check(), Ok(()));
    }

    /// What does hold between the three, fill by fill: an order at the market that meets the same bar costs the optimistic
    /// run no more and the pessimistic run no less; a limit fills there no later, and here no sooner.
    #[test]
    fn the_same_order_fares_no_better_the_less_kind_the_fills(
        bars in arbitrary_bars(2..40),
        buys in any::<bool>(),
        below in proptest::option::of(0_u32..2_000),
    ) {
        let side = if buys { Side::Buy } else { Side::Sell };
        let config = costly("name: idle\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close < 0}\n");
        let [pessimistic, expected, optimistic] =
            FillPreset::ALL.map(|preset| first_fill(seen(&config, preset), &bars, side, below));
        if below.is_some() {
            // A fill that never comes is later than any.
            let bar = |fill: &Option<(usize, f64)>| fill.map_or(usize::MAX, |(bar, _)| bar);
            prop_assert!(bar(&optimistic) <= bar(&expected) && bar(&expected) <= bar(&pessimistic));
        } else {
            let cost = |fill: Option<(usize, f64)>| {
                fill.map(|(_, price)| if buys { price } else { -price })
            };
            let (best, middle, worst) = (cost(optimistic), cost(expected), cost(pessimistic));
            prop_assert!(best.is_some() && middle.is_some() && worst.is_some());
            prop_assert!(best <= middle && middle <= worst, "{best:?} {middle:?} {worst:?}");
        }
    }
}

/// Places an order after the first bar, at the market or so many ticks on its own side of it; the bar and the price of its
/// first fill.
fn first_fill(config: EngineConfig, bars: &Bars, side: Side, below: Option<u32>) -> Option<(usize, f64)> {
    let mut engine = Engine::new(config);
    let mut events = Vec::new();
    let start = bars.open_time[0];
    engine.process(&Input::Command(start, Command::Start), &mut events);
    for (index, bar) in bars.iter().enumerate() {
        if index == 1 {
            let close = bars.close[0];
            let away = f64::from(below.unwrap_or(0)) / 100.0;
            let price = if side == Side::Buy {
                close - away
            } else {
                close + away
            };
            let limit = below.and_then(|_| engine.config().instrument.price_from_f64(price));
            let order = match limit {
                Some(price) => OrderRequest::limit(side, decimal("0.05"), price.0),
                None => OrderRequest::market(side, decimal("0.05")),
            };
            let place = Command::Place(Box::new(OrderList::from(order)));
            engine.process(&Input::Command(bar.open_time, place), &mut events);
        }
        engine.process(&Input::market(MarketEvent::Bar(bar)), &mut events);
        let filled = events.iter().find_map(|event| match &event.kind {
            EventKind::OrderFilled { fill, .. } => Some(fill.price.to_f64()),
            _ => None,
        });
        if let Some(price) = filled {
            return Some((index, price));
        }
    }
    None
}

/// Bars of a minute each: open, high, low, close; a thousand units trade in each.
fn bars(rows: &[(f64, f64, f64, f64)]) -> Bars {
    let bar = |(minute, (open, high, low, close)): (i64, &(f64, f64, f64, f64))| Bar {
        open_time: Timestamp::from_secs(minute * 60),
        open: *open,
        high: *high,
        low: *low,
        close: *close,
        volume: 1_000.0,
    };
    (0..).zip(rows).map(bar).collect()
}

/// Buys one unit a dollar below the first close above 100, and keeps it.
const BUYS_BELOW: &str = "name: dip\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 100}\n\
     orders: {entry: {type: limit, price: close - 1}}\nrisk: {size: {method: fixed_quantity, value: 1}}\n";

#[test]
fn who_fills_first_can_end_last() {
    // The price comes to the limit at 100, and no further while the order lasts: only kind fills buy. Then it falls.
    let yaml = BUYS_BELOW.replace("price: close - 1", "price: close - 1, expire_after: 1");
    let rows = [
        (101.0, 101.0, 101.0, 101.0),
        (101.0, 101.0, 100.0, 100.0),
        (90.0, 91.0, 89.0, 90.0),
    ];
    let outcome = with_band(config(&yaml), &bars(&rows));
    let band = outcome.band.as_ref().expect("it ran");
    assert_eq!(band.optimistic.final_equity.amount, decimal("9990"));
    assert_eq!(outcome.final_equity.amount, decimal("10000"));
    assert_eq!(band.curve.optimistic, [10_000.0, 10_000.0, 9_990.0]);
}

#[test]
fn what_is_asked_of_an_order_is_asked_of_its_like_in_each_run() {
    let yaml = BUYS_BELOW.replace("value: 1}}", "value: 1}, stop_loss: 10}");
    let config = config(&yaml);
    let (mut engine, mut band) = (Engine::new(config.clone()), Band::new(&config));
    let (mut curve, mut events) = (BandCurve::default(), Vec::new());
    let mut feed = |input: &Input| {
        band.process(&engine, input, &mut curve);
        engine.process(input, &mut events);
        (engine.clone(), band.clone())
    };
    let now = Timestamp::from_secs(120);
    feed(&Input::Command(Timestamp::EPOCH, Command::Start));
    let (engine, shadows) = bars(&[(101.0, 101.0, 101.0, 101.0), (101.0, 101.0, 100.0, 100.5)])
        .iter()
        .map(|bar| feed(&Input::market(MarketEvent::Bar(bar))))
        .last()
        .expect("two bars");
    // The kind run is filled and has its stop as order 2; for the others, 2 is the next number.
    assert_eq!(
        engine.open_order(OrderId(1)).map(|order| order.purpose),
        Some(OrderPurpose::Entry)
    );
    let stop = shadows
        .optimistic()
        .open_order(OrderId(2))
        .map(|order| order.purpose);
    assert_eq!(stop, Some(OrderPurpose::StopLoss));

    let order = OrderRequest::limit(Side::Buy, decimal("0.5"), decimal("80"));
    let (engine, shadows) = feed(&Input::Command(
        now,
        Command::Place(Box::new(OrderList::from(order))),
    ));
    assert!(engine.open_order(OrderId(2)).is_some() && shadows.optimistic().open_order(OrderId(3)).is_some());

    let amendment = Amendment {
        order_id: OrderId(2),
        price: Some(decimal("70")),
        stop_price: None,
        quantity: None,
    };
    feed(&Input::market(MarketEvent::Bar(
        bars(&[(100.5, 100.5, 100.5, 100.5); 3])
            .iter()
            .last()
            .expect("three bars"),
    )));
    let (_, shadows) = feed(&Input::Command(now, Command::Amend(amendment)));
    let price = |engine: &Engine, id| engine.open_order(id)?.kind.price();
    assert_eq!(
        price(shadows.optimistic(), OrderId(3)).map(|price| price.0),
        Some(decimal("70"))
    );
    assert_eq!(
        price(shadows.optimistic(), OrderId(2)).map(|price| price.0),
        Some(decimal("90"))
    );
    assert_eq!(
        price(shadows.pessimistic(), OrderId(2)).map(|price| price.0),
        Some(decimal("70"))
    );

    let (engine, shadows) = feed(&Input::Command(now, Command::Cancel(OrderId(2))));
    assert!(engine.open_order(OrderId(2)).is_none());
    assert!(shadows.optimistic().open_order(OrderId(3)).is_none());
    assert!(
        shadows.optimistic().open_order(OrderId(2)).is_some(),
        "the stop stays"
    );

    // The strategy's entry is withdrawn where it still waits; where it has filled there is nothing to withdraw.
    let (engine, shadows) = feed(&Input::Command(now, Command::Cancel(OrderId(1))));
    assert_eq!(engine.open_orders().count(), 0);
    assert_eq!(shadows.pessimistic().open_orders().count(), 0);
    assert!(shadows.optimistic().position().is_some());
}
