//! The simulated market: what it promises, and that it looks like a market.

#![allow(
    clippy::disallowed_methods,
    reason = "statistics of a test need not agree to the last bit"
)]

use papertape::market::{
    Bar, BarAggregator, Bars, MarketEvent, Quote, SIMULATED_MARKET_VERSION, SimulatedMarket,
    SimulatedMarketConfig,
};
use papertape::model::{Timeframe, Timestamp};
use proptest::prelude::*;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use std::fmt::Write;

const SYMBOLS: [&str; 6] = ["BTC/USDT", "ETH/USDT", "AAPL", "EUR/USD", "ESZ3", "NOBODY/KNOWS"];

fn config(symbol: &str, seed: u64) -> SimulatedMarketConfig {
    SimulatedMarketConfig {
        symbol: symbol.parse().expect("a symbol"),
        seed,
        start: Timestamp::parse("2025-01-01").expect("a time"),
    }
}

fn market(symbol: &str, seed: u64) -> SimulatedMarket {
    SimulatedMarket::new(config(symbol, seed))
}

/// The events of whole minutes.
fn minutes(market: &mut SimulatedMarket, count: usize) -> Vec<MarketEvent> {
    let mut events = Vec::new();
    for _ in 0..count {
        loop {
            let event = market.next().expect("the market is endless");
            let is_minute_s_end = matches!(event, MarketEvent::Clock(_));
            events.push(event);
            if is_minute_s_end {
                break;
            }
        }
    }
    events
}

fn aggregated(events: &[MarketEvent]) -> Bars {
    let mut aggregator = BarAggregator::new(Timeframe::MINUTE);
    let bar_of = |event: &MarketEvent| match event {
        MarketEvent::Trade(trade) => aggregator.push_trade(trade.time, trade.price, trade.size),
        MarketEvent::Clock(now) => aggregator.advance(*now),
        _ => None,
    };
    events.iter().filter_map(bar_of).collect()
}

fn is_whole(value: f64, step: Decimal) -> bool {
    let exact: Decimal = value.to_string().parse().expect("a number of few digits");
    exact > Decimal::ZERO && (exact % step).is_zero()
}

#[test]
fn the_events_of_version_1_are_these() {
    assert_eq!(
        SIMULATED_MARKET_VERSION, 1,
        "a new version has other events: pin them anew"
    );
    let mut hash = Sha256::new();
    for symbol in SYMBOLS {
        for event in market(symbol, 42).take(20_000) {
            hash.update(postcard::to_stdvec(&event).expect("events are data"));
        }
    }
    let digest = hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    assert_eq!(
        digest,
        "507556b4d13862db6ac9bfc9f9208fa3ac7e261e158b0a2cf18670deb2570feb"
    );
}

#[test]
fn every_event_is_honest() {
    for symbol in SYMBOLS {
        let mut market = market(symbol, 3);
        let instrument = SimulatedMarket::instrument(&market.config().symbol);
        let start = market.config().start;
        let events = minutes(&mut market, 3_000);
        assert_eq!(market.emitted(), events.len() as u64);
        let a_minute = events.len() as f64 / 3_000.0;
        assert!(
            (15.0..=40.0).contains(&a_minute),
            "{symbol}: {a_minute} events a minute"
        );

        assert!(matches!(events[0], MarketEvent::Quote(quote) if quote.time == start));
        let (mut now, mut minute, mut standing, mut trades) = (start, start, None::<Quote>, 0);
        for event in events {
            let time = match &event {
                MarketEvent::Quote(quote) => {
                    let quote = *quote;
                    assert!(quote.bid < quote.ask, "{symbol}: {quote:?}");
                    for price in [quote.bid, quote.ask] {
                        assert!(is_whole(price, instrument.tick()), "{symbol}: {quote:?}");
                    }
                    for size in [quote.bid_size, quote.ask_size] {
                        assert!(is_whole(size, instrument.lot()), "{symbol}: {quote:?}");
                    }
                    standing = Some(quote);
                    quote.time
                }
                MarketEvent::Trade(trade) => {
                    let quote = standing.expect("a quote comes before the first trade");
                    assert!(
                        (quote.bid..=quote.ask).contains(&trade.price),
                        "{trade:?} {quote:?}"
                    );
                    assert!(
                        trade.size <= quote.bid_size.max(quote.ask_size),
                        "{trade:?} {quote:?}"
                    );
                    assert!(is_whole(trade.price, instrument.tick()), "{symbol}: {trade:?}");
                    assert!(is_whole(trade.size, instrument.lot()), "{symbol}: {trade:?}");
                    trades += 1;
                    trade.time
                }
                &MarketEvent::Clock(time) => {
                    minute = Timeframe::MINUTE.close_of(minute);
                    assert_eq!(time, minute, "{symbol}: every minute ends with the clock");
                    assert!(trades > 0, "{symbol}: every minute has a trade");
                    trades = 0;
                    time
                }
                MarketEvent::Bar(_)
                | MarketEvent::Depth(_)
                | MarketEvent::Action(..)
                | MarketEvent::Status(..) => {
                    panic!("quotes, trades and the clock make the market")
                }
            };
            assert!(
                time >= now && time <= Timeframe::MINUTE.close_of(minute),
                "{symbol}: {event:?}"
            );
            now = time;
        }
    }
}

