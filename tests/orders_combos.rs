//! Multi-leg orders: all legs at a net price, or none.

use papertape::engine::{
    ComboRequest, Command, Engine, EngineConfig, Event, EventKind, ExecutionConfig, Fees, Input, LegRequest,
    OptionModel,
};
use papertape::exchange::{DataTier, Fill, TradingStatus};
use papertape::market::{MarketEvent, Quote};
use papertape::model::{
    ExerciseStyle, Instrument, InstrumentId, InstrumentKind, MarginRule, OptionRight, OptionSettlement,
    OptionTerms, Price, Quantity, Side, Timestamp,
};
use papertape::order::{Amendment, OrderRequest, TimeInForceWord};
use papertape::pricing::{ModelAssumptions, Volatility, model_price};
use papertape::testkit::{config, decimal};
use rust_decimal::Decimal;

const NOTHING: &str = "name: by hand\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: false}\n\
                       risk: {size: {method: fixed_quantity, value: 1}}\n";

fn call(strike: &str) -> Instrument {
    let symbol = format!("BTC-{strike}C/USDT").parse().expect("a symbol");
    let terms = OptionTerms {
        underlying: "BTC/USDT".parse().expect("a symbol"),
        strike: Price(decimal(strike)),
        right: OptionRight::Call,
        expiry: Timestamp::from_secs(100_000_000),
        style: ExerciseStyle::European,
        settlement: OptionSettlement::Cash,
    };
    Instrument::new(symbol, decimal("0.05"), Decimal::ONE, Decimal::ZERO, Decimal::TEN)
        .expect("an instrument")
        .with_kind(InstrumentKind::Option(terms))
}

struct Desk {
    engine: Engine,
    events: Vec<Event>,
    second: i64,
}

impl Desk {
    /// A session that knows two calls: 100 is quoted 5.00 / 5.20, 110 is quoted 2.10 / 2.30, ten contracts each.
    fn open() -> Self {
        let config = EngineConfig {
            others: vec![call("100"), call("110")],
            ..config(NOTHING)
        };
        Self::of(config)
    }

    fn of(config: EngineConfig) -> Self {
        let mut desk = Self {
            engine: Engine::new(config),
            events: Vec::new(),
            second: 0,
        };
        desk.feed(Input::Command(Timestamp::from_secs(0), Command::Start));
        desk.quote(0, 104.0, 104.1, 10.0);
        desk.quote(1, 5.0, 5.2, 10.0);
        desk.quote(2, 2.1, 2.3, 10.0);
        desk
    }

    fn feed(&mut self, input: Input) {
        self.engine.process(&input, &mut self.events);
    }

    fn quote(&mut self, at: u16, bid: f64, ask: f64, size: f64) {
        self.second += 1;
        let quote = Quote {
            time: Timestamp::from_secs(self.second),
            bid,
            bid_size: size,
            ask,
            ask_size: size,
        };
        self.feed(Input::Market(InstrumentId(at), MarketEvent::Quote(quote)));
    }

    /// Buys the 100 call and sells the 110 call.
    fn order(&mut self, quantity: i64, net_price: Option<&str>, time_in_force: TimeInForceWord) {
        let leg = |symbol: &str, side| LegRequest {
            symbol: symbol.parse().expect("a symbol"),
            side,
            ratio: 1,
        };
        let request = ComboRequest {
            legs: vec![leg("BTC-100C/USDT", Side::Buy), leg("BTC-110C/USDT", Side::Sell)],
            quantity: Quantity(quantity.into()),
            net_price: net_price.map(decimal),
            time_in_force,
        };
        let time = Timestamp::from_secs(self.second);
        self.feed(Input::Command(time, Command::PlaceCombo(Box::new(request))));
    }

    /// Both legs are quoted anew, a little later.
    fn quotes(&mut self, hundred: (f64, f64, f64), hundred_ten: (f64, f64, f64)) {
        self.quote(1, hundred.0, hundred.1, hundred.2);
        self.quote(2, hundred_ten.0, hundred_ten.1, hundred_ten.2);
    }

    fn fills(&self) -> Vec<&Fill> {
        let fill = |event: &'_ Event| matches!(event.kind, EventKind::OrderFilled { .. });
        let events = self.events.iter().filter(|event| fill(event));
        events
            .filter_map(|event| match &event.kind {
                EventKind::OrderFilled { fill, .. } => Some(fill),
                _ => None,
            })
            .collect()
    }

    fn filled(&self) -> Vec<String> {
        let text = |fill: &&Fill| format!("{} {} @ {}", fill.side, fill.quantity.0.normalize(), fill.price);
        self.fills().iter().map(text).collect()
    }

