//! Perpetuals: what the simulated market says of them, by the formulas that it names; what an account pays for them, by what the
//! market tells and by its own rate.

#![allow(
    clippy::disallowed_methods,
    reason = "the formulas of a test need not agree to the last bit"
)]

use papertape::backtest::{MarketData, run};
use papertape::engine::{Command, EngineConfig, Event, EventKind, Input};
use papertape::market::{
    Bar, DatedAction, MarketAction, MarketEvent, Quote, SimulatedMarket, SimulatedMarketConfig,
};
use papertape::model::{Instrument, Price, Symbol, Timeframe, Timestamp};
use papertape::order::OrderRequest;
use papertape::portfolio::{AccountConfig, CashFlowKind};
use papertape::testkit::{Bench, config, decimal};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

const DAY: usize = 1_440;
const HOUR: i64 = 3_600_000_000_000;

fn market(symbol: &str, seed: u64) -> SimulatedMarket {
    SimulatedMarket::new(SimulatedMarketConfig {
        symbol: symbol.parse().expect("a symbol"),
        seed,
        start: Timestamp::parse("2025-01-01").expect("a time"),
    })
}

/// The events of a minute.
fn minute(market: &mut SimulatedMarket) -> Vec<MarketEvent> {
    let mut events = Vec::new();
    while !matches!(events.last(), Some(MarketEvent::Clock(_))) {
        events.push(market.next().expect("the market is endless"));
    }
    events
}

fn quotes(events: &[MarketEvent]) -> Vec<Quote> {
    let quote = |event: &MarketEvent| match event {
        MarketEvent::Quote(quote) => Some(*quote),
        _ => None,
    };
    events.iter().filter_map(quote).collect()
}

fn middle(quote: &Quote) -> f64 {
    (quote.bid + quote.ask) / 2.0
}

/// Binance's formula, over the quotes of the perpetual and of what it is on.
#[test]
fn funding_is_the_average_premium_within_five_basis_points_of_the_interest() {
    for seed in [1, 42] {
        let (mut perpetual, mut spot) = (market("BTC/USDT-PERP", seed), market("BTC/USDT", seed));
        let mut premiums: Vec<f64> = Vec::new();
        let mut told = Vec::new();
        for _ in 0..10 * DAY {
            let events = minute(&mut perpetual);
            let own = *quotes(&events).last().expect("a quote a minute");
            let index = middle(quotes(&minute(&mut spot)).last().expect("a quote a minute"));
            premiums.push(((own.bid - index).max(0.0) - (index - own.ask).max(0.0)) / index);
            assert!(
                (middle(&own) / index - 1.0).abs() < 0.005,
                "{own:?} far from {index}"
            );
            for event in events {
                let MarketEvent::Action(time, MarketAction::Funding { rate, mark }) = event else {
                    continue;
                };
                assert_eq!(time.nanos().rem_euclid(8 * HOUR), 0, "{time}");
                let places = 1..=premiums.len();
                let weighted: f64 = places.clone().map(|n| n as f64 * premiums[n - 1]).sum();
                let average = weighted / places.sum::<usize>() as f64;
                let expected = average + (0.0001 - average).clamp(-0.0005, 0.0005);
                let rate = rate.to_f64().expect("a number");
                assert!((rate - expected).abs() < 1e-8, "{rate} for {expected}");
                let mark = mark.expect("the mark is known").to_f64();
                assert!((mark / index - 1.0).abs() < 0.005, "{mark} far from {index}");
                told.push(rate);
                premiums.clear();
            }
        }
        assert_eq!(told.len(), 30);
        // Mostly the interest; not always.
        assert!(
            told.iter().filter(|rate| **rate == 0.0001).count() > 10,
            "{told:?}"
        );
        assert!(told.iter().any(|rate| *rate != 0.0001), "{told:?}");
    }
}

