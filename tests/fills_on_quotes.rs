//! Orders meet quotes and trades, as they do on feeds of ticks.

use papertape::engine::{Command, EngineConfig, Input};
use papertape::exchange::{LimitFill, SlippageModel};
use papertape::market::{MarketEvent, Quote, TradeTick};
use papertape::model::{Side, Timestamp};
use papertape::testkit::{Bench, config, decimal};

/// Feeds ticks by the second.
struct Tape(Bench);

impl Tape {
    fn start(rest: &str) -> Self {
        Self::with(config(&strategy(rest)))
    }

    fn with(config: EngineConfig) -> Self {
        Self(Bench::with(config))
    }

    fn quote(&mut self, second: i64, bid: f64, ask: f64, size: f64) -> &mut Self {
        let time = Timestamp::from_secs(second);
        let quote = Quote {
            time,
            bid,
            bid_size: size,
            ask,
            ask_size: size,
        };
        self.0.feed(&Input::market(MarketEvent::Quote(quote)));
        self
    }

    fn trade(&mut self, second: i64, price: f64, size: f64) -> &mut Self {
        let trade = TradeTick {
            time: Timestamp::from_secs(second),
            price,
            size,
            aggressor: Side::Sell,
        };
        self.0.feed(&Input::market(MarketEvent::Trade(trade)));
        self
    }

    fn clock(&mut self, second: i64) -> &mut Self {
        self.0
            .feed(&Input::market(MarketEvent::Clock(Timestamp::from_secs(second))));
        self
    }

    fn journal(&mut self) -> Vec<String> {
        let journal = self.0.journal();
        self.0.forget();
        journal
    }
}

/// Buys two coins when a minute closes above 100.
fn strategy(rest: &str) -> String {
    format!(
        "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {{long: close > 100}}\nexit: {{long: close < 50}}\n\
         {rest}\nrisk: {{size: {{method: fixed_quantity, value: 2}}, stop_loss: 5}}\n"
    )
}

#[test]
fn a_taker_pays_the_other_side_and_the_explanation_says_half_the_spread() {
    let mut config = config(&strategy(""));
    config.execution.slippage = SlippageModel::FixedBps { bps: decimal("10") };
    let mut tape = Tape::with(config);
    tape.trade(10, 101.0, 1.0).clock(60).quote(61, 100.0, 102.0, 5.0);
    assert_eq!(
        tape.0.journal(),
        [
            "session running",
            "#1 buy 2 market (entry.long)",
            "#1 accepted",
            "#1 filled 2 @ 102.11",
            "long opened",
            "#2 sell 2 stop @ 97.11 (stop loss)",
            "#2 accepted",
            "long 2",
        ]
    );
    let fill = tape.0.events.iter().find_map(|event| match &event.kind {
        papertape::engine::EventKind::OrderFilled { fill, .. } => Some(fill.clone()),
        _ => None,
    });
    let explanation = fill.expect("it filled").explanation;
    // Decided at 101, mid 101, half the spread 1, slipped 0.102 rounded up to 0.11; two coins.
    assert_eq!(explanation.drift.amount, decimal("0"));
    assert_eq!(explanation.spread.amount, decimal("2"));
    assert_eq!(explanation.slippage.amount, decimal("0.22"));
}

#[test]
fn an_order_decided_at_a_close_waits_for_the_next_quote() {
    let mut tape = Tape::start("");
    tape.quote(5, 100.0, 102.0, 5.0).trade(10, 101.0, 1.0).clock(60);
    assert_eq!(
        tape.journal(),
        ["session running", "#1 buy 2 market (entry.long)"]
    );
    tape.trade(61, 101.0, 1.0);
    assert_eq!(tape.journal(), [""; 0], "a trade is no quote");
}

#[test]
fn no_more_fills_than_the_quote_shows_and_the_rest_waits_for_the_next() {
    let mut tape = Tape::start("");
    tape.trade(10, 101.0, 1.0).clock(60).journal();
    tape.quote(61, 100.0, 102.0, 0.5);
    assert_eq!(
        tape.journal(),
        [
            "#1 accepted",
            "#1 filled 0.5 @ 102.00",
            "long opened",
            "#2 sell 0.5 stop @ 97.00 (stop loss)",
            "#2 accepted",
            "long 0.5",
        ]
    );
    tape.quote(62, 100.0, 103.0, 9.0);
    assert_eq!(
        tape.journal(),
        ["#1 filled 1.5 @ 103.00", "#2 amended to 97.00", "long 2"],
        "the stop grows with its position"
    );
}