    fn codes(&self) -> Vec<String> {
        let code = |event: &Event| match &event.kind {
            EventKind::OrderRejected { reason, .. } => Some(reason.code().to_owned()),
            EventKind::OrderDenied { reason, .. } => Some(reason.code().to_owned()),
            EventKind::OrderCanceled { reason, .. } => Some(reason.code().to_owned()),
            _ => None,
        };
        self.events.iter().filter_map(code).collect()
    }
}

#[test]
fn legs_fill_together_at_the_prices_shown_when_the_net_price_is_met() {
    let mut desk = Desk::open();
    desk.order(3, Some("3.00"), TimeInForceWord::Gtc);
    desk.quotes((5.0, 5.2, 10.0), (2.1, 2.3, 10.0));
    assert_eq!(desk.filled(), [""; 0], "3.10 is asked, 3.00 is the most");
    desk.quotes((4.9, 5.1, 10.0), (2.1, 2.3, 10.0));
    assert_eq!(desk.filled(), ["sell 3 @ 2.10", "buy 3 @ 5.10"]);
    assert_eq!(desk.engine.positions().len(), 2);
    assert_eq!(desk.engine.open_orders().count(), 0);
    for fill in desk.fills() {
        let instrument = call("100");
        let expected =
            fill.explanation
                .expected_price_cost(&instrument, fill.side, fill.price, fill.quantity);
        assert_eq!(fill.explanation.price_cost(), expected, "{fill:?}");
    }
}

#[test]
fn no_more_combinations_fill_than_the_thinnest_leg_shows_and_the_rest_waits() {
    let mut desk = Desk::open();
    desk.order(5, None, TimeInForceWord::Gtc);
    desk.quotes((5.0, 5.2, 9.0), (2.1, 2.3, 2.0));
    assert_eq!(desk.filled(), ["sell 2 @ 2.10", "buy 2 @ 5.20"]);
    desk.quote(1, 5.0, 5.2, 8.0);
    assert_eq!(desk.filled().len(), 2, "what it took of the 110 call stays taken");
    desk.quote(2, 2.1, 2.3, 7.0);
    assert_eq!(desk.filled()[2..], ["sell 3 @ 2.10", "buy 3 @ 5.20"]);
}

#[test]
fn fill_or_kill_is_all_combinations_at_once_or_none() {
    let mut desk = Desk::open();
    desk.order(5, None, TimeInForceWord::Fok);
    desk.quotes((5.0, 5.2, 9.0), (2.1, 2.3, 2.0));
    assert_eq!(desk.filled(), [""; 0]);
    assert_eq!(desk.codes(), ["not_filled_at_once", "not_filled_at_once"]);
    assert_eq!(desk.engine.open_orders().count(), 0);
}

#[test]
fn a_leg_that_is_withdrawn_takes_the_combination_along() {
    let mut desk = Desk::open();
    desk.order(5, Some("1.00"), TimeInForceWord::Gtc);
    desk.quotes((5.0, 5.2, 9.0), (2.1, 2.3, 2.0));
    let leg = desk.engine.open_orders().next().expect("a leg rests").id;
    let time = Timestamp::from_secs(desk.second);
    desk.feed(Input::Command(time, Command::Cancel(leg)));
    assert_eq!(desk.codes(), ["requested", "group_ended"]);
    desk.quotes((1.0, 1.2, 9.0), (2.1, 2.3, 9.0));
    assert_eq!(desk.filled(), [""; 0]);
    assert_eq!(desk.engine.check(), Ok(()));
}

#[test]
fn an_option_that_nobody_quotes_is_met_at_the_model_s_price() {
    let assumptions = ModelAssumptions {
        volatility: Volatility::new(0.6).expect("a volatility"),
        rate: 0.02,
        dividend_yield: 0.0,
    };
    let mut config = EngineConfig {
        others: vec![call("100")],
        option_model: Some(OptionModel {
            assumptions,
            half_spread: 0.02,
            size: 5.0,
            chain: None,
        }),
        ..config(NOTHING)
    };
    config.execution = ExecutionConfig::free();
    let mut desk = Desk {
        engine: Engine::new(config),
        events: Vec::new(),
        second: 0,
    };
    desk.feed(Input::Command(Timestamp::from_secs(0), Command::Start));
    desk.quote(0, 103.9, 104.1, 10.0);
    let mut request = OrderRequest::market(Side::Buy, Decimal::ONE);
    request.symbol = Some("BTC-100C/USDT".parse().expect("a symbol"));
    desk.feed(Input::Command(
        Timestamp::from_secs(1),
        Command::Place(Box::new(request.into())),
    ));
    desk.quote(0, 104.9, 105.1, 10.0);
    let fills = desk.fills();
    assert_eq!(fills.len(), 1);
    assert_eq!(fills[0].explanation.tier, DataTier::Model);
    let InstrumentKind::Option(terms) = call("100").kind().clone() else {
        panic!("a call");
    };
    let model = model_price(&terms, Timestamp::from_secs(2), 105.0, &assumptions).expect("a price");
    let asked = call("100").price_from_f64(model.price * 1.02).expect("a price");
    assert_eq!(fills[0].price, asked);
}