#[test]
fn the_mark_price_is_the_median_of_three() {
    let (mut perpetual, mut spot) = (market("ETH/USDT-PERP", 7), market("ETH/USDT", 7));
    let (mut basis, mut last_trade, mut rate) = (Vec::<(Timestamp, f64)>::new(), None, 0.0001);
    let mut marks = 0;
    for _ in 0..3 * DAY {
        let index = quotes(&minute(&mut spot));
        let mut indices = index.iter();
        let mut own = None;
        let mut now = 0.0;
        for event in minute(&mut perpetual) {
            match event {
                MarketEvent::Trade(trade) => last_trade = Some(trade.price),
                MarketEvent::Quote(quote) => {
                    now = middle(indices.next().expect("one of the index for each"));
                    own = Some(quote);
                }
                MarketEvent::Action(time, MarketAction::MarkPrice(mark)) => {
                    let own = middle(&own.expect("its quote comes first"));
                    basis.push((time, own - now));
                    basis.retain(|(then, _)| time.since(*then) <= 30_000_000_000);
                    let mean = basis.iter().map(|(_, basis)| basis).sum::<f64>() / basis.len() as f64;
                    let left = 8 * HOUR - time.nanos().rem_euclid(8 * HOUR);
                    let by_funding = now * (1.0 + rate * left as f64 / (8 * HOUR) as f64);
                    let mut three = [by_funding, now + mean, last_trade.unwrap_or(own)];
                    three.sort_by(f64::total_cmp);
                    assert!(
                        (mark.to_f64() - three[1]).abs() <= 0.005 + 1e-9,
                        "{mark} of {three:?}"
                    );
                    marks += 1;
                }
                MarketEvent::Action(time, MarketAction::Funding { rate: told, .. }) => {
                    rate = told.to_f64().expect("a number");
                    // The mark of the funding is one of the half minute, too.
                    basis.push((time, middle(&own.expect("a quote")) - now));
                }
                _ => {}
            }
        }
    }
    assert!(marks > 3 * DAY, "{marks}");
}

#[test]
fn a_perpetual_of_one_seed_is_the_same_however_it_is_read() {
    let mut whole = market("SOL/USDT-PERP", 3);
    let (mut bars, mut fundings) = (Vec::new(), Vec::new());
    for _ in 0..2 * DAY {
        bars.push(whole.next_bar_with(&mut fundings));
    }
    assert_eq!(fundings.len(), 6);
    let mut stepwise = market("SOL/USDT-PERP", 3);
    let (mut again, mut told) = (Vec::new(), Vec::new());
    for number in 0..2 * DAY {
        if number % 700 == 13 {
            // Laid down in the middle of a minute and taken up again.
            stepwise.next();
            let bytes = postcard::to_stdvec(&stepwise).expect("it is data");
            stepwise = postcard::from_bytes(&bytes).expect("what was written");
        }
        again.push(stepwise.next_bar_with(&mut told));
    }
    assert_eq!((again, told), (bars, fundings));
    assert_eq!(stepwise.emitted(), whole.emitted());
    assert_ne!(
        market("SOL/USDT-PERP", 4).next_bar(),
        market("SOL/USDT-PERP", 3).next_bar()
    );
}

const BY_HAND: &str = "name: by hand\nsymbols: [BTC/USDT-PERP]\ntimeframe: 1h\nentry: {long: false}\n";
const LONG: &str = "name: long\nsymbols: [BTC/USDT-PERP]\ntimeframe: 1h\nentry: {long: close > 0}\n\
                    risk: {size: {method: fixed_quantity, value: 2}}\n";

fn perpetual() -> Instrument {
    SimulatedMarket::instrument(&"BTC/USDT-PERP".parse::<Symbol>().expect("a symbol"))
}

fn trading(yaml: &str, account: AccountConfig) -> EngineConfig {
    let mut config = config(yaml);
    config.instrument = perpetual();
    config.initial_capital.currency = config.instrument.quote();
    config.initial_capital.amount = Decimal::from(1_000_000);
    config.account = account;
    config
}

fn own_rate(rate: &str) -> AccountConfig {
    AccountConfig {
        funding_rate: decimal(rate),
        ..AccountConfig::default()
    }
}