#[test]
fn symbols_and_seeds_and_starts_are_markets_of_their_own() {
    let events = |config| SimulatedMarket::new(config).take(100).collect::<Vec<_>>();
    let reference = events(config("FOO/USDT", 1));
    assert_eq!(events(config("FOO/USDT", 1)), reference);
    assert_ne!(events(config("FOO/USDT", 2)), reference);
    // Two unknown symbols have the same steps, but not the same history.
    assert_ne!(events(config("BAR/USDT", 1)), reference);

    let mut late = config("FOO/USDT", 1);
    late.start = late.start.plus_nanos(59_999_999_999);
    assert_eq!(events(late), reference, "the start is rounded down to the minute");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn bars_are_those_of_the_events(symbol in prop::sample::select(&SYMBOLS[..]), seed: u64) {
        let mut by_events = market(symbol, seed);
        let mut by_bars = by_events.clone();
        let events = minutes(&mut by_events, 200);
        let bars: Bars = (0..200).map(|_| by_bars.next_bar()).collect();
        prop_assert_eq!(&aggregated(&events), &bars);
        prop_assert_eq!(&SimulatedMarket::bars(config(symbol, seed), 200), &bars);
        prop_assert!(bars.iter().all(|bar| bar.check().is_ok()));
        prop_assert!(bars.open_time.windows(2).all(|pair| pair[1].since(pair[0]) == Timeframe::MINUTE.nanos()));
        prop_assert_eq!(&by_events, &by_bars, "both ways lead to the same state");
    }

    #[test]
    fn a_begun_minute_gives_its_whole_bar(seed: u64, begun in 0_usize..60) {
        let mut whole = market("BTC/USDT", seed);
        let mut begun_market = whole.clone();
        let mut bars = Vec::new();
        for _ in 0..begun {
            if let Some(MarketEvent::Clock(_)) = begun_market.next() {
                bars.push(whole.next_bar());
            }
        }
        prop_assert_eq!(begun_market.next_bar(), whole.next_bar());
        prop_assert_eq!(begun_market, whole);
    }

    #[test]
    fn a_stored_market_goes_on_as_if_nothing_had_been(seed: u64, run in 0_usize..3_000) {
        let mut market = market("SOL/USDT", seed);
        market.by_ref().take(run).for_each(drop);
        let bytes = postcard::to_stdvec(&market).expect("the market is data");
        let mut stored: SimulatedMarket = postcard::from_bytes(&bytes).expect("reads back");
        prop_assert_eq!(&stored, &market);
        prop_assert_eq!(stored.emitted(), run as u64);
        prop_assert!(stored.by_ref().take(500).eq(market.by_ref().take(500)));
        prop_assert_eq!(stored, market);
    }
}

/// Ninety days of minutes.
const DAYS: usize = 90;