#[test]
fn a_resting_limit_fills_when_quoted_or_traded_through_not_when_touched() {
    let rest = "orders: {entry: {type: limit, price: close - 2}}";
    let mut tape = Tape::start(rest);
    tape.trade(10, 101.0, 1.0)
        .clock(60)
        .quote(61, 99.0, 100.0, 5.0)
        .journal();
    tape.quote(62, 99.0, 99.5, 5.0).trade(63, 99.0, 5.0);
    assert_eq!(
        tape.journal(),
        [""; 0],
        "the five who were there before it sell first"
    );
    tape.trade(64, 98.99, 0.4);
    assert_eq!(
        tape.journal()[0],
        "#1 filled 0.4 @ 99.00",
        "no more than was traded"
    );
    tape.quote(65, 98.0, 98.5, 5.0);
    assert_eq!(tape.journal()[0], "#1 filled 1.6 @ 99.00", "at its own price");
}

#[test]
fn an_order_behind_the_best_price_joins_the_queue_when_that_comes_to_it() {
    let mut tape = Tape::start("orders: {entry: {type: limit, price: close - 2}}");
    tape.trade(10, 101.0, 1.0)
        .clock(60)
        .quote(61, 99.5, 100.0, 5.0)
        .journal();
    tape.trade(62, 99.0, 9.0);
    assert_eq!(tape.journal(), [""; 0], "nobody knows how many are there");
    tape.quote(63, 99.0, 99.5, 5.0).trade(64, 99.0, 5.5);
    assert_eq!(
        tape.journal()[0],
        "#1 filled 0.5 @ 99.00",
        "five were there before it"
    );
}

#[test]
fn where_only_trades_are_known_the_fill_rule_says_how_far_they_must_come() {
    // (rule, the prices of trades that come, the one that fills the buy limit at 99)
    for (limit, prices, fills_at) in [
        (LimitFill::Touch, vec![99.01, 99.0], 99.0),
        (LimitFill::Through, vec![99.01, 99.0, 98.99], 98.99),
        (
            LimitFill::ThroughByTicks(3),
            vec![99.0, 98.99, 98.98, 98.97],
            98.97,
        ),
    ] {
        let mut config = config(&strategy("orders: {entry: {type: limit, price: close - 2}}"));
        config.execution.fill.limit = limit;
        let mut tape = Tape::with(config);
        tape.trade(10, 101.0, 1.0)
            .clock(60)
            .trade(61, 101.0, 1.0)
            .journal();
        for (second, price) in (62..).zip(prices) {
            tape.trade(second, price, 0.5);
            let journal = tape.journal();
            if price == fills_at {
                assert_eq!(journal[0], "#1 filled 0.5 @ 99.00", "{limit:?}");
            } else {
                assert_eq!(journal, [""; 0], "{limit:?}: nothing at {price}");
            }
        }
    }
}

#[test]
fn a_stop_watches_the_side_it_will_meet() {
    let mut tape = Tape::start("");
    tape.trade(10, 101.0, 1.0)
        .clock(60)
        .quote(61, 100.0, 101.0, 5.0)
        .journal();
    tape.quote(62, 96.01, 97.0, 5.0);
    assert_eq!(tape.journal(), [""; 0], "the stop stands at 96");
    tape.quote(63, 95.5, 97.0, 5.0);
    assert_eq!(
        tape.journal(),
        [
            "#2 triggered at 95.50",
            "#2 filled 2 @ 95.50",
            "long closed: -11",
            "flat"
        ],
        "and fills at the bid it met"
    );
}