fn funded(events: &[Event]) -> Vec<(Decimal, Decimal)> {
    let flow = |event: &Event| match &event.kind {
        EventKind::CashFlow { flow, .. } if flow.kind == CashFlowKind::Funding => {
            Some((flow.rate, flow.amount.amount))
        }
        _ => None,
    };
    events.iter().filter_map(flow).collect()
}

/// A session on every quote and trade: what it holds at the time pays the rate on the mark.
#[test]
fn a_session_on_the_simulated_market_pays_its_funding() {
    let mut bench = Bench::with(trading(BY_HAND, AccountConfig::default()));
    let mut market = market("BTC/USDT-PERP", 42);
    let (mut expected, mut is_ordered) = (Vec::new(), false);
    for _ in 0..DAY + 1 {
        for event in minute(&mut market) {
            let time = event.time();
            if let MarketEvent::Action(
                _,
                MarketAction::Funding {
                    rate,
                    mark: Some(mark),
                },
            ) = &event
            {
                expected.push((*rate, -(*rate * mark.0 * Decimal::TWO)));
            }
            bench.feed(&Input::market(event));
            if !is_ordered && time.nanos().rem_euclid(24 * HOUR) >= HOUR {
                let order = OrderRequest::market(papertape::model::Side::Buy, Decimal::TWO);
                bench.feed(&Input::Command(time, Command::Place(Box::new(order.into()))));
                is_ordered = true;
            }
        }
    }
    assert_eq!(expected.len(), 3);
    assert_eq!(funded(&bench.events), expected);
    assert_eq!(bench.engine.check(), Ok(()));
    assert!(bench.engine.without_funding().is_empty());
}

/// The mark decides, not what somebody paid in one trade.
#[test]
fn a_session_on_the_simulated_market_is_liquidated_by_the_mark() {
    let mut config = trading(BY_HAND, AccountConfig::default());
    config.initial_capital.amount = Decimal::from(20_000);
    let mut bench = Bench::with(config);
    let mut market = market("BTC/USDT-PERP", 42);
    for event in minute(&mut market) {
        bench.feed(&Input::market(event));
    }
    let order = OrderRequest::market(papertape::model::Side::Buy, Decimal::TWO);
    bench.feed(&Input::Command(
        bench.now(),
        Command::Place(Box::new(order.into())),
    ));
    let mut last = None;
    for event in minute(&mut market) {
        if let MarketEvent::Trade(trade) = &event {
            last = Some(*trade);
        }
        bench.feed(&Input::market(event));
    }
    let is_called = |bench: &Bench| {
        bench
            .journal()
            .iter()
            .any(|line| line.contains("Liquidat") || line.contains("liquidat"))
    };
    let mut trade = last.expect("a trade a minute");
    trade.time = bench.now();
    trade.price = (trade.price * 0.8).round();
    bench.feed(&Input::market(MarketEvent::Trade(trade)));
    assert!(!is_called(&bench), "{:?}", bench.journal());
    let mark = Price(decimal("70000"));
    bench.feed(&Input::market(MarketEvent::Action(
        bench.now(),
        MarketAction::MarkPrice(mark),
    )));
    assert!(is_called(&bench), "{:?}", bench.journal());
}

fn hours(count: i64, step: i64) -> papertape::market::Bars {
    let bar = |number: i64| Bar {
        open_time: Timestamp::parse("2025-01-01")
            .expect("a time")
            .plus_nanos(number * step * HOUR),
        open: 100.0,
        high: 100.0,
        low: 100.0,
        close: 100.0,
        volume: 1_000.0,
    };
    (0..count).map(bar).collect()
}

fn over_hours(
    account: AccountConfig,
    actions: &[DatedAction],
) -> (Vec<(Decimal, Decimal)>, Vec<String>, String) {
    let mut config = trading(LONG, account);
    config.base_timeframe = Timeframe::HOUR;
    let bars = hours(26, 1);
    let data = MarketData { bars: &bars, actions };
    let outcome = run(config, data, &mut |_| true).expect("nobody cancels");
    let context = papertape::backtest::ReportContext::default();
    let warnings = outcome.report(&bars, context).warnings;
    let paid = outcome
        .cash_flows
        .iter()
        .map(|flow| (flow.rate, flow.amount.amount));
    (paid.collect(), warnings, outcome.event_hash.clone())
}