fn log_returns(closes: &[f64]) -> Vec<f64> {
    closes.windows(2).map(|pair| (pair[1] / pair[0]).ln()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn central_moment(values: &[f64], order: i32) -> f64 {
    let centre = mean(values);
    mean(
        &values
            .iter()
            .map(|value| (value - centre).powi(order))
            .collect::<Vec<_>>(),
    )
}

fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let centre = mean(values);
    let products = values
        .iter()
        .zip(&values[lag..])
        .map(|(a, b)| (a - centre) * (b - centre));
    products.sum::<f64>() / values.len() as f64 / central_moment(values, 2)
}

#[test]
fn minutes_look_like_a_crypto_market_s() {
    for symbol in ["BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT", "DOGE/USDT"] {
        for seed in 0..2 {
            let bars = SimulatedMarket::bars(config(symbol, seed), DAYS * 1_440);
            let returns = log_returns(&bars.close);
            let volatility = (central_moment(&returns, 2) * 525_600.0).sqrt();
            assert!(
                (0.4..0.9).contains(&volatility),
                "{symbol} {seed}: volatility {volatility}"
            );
            let kurtosis = central_moment(&returns, 4) / central_moment(&returns, 2).powi(2);
            assert!(
                (5.0..60.0).contains(&kurtosis),
                "{symbol} {seed}: kurtosis {kurtosis}"
            );
            let squares: Vec<f64> = returns.iter().map(|change| change * change).collect();
            for lag in [1, 10, 60] {
                let clustering = autocorrelation(&squares, lag);
                assert!(
                    clustering > 0.01,
                    "{symbol} {seed}: clustering {clustering} after {lag}"
                );
            }
            // What a minute did says next to nothing about the next: no free lunch for the fastest.
            let memory = autocorrelation(&returns, 1);
            assert!(memory.abs() < 0.03, "{symbol} {seed}: memory {memory}");
        }
    }
}

#[test]
fn hours_have_their_volume_and_storms_their_spread() {
    let mut market = market("BTC/USDT", 11);
    let mut by_hour = [0.0; 24];
    let mut minutes_of = Vec::new();
    for minute in 0..30 * 1_440 {
        let (mut spread, mut quotes, mut low, mut high) = (0.0, 0.0, f64::MAX, 0.0_f64);
        for event in minutes(&mut market, 1) {
            match event {
                MarketEvent::Quote(quote) => {
                    spread += quote.ask - quote.bid;
                    quotes += 1.0;
                }
                MarketEvent::Trade(trade) => {
                    by_hour[minute / 60 % 24] += trade.size;
                    (low, high) = (low.min(trade.price), high.max(trade.price));
                }
                _ => {}
            }
        }
        minutes_of.push((high / low - 1.0, spread / quotes));
    }
    assert!(
        by_hour[15] > 1.8 * by_hour[5],
        "New York is louder than the small hours: {by_hour:?}"
    );
    let volume = by_hour.iter().sum::<f64>() / (30.0 * 1_440.0);
    assert!(
        (14.0..26.0).contains(&volume),
        "a usual minute has about 20 BTC, not {volume}"
    );

    minutes_of.sort_by(|a, b| a.0.total_cmp(&b.0));
    let quarter = minutes_of.len() / 4;
    let spread_of = |minutes: &[(f64, f64)]| mean(&minutes.iter().map(|minute| minute.1).collect::<Vec<_>>());
    let (calm, wild) = (
        spread_of(&minutes_of[..quarter]),
        spread_of(&minutes_of[3 * quarter..]),
    );
    assert!(wild > 1.2 * calm, "spread {calm} when calm, {wild} when wild");
}

#[test]
fn trends_and_ranges_take_turns() {
    // Over days the drift of trends shows, over a few hours the pull of ranges: averaged over many markets, since one
    // season of one market may be all trend or all range.
    let (mut days, mut hours) = (Vec::new(), Vec::new());
    for seed in 0..8 {
        let bars = SimulatedMarket::bars(config("BTC/USDT", seed), DAYS * 1_440);
        let every = |minutes| -> Vec<f64> { bars.close.iter().copied().step_by(minutes).collect() };
        days.push(autocorrelation(&log_returns(&every(720)), 1));
        hours.push(autocorrelation(&log_returns(&every(60)), 1));
    }
    assert!(mean(&days) > 0.05, "half days {days:?}");
    assert!(mean(&hours) < -0.01, "hours {hours:?}");
}

#[test]
fn years_do_not_run_away() {
    for seed in 0..2 {
        let mut market = market("BTC/USDT", seed);
        let mut extremes = (f64::MAX, 0.0_f64);
        for _ in 0..2 * 365 * 1_440 {
            let Bar { low, high, .. } = market.next_bar();
            extremes = (extremes.0.min(low), extremes.1.max(high));
        }
        assert!(
            extremes.0 > 95_000.0 / 8.0 && extremes.1 < 95_000.0 * 8.0,
            "{seed}: {extremes:?}"
        );
    }
}