#[test]
fn a_quote_that_is_none_meets_no_order() {
    let mut tape = Tape::start("");
    tape.trade(10, 101.0, 1.0).clock(60).journal();
    for (bid, ask) in [
        (102.0, 101.0),
        (f64::NAN, 101.0),
        (100.0, f64::INFINITY),
        (0.0, 101.0),
        (-5.0, 101.0),
    ] {
        tape.quote(61, bid, ask, 5.0);
        assert_eq!(tape.journal(), [""; 0], "{bid} / {ask}");
    }
    tape.quote(62, 100.0, 101.0, f64::NAN);
    assert_eq!(
        tape.journal(),
        ["#1 accepted"],
        "nothing is shown, nothing can be taken"
    );
}

#[test]
fn flatten_closes_at_the_next_quote() {
    let mut tape = Tape::start("");
    tape.trade(10, 101.0, 1.0)
        .clock(60)
        .quote(61, 100.0, 101.0, 5.0)
        .journal();
    tape.0.command(Command::Flatten);
    tape.quote(62, 99.0, 100.0, 5.0);
    assert_eq!(
        tape.journal(),
        [
            "#2 canceled: requested",
            "#3 sell 2 market (flatten)",
            "#3 accepted",
            "#3 filled 2 @ 99.00",
            "long closed: -4",
            "flat",
        ]
    );
}

#[test]
fn a_market_order_that_leaves_no_rest_takes_what_is_shown() {
    let mut tape = Tape::start("orders: {entry: {type: market, time_in_force: ioc}}");
    tape.trade(10, 101.0, 1.0).clock(60).journal();
    tape.quote(61, 100.0, 101.0, 0.5);
    let journal = tape.journal();
    assert_eq!(journal[..2], ["#1 accepted", "#1 filled 0.5 @ 101.00"]);
    assert_eq!(
        journal.last().map(String::as_str),
        Some("#1 canceled: not_filled_at_once")
    );

    let mut tape = Tape::start("orders: {entry: {type: market, time_in_force: fok}}");
    tape.trade(10, 101.0, 1.0).clock(60).journal();
    tape.quote(61, 100.0, 101.0, 0.5);
    assert_eq!(tape.journal(), ["#1 accepted", "#1 canceled: not_filled_at_once"]);
}

#[test]
fn a_position_that_is_being_closed_is_not_added_to() {
    let mut tape = Tape::start("");
    tape.trade(10, 101.0, 1.0)
        .clock(60)
        .quote(61, 100.0, 101.0, 0.5)
        .journal();
    // Of the entry for two, 1.5 still wait when the stop at 96 is set off.
    tape.quote(62, 95.0, 96.0, 0.6).quote(63, 95.0, 96.0, 5.0);
    assert_eq!(
        tape.journal(),
        [
            "#1 filled 0.6 @ 96.00",
            "#2 amended to 96.00",
            "long 1.1",
            "#2 triggered at 95.00",
            "#1 canceled: position_closed",
            "#2 filled 0.6 @ 95.00",
            "long 0.5",
            "#2 filled 0.5 @ 95.00",
            "long closed: -3.6",
            "flat",
        ]
    );
}

/// Long above 100, short below, two coins each.
fn both_sides(orders: &str) -> EngineConfig {
    config(&format!(
        "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {{long: close > 100, short: close < 100}}\n\
         {orders}\nrisk: {{size: {{method: fixed_quantity, value: 2}}}}\n"
    ))
}

#[test]
fn the_entry_of_a_turn_arrives_like_any_other() {
    let mut tape = Tape::with(both_sides("orders: {entry: {type: limit, price: close - 1}}"));
    tape.trade(10, 101.0, 1.0)
        .clock(60)
        .quote(61, 99.0, 99.5, 5.0)
        .trade(70, 99.0, 1.0)
        .clock(120)
        .journal();
    tape.quote(121, 99.0, 99.5, 5.0);
    let journal = tape.journal();
    assert!(
        journal.contains(&"#3 filled 2 @ 99.00".to_owned()),
        "a sell at 98 that arrives at a bid of 99 takes 99: {journal:?}"
    );

    let mut tape = Tape::with(both_sides(
        "orders: {entry: {type: limit, price: close, time_in_force: ioc}}",
    ));
    tape.trade(10, 101.0, 1.0)
        .clock(60)
        .quote(61, 100.0, 101.0, 5.0)
        .trade(70, 99.0, 1.0)
        .clock(120)
        .journal();
    tape.quote(121, 98.0, 98.5, 5.0);
    assert_eq!(
        tape.journal().last().map(String::as_str),
        Some("#3 canceled: not_filled_at_once"),
        "and does not stay when it may not"
    );
}