#[test]
fn what_is_no_combination_or_cannot_be_paid_is_refused_and_moves_nothing() {
    let mut desk = Desk::open();
    let cash = desk.engine.cash();
    desk.order(0, None, TimeInForceWord::Gtc);
    desk.order(1, None, TimeInForceWord::Opg);
    desk.order(10_000, None, TimeInForceWord::Gtc);
    assert_eq!(desk.codes()[..2], ["invalid_quantity", "contradiction"]);
    assert_eq!(desk.codes()[2], "insufficient_funds");
    assert_eq!(desk.engine.cash(), cash);
    assert_eq!(desk.engine.open_orders().count(), 0);
}

#[test]
fn legs_pay_slippage_as_any_taker_and_the_limit_is_judged_by_what_is_paid() {
    let slipping = || {
        let mut config = EngineConfig {
            others: vec![call("100"), call("110")],
            ..config(NOTHING)
        };
        config.execution.slippage = papertape::exchange::SlippageModel::FixedBps { bps: decimal("200") };
        Desk::of(config)
    };
    let mut desk = slipping();
    desk.order(1, None, TimeInForceWord::Gtc);
    desk.quotes((5.0, 5.2, 10.0), (2.1, 2.3, 10.0));
    let prices: Vec<_> = desk
        .fills()
        .iter()
        .map(|fill| (fill.side, fill.price.0))
        .collect();
    // 2 % of 2.10 and of 5.20, on ticks of 0.05.
    assert_eq!(
        prices,
        [(Side::Sell, decimal("2.05")), (Side::Buy, decimal("5.35"))]
    );
    // 5.20 − 2.10 is within 3.10, 5.35 − 2.05 is not.
    let mut desk = slipping();
    desk.order(1, Some("3.10"), TimeInForceWord::Gtc);
    desk.quotes((5.0, 5.2, 10.0), (2.1, 2.3, 10.0));
    assert_eq!(desk.fills().len(), 0);
    desk.quotes((4.8, 5.0, 10.0), (2.1, 2.3, 10.0));
    assert_eq!(desk.fills().len(), 2, "5.10 less 2.05");
}

#[test]
fn legs_are_paid_in_cash_and_not_from_what_other_positions_have_gained() {
    let perpetual = Instrument::new(
        "BTC-PERP/USDT".parse().expect("a symbol"),
        decimal("0.1"),
        Decimal::ONE,
        Decimal::ZERO,
        Decimal::ONE,
    )
    .expect("an instrument")
    .with_kind(InstrumentKind::Perpetual)
    .with_margin(MarginRule::Rate {
        initial: decimal("0.1"),
        maintenance: decimal("0.05"),
    })
    .expect("margins");
    let mut config = config(NOTHING);
    config.others = vec![call("100"), call("110"), perpetual];
    config.initial_capital.amount = decimal("1000");
    let mut desk = Desk::of(config);
    desk.quote(3, 100.0, 100.0, 100.0);
    let mut order = OrderRequest::market(Side::Buy, decimal("50"));
    order.symbol = Some("BTC-PERP/USDT".parse().expect("a symbol"));
    let time = Timestamp::from_secs(desk.second);
    desk.feed(Input::Command(time, Command::Place(Box::new(order.into()))));
    desk.quote(3, 100.0, 100.0, 100.0);
    assert_eq!(desk.filled(), ["buy 50 @ 100.0"]);
    // 500 are free. Both calls are bought for 5.20 and 2.30: four times 75 are held.
    let leg = |symbol: &str| LegRequest {
        symbol: symbol.parse().expect("a symbol"),
        side: Side::Buy,
        ratio: 1,
    };
    let request = ComboRequest {
        legs: vec![leg("BTC-100C/USDT"), leg("BTC-110C/USDT")],
        quantity: Quantity(Decimal::from(4)),
        net_price: None,
        time_in_force: TimeInForceWord::Gtc,
    };
    let time = Timestamp::from_secs(desk.second);
    desk.feed(Input::Command(time, Command::PlaceCombo(Box::new(request))));
    // The perpetual gains 5,000, which lends margin, but buys nothing. The legs are dearer now: 4 × 10 × (9 + 6) is 600.
    desk.quote(3, 200.0, 200.0, 100.0);
    desk.quotes((8.8, 9.0, 10.0), (5.8, 6.0, 10.0));
    assert_eq!(
        desk.filled(),
        ["buy 50 @ 100.0"],
        "no leg alone, and not on credit"
    );
    assert_eq!(desk.engine.open_orders().count(), 0);
    assert!(desk.engine.ledger().available().amount >= Decimal::ZERO);
}

