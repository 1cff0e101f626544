//! What happens to a session's account without a trade, through the engine: funding, corporate actions, settlement, margin
//! calls. Journals read as stories.

use papertape::engine::{Command, Engine, EngineConfig, Event, EventKind, Fees, Input};
use papertape::exchange::{SlippageModel, TradingStatus};
use papertape::market::{
    CalendarId, CorporateAction, DatedAction, MarketAction, MarketEvent, Roll, read_actions, write_rolls,
};
use papertape::model::{
    ExerciseStyle, Instrument, InstrumentId, InstrumentKind, MarginRule, OptionRight, OptionSettlement,
    OptionTerms, Price, Timeframe, Timestamp,
};
use papertape::portfolio::{AccountConfig, CashFlowKind};
use papertape::testkit::{Bench, config, decimal, instrument_with, margin_rate as rate};
use rust_decimal::Decimal;

const LONG: &str = "name: long\nsymbols: [AAPL]\ntimeframe: 1m\nentry: {long: close > 0}\n\
                    risk: {size: {method: fixed_quantity, value: 10}}\n";
const PROTECTED: &str = "name: long\nsymbols: [AAPL]\ntimeframe: 1m\nentry: {long: close > 0}\n\
                    risk: {size: {method: fixed_quantity, value: 10}, stop_loss: 20, take_profit: 30}\n";
const SHORT: &str = "name: short\nsymbols: [AAPL]\ntimeframe: 1m\nentry: {short: close > 0}\n\
                     risk: {size: {method: fixed_quantity, value: 10}}\n";

fn instrument(symbol: &str, tick: &str, multiplier: &str) -> Instrument {
    instrument_with(symbol, tick, "1", multiplier)
}

/// A session of one instrument with 10,000 of its currency.
fn trading(yaml: &str, instrument: Instrument) -> EngineConfig {
    let mut config = config(yaml);
    config.initial_capital.currency = instrument.quote();
    config.instrument = instrument;
    config
}

fn shares(yaml: &str) -> EngineConfig {
    trading(
        yaml,
        instrument("AAPL", "0.01", "1").with_kind(InstrumentKind::Equity),
    )
}

fn perpetual(yaml: &str, capital: i64) -> EngineConfig {
    let perpetual = instrument("BTC/USD", "0.01", "1")
        .with_kind(InstrumentKind::Perpetual)
        .with_margin(rate("0.1", "0.05"))
        .expect("margins");
    let mut config = trading(yaml, perpetual);
    config.initial_capital.amount = Decimal::from(capital);
    config
}

fn act(bench: &mut Bench, action: MarketAction) {
    let event = MarketEvent::Action(bench.now(), action);
    bench.feed(&Input::market(event));
    assert_eq!(bench.engine.check(), Ok(()));
}

fn corporate(bench: &mut Bench, action: CorporateAction) {
    act(bench, MarketAction::Corporate(action));
}