fn told(hour: i64, rate: &str) -> DatedAction {
    DatedAction {
        time: Timestamp::parse("2025-01-01")
            .expect("a time")
            .plus_nanos(hour * HOUR),
        action: MarketAction::Funding {
            rate: decimal(rate),
            mark: None,
        },
    }
}

#[test]
fn an_account_s_own_rate_is_charged_where_the_bars_tell_none() {
    let each = |rate: &str, amount: &str| (decimal(rate), decimal(amount));
    let (paid, warnings, _) = over_hours(own_rate("0.0001"), &[]);
    assert_eq!(
        paid,
        [
            each("0.0001", "-0.02"),
            each("0.0001", "-0.02"),
            each("0.0001", "-0.02")
        ]
    );
    assert!(
        !warnings.iter().any(|line| line.contains("funding")),
        "{warnings:?}"
    );
    // A negative rate is received.
    let (paid, ..) = over_hours(own_rate("-0.0002"), &[]);
    assert_eq!(paid[0], each("-0.0002", "0.04"));
}

#[test]
fn a_told_rate_ends_the_account_s_own_and_no_hours_are_charged_twice() {
    let each = |rate: &str, amount: &str| (decimal(rate), decimal(amount));
    let actions = [told(8, "0.001"), told(16, "0.002"), told(24, "0.003")];
    let (paid, warnings, _) = over_hours(AccountConfig::default(), &actions);
    assert_eq!(
        paid,
        [
            each("0.001", "-0.2"),
            each("0.002", "-0.4"),
            each("0.003", "-0.6")
        ]
    );
    assert!(
        !warnings.iter().any(|line| line.contains("funding")),
        "{warnings:?}"
    );
    let (paid, ..) = over_hours(own_rate("0.0001"), &actions[1..]);
    assert_eq!(paid.len(), 3, "{paid:?}");
    assert_eq!(paid[0], each("0.0001", "-0.02"));
    assert_eq!(paid[2], each("0.003", "-0.6"));
}

#[test]
fn a_result_says_that_no_funding_was_charged() {
    let (paid, warnings, _) = over_hours(AccountConfig::default(), &[]);
    assert!(paid.is_empty());
    assert!(
        warnings
            .iter()
            .any(|line| line.starts_with("No funding was charged on BTC/USDT-PERP")),
        "{warnings:?}"
    );
}

/// What was held over no time of funding owes none.
#[test]
fn who_held_nothing_when_funding_was_due_is_not_told_of_it() {
    let mut config = trading(LONG, AccountConfig::default());
    config.base_timeframe = Timeframe::HOUR;
    let bars = hours(7, 1);
    let outcome = run(config, &bars, &mut |_| true).expect("nobody cancels");
    assert_eq!(outcome.fills.len(), 1);
    let warnings = outcome
        .report(&bars, papertape::backtest::ReportContext::default())
        .warnings;
    assert!(
        !warnings.iter().any(|line| line.contains("funding")),
        "{warnings:?}"
    );
}

/// Bars of a day hold three fundings each.
#[test]
fn bars_of_a_day_pay_for_all_its_hours() {
    let mut config = trading(&LONG.replace("1h", "1d"), own_rate("0.0001"));
    config.base_timeframe = Timeframe::DAY;
    let outcome = run(config, &hours(4, 24), &mut |_| true).expect("nobody cancels");
    let paid: Vec<_> = outcome
        .cash_flows
        .iter()
        .map(|flow| (flow.rate, flow.amount.amount))
        .collect();
    // Bought at the second bar's open, held for three days until the end.
    assert_eq!(paid, [(decimal("0.0003"), decimal("-0.06")); 3]);
}