#[test]
fn a_combination_that_cannot_wait_ends_where_a_leg_does_not_trade() {
    for word in [TimeInForceWord::Ioc, TimeInForceWord::Fok] {
        let mut desk = Desk::open();
        let halted = MarketEvent::Status(Timestamp::from_secs(desk.second), TradingStatus::Halted);
        desk.feed(Input::Market(InstrumentId(2), halted));
        desk.order(1, None, word);
        desk.quotes((5.0, 5.2, 10.0), (2.1, 2.3, 10.0));
        assert_eq!(desk.fills().len(), 0);
        assert_eq!(desk.engine.open_orders().count(), 0, "{word:?}");
    }
}

#[test]
fn legs_that_the_account_carries_one_by_one_but_not_together_do_not_trade() {
    let margin = MarginRule::Rate {
        initial: decimal("0.2"),
        maintenance: decimal("0.2"),
    };
    let on_margin = |strike| call(strike).with_margin(margin).expect("margins");
    let mut config = EngineConfig {
        others: vec![on_margin("100"), on_margin("110")],
        ..config(NOTHING)
    };
    config.initial_capital.amount = decimal("250");
    let mut desk = Desk::of(config);
    desk.order(1, None, TimeInForceWord::Gtc);
    desk.quotes((5.0, 5.2, 10.0), (2.1, 2.3, 10.0));
    assert_eq!(desk.filled(), ["sell 1 @ 2.10", "buy 1 @ 5.20"]);
    // The bought call covers the sold one. Without it two sold ones are bare: each asks for 20 % of 1,040 less 60 out of the money.
    let leg = |symbol: &str| LegRequest {
        symbol: symbol.parse().expect("a symbol"),
        side: Side::Sell,
        ratio: 1,
    };
    let request = ComboRequest {
        legs: vec![leg("BTC-100C/USDT"), leg("BTC-110C/USDT")],
        quantity: Quantity(Decimal::ONE),
        net_price: None,
        time_in_force: TimeInForceWord::Gtc,
    };
    let time = Timestamp::from_secs(desk.second);
    desk.feed(Input::Command(time, Command::PlaceCombo(Box::new(request))));
    assert_eq!(desk.engine.open_orders().count(), 2, "each leg alone is carried");
    desk.quotes((5.0, 5.2, 10.0), (2.1, 2.3, 10.0));
    assert_eq!(desk.fills().len(), 2, "neither of the new legs");
    assert_eq!(
        desk.codes().first().map(String::as_str),
        Some("insufficient_funds")
    );
    assert_eq!(desk.engine.open_orders().count(), 0);
    assert_eq!(desk.engine.check(), Ok(()));
}

#[test]
fn a_leg_is_not_changed_alone() {
    let mut desk = Desk::open();
    desk.order(2, Some("1.00"), TimeInForceWord::Gtc);
    desk.quotes((5.0, 5.2, 9.0), (2.1, 2.3, 9.0));
    let leg = desk.engine.open_orders().next().expect("a leg rests").id;
    let change = Amendment {
        order_id: leg,
        quantity: Some(Decimal::ONE),
        price: None,
        stop_price: None,
    };
    let time = Timestamp::from_secs(desk.second);
    desk.feed(Input::Command(time, Command::Amend(change)));
    let refused = desk.events.iter().find_map(|event| match &event.kind {
        EventKind::OrderRequestRefused { reason, .. } => Some(reason.code()),
        _ => None,
    });
    assert_eq!(refused, Some("leg_of_combo"));
    desk.quotes((2.9, 3.1, 10.0), (2.1, 2.3, 10.0));
    assert_eq!(desk.filled(), ["sell 2 @ 2.10", "buy 2 @ 3.10"]);
}

#[test]
fn a_combination_that_fills_in_part_gives_back_its_part_of_the_hold() {
    let mut config = EngineConfig {
        others: vec![call("100"), call("110")],
        ..config(NOTHING)
    };
    // With a charge for each order, what is held for three is no multiple of three.
    config.execution.fees = Fees::Preset("ibkr_fixed".parse().expect("a preset"));
    let mut desk = Desk::of(config);
    desk.order(3, None, TimeInForceWord::Gtc);
    desk.quotes((5.0, 5.2, 1.0), (2.1, 2.3, 10.0));
    assert_eq!(desk.filled(), ["sell 1 @ 2.10", "buy 1 @ 5.20"]);
    assert_eq!(desk.engine.check(), Ok(()));
}