fn flows(events: &[Event]) -> Vec<(CashFlowKind, Decimal)> {
    events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::CashFlow { flow, .. } => Some((flow.kind, flow.amount.amount)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_split_takes_position_and_protective_orders_along() {
    let mut bench = Bench::with(shares(PROTECTED));
    bench.flat(2, 100.0).forget();
    let equity = bench.engine.equity();
    corporate(&mut bench, CorporateAction::Split { ratio: decimal("4") });
    assert_eq!(
        bench.journal(),
        [
            "corporate action 0 Split { ratio: 4 }",
            "#2 amended to 20.00",
            "#3 amended to 32.50",
            "long 40",
        ]
    );
    assert_eq!(bench.engine.equity(), equity);
    let position = bench.engine.position().expect("a position");
    assert_eq!(
        (position.quantity.0, position.entry_price.0),
        (decimal("40"), decimal("25"))
    );
    assert_eq!(position.stop_price, Some(Price(decimal("20"))));
    // The bar after it is at the new price; the stop goes off where it belongs, for all of the position.
    bench.forget().bar(25.0, 25.0, 19.0, 19.5);
    assert_eq!(bench.journal()[1], "#2 filled 40 @ 20.00");
    assert_eq!(bench.engine.position(), None);
}

#[test]
fn a_reverse_split_pays_out_what_is_less_than_a_share() {
    let mut bench = Bench::with(shares(PROTECTED));
    bench.flat(2, 100.0).forget();
    corporate(
        &mut bench,
        CorporateAction::Split {
            ratio: decimal("0.25"),
        },
    );
    assert_eq!(
        bench.journal(),
        [
            "corporate action 0 Split { ratio: 0.25 }",
            "#2 amended to 320",
            "#3 amended to 520",
            "cash flow CashInLieu: 200",
            "long 2",
        ]
    );
    let remaining: Vec<_> = bench
        .engine
        .open_orders()
        .map(|order| order.remaining().0)
        .collect();
    assert_eq!(remaining, [decimal("2"), decimal("2")]);
}

#[test]
fn a_dividend_is_paid_on_the_ex_date_and_lowers_what_rests_below_the_market() {
    let mut bench = Bench::with(shares(PROTECTED));
    bench.flat(2, 100.0).forget();
    let dividend = CorporateAction::Dividend {
        per_share: decimal("0.505"),
    };
    corporate(&mut bench, dividend.clone());
    assert_eq!(
        bench.journal(),
        [
            "corporate action 0 Dividend { per_share: 0.505 }",
            "cash flow Dividend: 5.05",
            "#2 amended to 79.49",
        ]
    );
    let mut short = Bench::with(shares(SHORT));
    short.flat(2, 100.0).forget();
    corporate(&mut short, dividend);
    assert_eq!(flows(&short.events), [(CashFlowKind::Dividend, decimal("-5.05"))]);
}

#[test]
fn shares_go_on_under_another_name_and_end_with_a_payment() {
    let mut bench = Bench::with(shares(LONG));
    bench.flat(2, 100.0);
    let to = "META".parse().expect("a symbol");
    corporate(&mut bench, CorporateAction::SymbolChange { to });
    assert_eq!(
        bench.engine.position().expect("a position").symbol.as_str(),
        "META"
    );
    assert_eq!(bench.engine.config().instrument.symbol().as_str(), "META");
    bench.forget();
    corporate(
        &mut bench,
        CorporateAction::Delisting {
            price: Some(Price(decimal("3.5"))),
        },
    );
    assert_eq!(
        bench.journal(),
        [
            "corporate action 0 Delisting { price: Some(Price(3.5)) }",
            "market 0 Ended",
            "cash flow Settlement: 35",
            "long closed: -965",
            "flat",
        ]
    );
    // Nothing is traded in it any more.
    bench.forget().flat(3, 3.0);
    assert!(
        bench.journal().iter().all(|line| !line.contains("filled")),
        "{:?}",
        bench.journal()
    );
    assert_eq!(bench.engine.position(), None);
}

#[test]
fn nonsense_of_a_feed_changes_nothing() {
    let mut bench = Bench::with(shares(LONG));
    bench.flat(2, 100.0).forget();
    let equity = bench.engine.equity();
    corporate(&mut bench, CorporateAction::Split { ratio: Decimal::ZERO });
    corporate(
        &mut bench,
        CorporateAction::Dividend {
            per_share: decimal("-5"),
        },
    );
    assert_eq!(bench.journal(), Vec::<String>::new());
    assert_eq!(bench.engine.equity(), equity);
    let stranger = Input::Market(
        InstrumentId(7),
        MarketEvent::Action(bench.now(), MarketAction::MarkPrice(Price(Decimal::ONE))),
    );
    bench.feed(&stranger);
    assert_eq!(bench.journal(), Vec::<String>::new());
}

#[test]
fn funding_is_paid_and_shown() {
    let mut bench = Bench::with(perpetual(LONG, 10_000));
    bench.flat(2, 100.0).forget();
    act(
        &mut bench,
        MarketAction::Funding {
            rate: decimal("0.0001"),
            mark: Some(Price(decimal("101"))),
        },
    );
    assert_eq!(bench.journal(), ["cash flow Funding: -0.101"]);
    assert_eq!(bench.engine.cash().amount, decimal("9999.899"));
}

#[test]
fn a_future_is_settled_at_its_expiry() {
    let future = instrument("ESZ3", "0.25", "50")
        .with_kind(InstrumentKind::Future {
            expiry: Timestamp::from_secs(120),
        })
        .with_margin(MarginRule::PerContract {
            initial: decimal("500"),
            maintenance: decimal("400"),
        })
        .expect("margins");
    let mut bench = Bench::with(trading(LONG, future));
    bench.flat(2, 1_700.0).forget();
    assert_eq!(bench.engine.ledger().available().amount, decimal("5000"));
    act(
        &mut bench,
        MarketAction::Settlement {
            price: Price(decimal("1703.5")),
        },
    );
    assert_eq!(
        bench.journal(),
        [
            "market 0 Ended",
            "cash flow Settlement: 1750",
            "long closed: 1750",
            "flat",
        ]
    );
    assert_eq!(bench.engine.ledger().available().amount, decimal("11750"));
}

/// Ten units at 100 on 150: at 5 % maintenance they are covered down to (1,000 − 150) ÷ (10 × 0.95) = 89.47…
#[test]
fn a_position_whose_margin_gave_out_is_closed_at_the_next_price() {
    let mut bench = Bench::with(perpetual(LONG, 150));
    bench.flat(2, 100.0).forget().bar(100.0, 100.0, 89.48, 89.48);
    assert_eq!(bench.journal(), Vec::<String>::new());
    // It opens beyond the price at which the cover gives out.
    bench.bar(89.3, 95.0, 89.3, 95.0);
    assert_eq!(
        bench.journal()[1..6],
        [
            "#2 sell 10 market (liquidation)",
            "#2 accepted",
            "#2 filled 10 @ 89.30",
            "long closed: -107",
            "flat"
        ]
    );
    assert_eq!(bench.engine.cash().amount, decimal("43"));
}

#[test]
fn a_low_inside_a_bar_takes_the_position_at_the_first_price_beyond() {
    let mut bench = Bench::with(perpetual(LONG, 150));
    bench.flat(2, 100.0).forget().bar(100.0, 101.0, 80.0, 100.0);
    assert_eq!(bench.journal()[3], "#2 filled 10 @ 89.47");
    assert!(bench.engine.equity().amount > Decimal::ZERO, "nothing is owed");
}

/// On 151 they are covered down to 849 ÷ 9.5 = 89.368…: a low of 89.367 is beyond it, its tick of 89.37 is not.
#[test]
fn a_low_between_two_ticks_takes_the_position_when_its_tick_is_beyond() {
    let mut bench = Bench::with(perpetual(LONG, 151));
    bench.flat(2, 100.0).forget().bar(100.0, 100.0, 89.367, 95.0);
    assert_eq!(bench.journal(), Vec::<String>::new());
    bench.bar(95.0, 95.0, 89.364, 95.0);
    assert_eq!(bench.journal()[3], "#2 filled 10 @ 89.36");
}

#[test]
fn a_stop_on_the_way_saves_what_a_liquidation_would_have_taken() {
    let with_stop = LONG.replace("}}\n", "}, stop_loss: 8}\n");
    let mut bench = Bench::with(perpetual(&with_stop, 150));
    bench.flat(2, 100.0).forget().bar(100.0, 101.0, 80.0, 100.0);
    let journal = bench.journal();
    assert!(
        journal.iter().any(|line| line.ends_with("filled 10 @ 92.00")),
        "{journal:?}"
    );
    assert!(
        !journal.iter().any(|line| line.contains("liquidation")),
        "{journal:?}"
    );
}

#[test]
fn a_mark_price_decides_where_the_venue_tells_one() {
    let mut bench = Bench::with(perpetual(LONG, 150));
    bench.flat(2, 100.0);
    act(&mut bench, MarketAction::MarkPrice(Price(decimal("99"))));
    // A last price far below takes nobody's position away.
    bench.forget().bar(99.0, 99.0, 87.0, 88.0);
    assert_eq!(bench.journal(), Vec::<String>::new());
    act(&mut bench, MarketAction::MarkPrice(Price(decimal("89"))));
    assert_eq!(
        bench.journal(),
        ["alert liquidation", "#2 sell 10 market (liquidation)"]
    );
}

#[test]
fn a_mark_price_that_is_not_told_again_gives_way_to_the_last_price() {
    let mut bench = Bench::with(perpetual(LONG, 150));
    bench.flat(2, 100.0);
    act(&mut bench, MarketAction::MarkPrice(Price(decimal("100"))));
    // It counts for two bars, through which the market is far below what covers the position.
    bench.forget().bar(100.0, 100.0, 87.0, 88.0).flat(1, 88.0);
    assert_eq!(bench.journal(), Vec::<String>::new());
    bench.flat(1, 88.0);
    assert_eq!(
        bench.journal()[..3],
        [
            "alert liquidation",
            "#2 sell 10 market (liquidation)",
            "#2 accepted"
        ]
    );
}

#[test]
fn a_mark_price_of_the_morning_comes_before_the_last_price_of_the_evening() {
    let mut bench = Bench::with(perpetual(LONG, 150));
    bench.flat(2, 100.0);
    act(&mut bench, MarketAction::MarkPrice(Price(decimal("100"))));
    // The market's last price would not cover the position; its marks do, before the night and after it.
    bench.forget().bar(100.0, 100.0, 87.0, 88.0);
    let morning = bench.now().plus_nanos(12 * 3_600_000_000_000);
    let mark = MarketAction::MarkPrice(Price(decimal("101")));
    bench.feed(&Input::market(MarketEvent::Action(morning, mark)));
    assert_eq!(bench.journal(), Vec::<String>::new());
}

/// Quotes at `price` on both sides, so many seconds after the bars so far.
fn quote(bench: &mut Bench, second: i64, price: f64) {
    let quote = papertape::market::Quote {
        time: bench.now().plus_nanos(second * 1_000_000_000),
        bid: price,
        bid_size: 100.0,
        ask: price,
        ask_size: 100.0,
    };
    bench.feed(&Input::market(MarketEvent::Quote(quote)));
}

#[test]
fn among_ticks_a_mark_price_counts_for_a_minute_which_a_gap_stops() {
    let ruined = |bench: &mut Bench| {
        bench.flat(2, 100.0);
        quote(bench, 0, 100.0);
        act(bench, MarketAction::MarkPrice(Price(decimal("100"))));
        bench.forget();
        quote(bench, 30, 88.0);
        quote(bench, 60, 88.0);
        assert_eq!(bench.journal(), Vec::<String>::new());
    };
    let is_called = |bench: &Bench| bench.journal().contains(&"alert liquidation".to_owned());
    let mut bench = Bench::with(perpetual(LONG, 150));
    ruined(&mut bench);
    quote(&mut bench, 61, 88.0);
    assert!(is_called(&bench), "{:?}", bench.journal());

    let mut bench = Bench::with(perpetual(LONG, 150));
    ruined(&mut bench);
    // The last price, of before the gap, would call it. Told anew within a minute of its end, the mark goes on counting; told
    // no more, the last price decides.
    for (told_anew, called_at) in [(false, 661), (true, 716)] {
        let mut bench = Bench::with(perpetual(LONG, 150));
        ruined(&mut bench);
        let mut tell = |second: i64, event: fn(Timestamp) -> MarketEvent| {
            let time = bench.now().plus_nanos(second * 1_000_000_000);
            bench.feed(&Input::market(event(time)));
        };
        tell(60, |time| MarketEvent::Status(time, TradingStatus::Gap));
        tell(600, MarketEvent::Clock);
        tell(600, |time| MarketEvent::Status(time, TradingStatus::Trading));
        quote(&mut bench, 650, 88.0);
        if told_anew {
            let mark = MarketAction::MarkPrice(Price(decimal("100")));
            let time = bench.now().plus_nanos(655_000_000_000);
            bench.feed(&Input::market(MarketEvent::Action(time, mark)));
        }
        quote(&mut bench, called_at - 1, 88.0);
        assert!(!is_called(&bench), "{:?}", bench.journal());
        quote(&mut bench, called_at, 88.0);
        assert!(is_called(&bench), "{:?}", bench.journal());
    }
}

#[test]
fn interest_and_borrow_fees_are_charged_by_the_day() {
    let mut config = shares(SHORT);
    config.account = AccountConfig {
        borrow_rate: decimal("0.36"),
        ..AccountConfig::default()
    };
    let mut bench = Bench::with(config);
    bench.flat(1_441, 100.0);
    assert_eq!(flows(&bench.events), [(CashFlowKind::BorrowFee, decimal("-1"))]);
    bench.flat(1_440, 100.0);
    assert_eq!(flows(&bench.events).len(), 2);
}

#[test]
fn an_option_in_the_money_delivers_its_underlying() {
    let terms = OptionTerms {
        underlying: "AAPL".parse().expect("a symbol"),
        strike: Price(decimal("100")),
        right: OptionRight::Call,
        expiry: Timestamp::from_secs(120),
        style: ExerciseStyle::American,
        settlement: OptionSettlement::Physical,
    };
    for (underlying, expected) in [
        (
            "112",
            vec![
                "market 0 Ended",
                "exercised 1",
                "cash flow OptionSettlement: 1200",
                "long closed: 900",
                "flat",
                "long opened",
                "long 100",
            ],
        ),
        (
            "99",
            vec![
                "market 0 Ended",
                "cash flow OptionSettlement: 0",
                "long closed: -300",
                "flat",
            ],
        ),
    ] {
        let call = instrument("AAPL1", "0.01", "100").with_kind(InstrumentKind::Option(terms.clone()));
        let yaml = LONG.replace("value: 10", "value: 1");
        let mut config = trading(&yaml, call);
        config.initial_capital.amount = Decimal::from(20_000);
        config.others = vec![instrument("AAPL", "0.01", "1").with_kind(InstrumentKind::Equity)];
        let mut bench = Bench::with(config);
        bench.flat(2, 3.0).forget();
        act(
            &mut bench,
            MarketAction::Settlement {
                price: Price(decimal(underlying)),
            },
        );
        assert_eq!(bench.journal(), expected, "underlying at {underlying}");
    }
}

/// The same inputs with a snapshot in between give the same events, actions included.
#[test]
fn a_restored_session_goes_on_through_actions() {
    let mut bench = Bench::with(shares(PROTECTED));
    bench.flat(2, 100.0);
    corporate(&mut bench, CorporateAction::Split { ratio: decimal("2") });
    let mut restored = Engine::restore(&bench.engine.snapshot()).expect("a snapshot");
    let mut events = Vec::new();
    let dividend = MarketAction::Corporate(CorporateAction::Dividend {
        per_share: decimal("1"),
    });
    let input = Input::market(MarketEvent::Action(bench.now(), dividend.clone()));
    restored.process(&input, &mut events);
    act(&mut bench, dividend);
    restored.process(&Input::Command(bench.now(), Command::Finish), &mut events);
    bench.command(Command::Finish);
    assert_eq!(restored.event_hash(), bench.engine.event_hash());
}

/// Options follow what becomes of the shares that they are on.
#[test]
fn a_split_and_a_new_name_take_the_options_along() {
    let terms = OptionTerms {
        underlying: "AAPL".parse().expect("a symbol"),
        strike: Price(decimal("100")),
        right: OptionRight::Call,
        expiry: Timestamp::from_secs(3_600),
        style: ExerciseStyle::American,
        settlement: OptionSettlement::Cash,
    };
    let call = instrument("AAPL1", "0.01", "100").with_kind(InstrumentKind::Option(terms));
    let mut config = trading(&LONG.replace("value: 10", "value: 2"), call);
    config.others = vec![instrument("AAPL", "0.01", "1").with_kind(InstrumentKind::Equity)];
    let mut bench = Bench::with(config);
    let shares = |bench: &mut Bench, event: MarketEvent| {
        bench.feed(&Input::Market(InstrumentId(1), event));
    };
    bench.flat(2, 8.0);
    let action = |bench: &Bench, action| MarketEvent::Action(bench.now(), MarketAction::Corporate(action));
    let split = action(&bench, CorporateAction::Split { ratio: decimal("4") });
    shares(&mut bench, split);
    let position = bench.engine.position().expect("a position");
    assert_eq!(
        (position.quantity.0, position.entry_price.0),
        (decimal("8"), decimal("2"))
    );
    let to = "FRUIT".parse().expect("a symbol");
    let renamed = action(&bench, CorporateAction::SymbolChange { to });
    shares(&mut bench, renamed);
    let InstrumentKind::Option(terms) = bench.engine.market(InstrumentId::PRIMARY).instrument().kind() else {
        panic!("it is still an option");
    };
    assert_eq!(
        (terms.strike.0, terms.underlying.as_str()),
        (decimal("25"), "FRUIT")
    );
    // At its expiry it is worth what its underlying is above the new strike, under the new name.
    let last = papertape::market::Bar {
        open_time: bench.now(),
        open: 28.0,
        high: 28.0,
        low: 28.0,
        close: 28.0,
        volume: 1.0,
    };
    shares(&mut bench, MarketEvent::Bar(last));
    bench
        .forget()
        .feed(&Input::market(MarketEvent::Clock(Timestamp::from_secs(4_000))));
    // 8 contracts of 100 at 28 − 25.
    let settled = (CashFlowKind::OptionSettlement, decimal("2400"));
    assert!(flows(&bench.events).contains(&settled), "{:?}", bench.journal());
    assert_eq!(bench.engine.position(), None);
}

#[test]
fn a_roll_costs_the_two_trades_that_it_takes() {
    let contract = instrument("ESH4", "0.25", "50")
        .with_kind(InstrumentKind::Future {
            expiry: Timestamp::from_secs(4_000_000_000),
        })
        .with_margin(MarginRule::PerContract {
            initial: decimal("500"),
            maintenance: decimal("400"),
        })
        .expect("margins");
    let mut config = trading(LONG, contract);
    config.initial_capital.amount = decimal("100000");
    config.execution.fees = Fees::Rates {
        maker: Decimal::ZERO,
        taker: decimal("0.0001"),
    };
    config.execution.slippage = SlippageModel::FixedBps { bps: decimal("2.5") };
    let roll = |from: &str, to: &str| MarketAction::Roll {
        from: Price(decimal(from)),
        to: Price(decimal(to)),
    };
    let mut bench = Bench::with(config);
    act(&mut bench, roll("4000", "4040"));
    assert_eq!(flows(&bench.events), [], "nothing is held");
    bench.flat(2, 4040.0).forget();
    let equity = bench.engine.equity().amount;
    act(&mut bench, roll("0", "4040"));
    assert_eq!(flows(&bench.events), [], "a price of nothing is none");
    act(&mut bench, roll("4000", "4040"));
    // Ten contracts of 50: sold a point below 4,000 for a fee of 199.95, bought 1.25 above 4,040 for 202.0625.
    let cost = decimal("1527.0125");
    assert_eq!(flows(&bench.events), [(CashFlowKind::Roll, -cost)]);
    assert_eq!(bench.engine.equity().amount, equity - cost);
    assert_eq!(
        bench.engine.position().expect("it goes on").quantity.0,
        decimal("10")
    );
}

#[test]
fn the_rolls_of_a_series_are_an_action_file() {
    let roll = Roll {
        time: Timestamp::parse("2013-12-12T23:00:00Z").expect("a time"),
        from: "ESZ3".parse().expect("a symbol"),
        to: "ESH4".parse().expect("a symbol"),
        from_price: 1775.25,
        to_price: 1768.5,
    };
    let written = write_rolls(std::slice::from_ref(&roll));
    let read = read_actions(&written, CalendarId::CmeGlobex, Timeframe::MINUTE).expect("an action file");
    let action = MarketAction::Roll {
        from: Price(decimal("1775.25")),
        to: Price(decimal("1768.5")),
    };
    assert_eq!(
        read,
        [DatedAction {
            time: roll.time,
            action
        }]
    );
}