#[test]
fn the_exit_of_a_turn_ends_the_position_whatever_the_exit_rule_s_time_in_force() {
    let mut tape = Tape::with(both_sides("orders: {exit: {type: market, time_in_force: ioc}}"));
    tape.trade(10, 101.0, 1.0)
        .clock(60)
        .quote(61, 100.0, 101.0, 5.0)
        .trade(70, 99.0, 1.0)
        .clock(120)
        .journal();
    tape.quote(121, 98.0, 98.5, 0.5).quote(122, 97.0, 97.5, 5.0);
    assert_eq!(
        tape.journal(),
        [
            "#2 accepted",
            "#2 filled 0.5 @ 98.00",
            "long 1.5",
            "#2 filled 1.5 @ 97.00",
            "long closed: -7.5",
            "flat",
            "#3 sell 2 market (entry.short)",
            "#3 accepted",
            "#3 filled 2 @ 97.00",
            "short opened",
            "short 2",
        ]
    );
}

#[test]
fn two_orders_never_fill_from_the_same_quantity() {
    let yaml = "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 100}\nexit: {long: close > 102}\n\
                orders: {exit: {type: limit, price: close + 1}}\n\
                risk: {size: {method: fixed_quantity, value: 2}, take_profit: 3}\n";
    let mut tape = Tape::with(config(yaml));
    tape.trade(10, 101.0, 1.0)
        .clock(60)
        .quote(61, 100.0, 101.0, 5.0)
        .trade(70, 103.0, 1.0)
        .clock(120)
        .quote(121, 100.0, 101.0, 5.0)
        .journal();
    // The target and the exit both sell at 104; the bid shows one coin.
    tape.quote(122, 106.0, 107.0, 1.0);
    assert_eq!(tape.journal(), ["#2 filled 1 @ 104.00", "long 1"]);
}

#[test]
fn an_order_whose_time_is_over_meets_no_trade() {
    let mut tape = Tape::start("orders: {entry: {type: limit, price: close - 2, expire_after: 1}}");
    tape.trade(10, 101.0, 1.0)
        .clock(60)
        .quote(61, 100.0, 101.0, 5.0)
        .trade(65, 99.5, 1.0)
        .journal();
    // The bar in which the order waited is over first.
    tape.trade(500, 98.0, 5.0);
    assert_eq!(tape.journal(), ["#1 expired"]);
}

#[test]
fn a_quote_closes_the_bars_before_it_and_time_never_goes_back() {
    let mut tape = Tape::start("orders: {entry: {type: limit, price: close - 50, expire_after: 1}}");
    tape.trade(10, 101.0, 1.0)
        .quote(61, 100.0, 101.0, 5.0)
        .trade(70, 101.0, 1.0)
        .clock(125)
        .trade(130, 101.0, 1.0)
        .quote(182, 100.0, 101.0, 5.0)
        .clock(300);
    let times: Vec<_> = tape.0.events.iter().map(|event| event.time.secs()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(
        tape.journal()[1..3],
        ["#1 buy 2 limit @ 51.00 (entry.long)", "#1 accepted"],
        "decided at the close of 60, met by the quote of 61"
    );
}

#[test]
fn a_trade_that_is_none_leaves_no_trace() {
    let mut tape = Tape::start("");
    tape.trade(10, 99.0, 1.0);
    for price in [f64::NAN, f64::INFINITY, 0.0, -5.0, 0.001] {
        tape.trade(11, price, 1.0);
    }
    tape.trade(12, 99.0, f64::NAN).trade(13, 99.0, -1.0).clock(60);
    let bar = tape.0.events.iter().find_map(|event| match event.kind {
        papertape::engine::EventKind::Bar { bar, .. } => Some(bar),
        _ => None,
    });
    let bar = bar.expect("the minute closed");
    assert_eq!((bar.low, bar.high, bar.volume), (99.0, 99.0, 1.0));
}
