//! Options that a session trades by their names: listed, quoted by a model, exercised, expired.

use papertape::engine::{
    ComboRequest, Command, Engine, EngineConfig, Event, EventKind, ExecutionConfig, ExerciseRequest, Input,
    LegRequest, OptionModel,
};
use papertape::exchange::{DataTier, Fill};
use papertape::market::{MarketEvent, Quote, SimulatedMarket};
use papertape::model::{InstrumentId, Money, OptionName, Quantity, Side, Symbol, Timestamp};
use papertape::order::{OrderRequest, TimeInForceWord};
use papertape::pricing::{ModelAssumptions, Volatility};
use papertape::testkit::{config, decimal};
use rust_decimal::Decimal;

const NOTHING: &str = "name: by hand\nsymbols: [AAPL]\ntimeframe: 1m\nentry: {long: false}\n\
                       risk: {size: {method: fixed_quantity, value: 1}}\n";
const CALL: &str = "AAPL  241220C00100000";
const PUT: &str = "AAPL 2024-12-20 100 P";
const HIGHER_CALL: &str = "AAPL241220C00103000";

fn symbol(text: &str) -> Symbol {
    text.parse().expect(text)
}

fn model() -> OptionModel {
    OptionModel {
        assumptions: ModelAssumptions {
            volatility: Volatility::new(0.3).expect("a volatility"),
            rate: 0.04,
            dividend_yield: 0.01,
        },
        half_spread: 0.02,
        size: 20.0,
        chain: None,
    }
}

struct Desk {
    engine: Engine,
    events: Vec<Event>,
    now: Timestamp,
}

impl Desk {
    /// Two hours before the close of the day on which the options expire; Apple is at 103.
    fn open(option_model: Option<OptionModel>) -> Self {
        Self::with("100000", option_model)
    }

    fn with(capital: &str, option_model: Option<OptionModel>) -> Self {
        let mut config = EngineConfig {
            instrument: SimulatedMarket::instrument(&symbol("AAPL")),
            initial_capital: Money::new(decimal(capital), "USD".parse().expect("a currency")),
            option_model,
            ..config(NOTHING)
        };
        config.execution = ExecutionConfig::free();
        let mut desk = Self {
            engine: Engine::new(config),
            events: Vec::new(),
            now: Timestamp::parse("2024-12-20T19:00:00Z").expect("a time"),
        };
        desk.command(Command::Start);
        desk.shares_at(103.0);
        desk
    }

    fn feed(&mut self, input: Input) {
        self.engine.process(&input, &mut self.events);
    }

    fn command(&mut self, command: Command) {
        self.feed(Input::Command(self.now, command));
    }

    fn shares_at(&mut self, price: f64) {
        self.now = self.now.plus_nanos(1_000_000_000);
        let quote = Quote {
            time: self.now,
            bid: price - 0.01,
            bid_size: 5_000.0,
            ask: price + 0.01,
            ask_size: 5_000.0,
        };
        self.feed(Input::Market(InstrumentId::PRIMARY, MarketEvent::Quote(quote)));
    }

    fn trade(&mut self, option: &str, side: Side, quantity: i64) {
        let mut request = OrderRequest::market(side, quantity.into());
        request.symbol = Some(symbol(option));
        self.command(Command::Place(Box::new(request.into())));
        self.shares_at(103.0);
    }

    fn exercise(&mut self, option: &str, quantity: i64) {
        self.command(Command::Exercise(ExerciseRequest {
            symbol: symbol(option),
            quantity: Quantity(quantity.into()),
        }));
    }

    fn close(&mut self) {
        self.now = Timestamp::parse("2024-12-20T21:00:01Z").expect("a time");
        self.feed(Input::Market(InstrumentId::PRIMARY, MarketEvent::Clock(self.now)));
    }

    fn fills(&self) -> Vec<&Fill> {
        let fill = |event: &'_ Event| matches!(event.kind, EventKind::OrderFilled { .. });
        let filled = self.events.iter().filter(|event| fill(event));
        filled
            .map(|event| match &event.kind {
                EventKind::OrderFilled { fill, .. } => fill,
                _ => unreachable!("only fills are left"),
            })
            .collect()
    }

    fn held(&self, option: &str) -> Decimal {
        let wanted = symbol(option);
        let positions = self.engine.positions();
        let position = positions.iter().find(|position| position.symbol == wanted);
        position.map_or(Decimal::ZERO, |position| position.quantity.0)
    }

    fn refusals(&self) -> Vec<&'static str> {
        let codes = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::ExerciseRefused { reason, .. } => Some(reason.code()),
            EventKind::OrderRejected { reason, .. } => Some(reason.code()),
            _ => None,
        });
        codes.collect()
    }

    /// The same inputs bring about the same events also through a snapshot taken now.
    fn restored(&self) -> Engine {
        Engine::restore(&self.engine.snapshot()).expect("a snapshot")
    }
}

#[test]
fn an_option_is_listed_by_the_first_order_that_names_it_and_filled_at_the_model_s_price() {
    let mut desk = Desk::open(Some(model()));
    desk.trade(CALL, Side::Buy, 2);
    let fills = desk.fills();
    assert_eq!(fills.len(), 1);
    assert_eq!(fills[0].explanation.tier, DataTier::Model);
    assert_eq!(fills[0].instrument, InstrumentId(1));
    assert!(
        (3.0..3.2).contains(&fills[0].price.to_f64()),
        "{}",
        fills[0].price
    );
    // In whatever spelling it is named again, it is the same.
    desk.trade("AAPL 2024-12-20 100 C", Side::Buy, 1);
    let listed = |event: &&Event| matches!(event.kind, EventKind::InstrumentListed { .. });
    assert_eq!(desk.events.iter().filter(listed).count(), 1);
    assert_eq!(desk.held(CALL), decimal("3"));
    let position = &desk.engine.positions()[0];
    let greeks = position.greeks.expect("an option of a model has greeks");
    assert!((250.0..300.1).contains(&greeks.delta), "{greeks:?}");
    assert!(greeks.theta < 0.0 && greeks.vega > 0.0);
    assert_eq!(desk.restored().event_hash(), desk.engine.event_hash());
    assert_eq!(desk.engine.check(), Ok(()));
}

#[test]
fn what_cannot_be_listed_is_unknown() {
    for (model, option) in [
        (None, CALL),
        (Some(model()), "MSFT241220C00100000"),
        // It is over.
        (Some(model()), "AAPL241219C00100000"),
        // Not of the chain.
        (
            Some(OptionModel {
                chain: Some(vec![(symbol(CALL), Volatility::new(0.2).expect("a volatility"))]),
                ..model()
            }),
            HIGHER_CALL,
        ),
    ] {
        let mut desk = Desk::open(model);
        desk.trade(option, Side::Buy, 1);
        assert_eq!(desk.refusals(), ["unknown_instrument"], "{option}");
        assert_eq!(desk.engine.positions(), []);
    }
}

#[test]
fn a_chain_gives_each_option_its_own_volatility() {
    let price_at = |volatility: f64| {
        let chain = vec![
            (symbol(CALL), Volatility::new(volatility).expect("a volatility")),
            (symbol(HIGHER_CALL), Volatility::new(0.2).expect("a volatility")),
        ];
        let mut desk = Desk::open(Some(OptionModel {
            chain: Some(chain),
            ..model()
        }));
        desk.trade(CALL, Side::Buy, 1);
        desk.fills()[0].price
    };
    assert!(price_at(1.5) > price_at(0.3));
}

#[test]
fn a_long_put_is_exercised_at_expiry_and_sells_shares_at_the_strike() {
    let mut desk = Desk::open(Some(model()));
    desk.trade("AAPL", Side::Buy, 100);
    desk.trade(PUT, Side::Buy, 1);
    let paid = desk.fills()[1].price.0 * decimal("100");
    let bought = desk.fills()[0].price.0 * decimal("100");
    desk.shares_at(90.0);
    desk.close();
    assert_eq!(desk.engine.positions(), []);
    // 100 shares went at the strike of 100, wherever the market was.
    assert_eq!(
        desk.engine.cash().amount,
        decimal("100000") - paid - bought + decimal("10000")
    );
    assert_eq!(desk.engine.check(), Ok(()));
}

#[test]
fn a_covered_call_is_assigned_and_gives_the_shares_away() {
    let mut desk = Desk::open(Some(model()));
    desk.trade("AAPL", Side::Buy, 100);
    desk.trade(CALL, Side::Sell, 1);
    let (bought, got) = (desk.fills()[0].price.0, desk.fills()[1].price.0);
    desk.shares_at(120.0);
    desk.close();
    assert_eq!(desk.engine.positions(), []);
    let gain = (decimal("100") - bought + got) * decimal("100");
    assert_eq!(desk.engine.cash().amount, decimal("100000") + gain);
}

#[test]
fn a_vertical_spread_is_one_order_whose_largest_loss_is_what_it_cost() {
    let mut desk = Desk::open(Some(model()));
    let leg = |option, side| LegRequest {
        symbol: symbol(option),
        side,
        ratio: 1,
    };
    let request = ComboRequest {
        legs: vec![leg(CALL, Side::Buy), leg(HIGHER_CALL, Side::Sell)],
        quantity: Quantity(decimal("2")),
        net_price: Some(decimal("3.10")),
        time_in_force: TimeInForceWord::Gtc,
    };
    desk.command(Command::PlaceCombo(Box::new(request)));
    desk.shares_at(103.0);
    assert_eq!(
        (desk.held(CALL), desk.held(HIGHER_CALL)),
        (decimal("2"), decimal("2"))
    );
    let cost: Decimal = desk
        .fills()
        .iter()
        .map(|fill| fill.side.sign() * fill.price.0 * fill.quantity.0 * decimal("100"))
        .sum();
    assert!(cost <= decimal("620"), "{cost}");
    desk.shares_at(80.0);
    desk.close();
    assert_eq!(desk.engine.positions(), []);
    assert_eq!(desk.engine.cash().amount, decimal("100000") - cost);
}

#[test]
fn a_holder_exercises_early_what_is_held_and_not_for_sale() {
    let mut desk = Desk::open(Some(model()));
    desk.trade(CALL, Side::Buy, 3);
    let paid = desk.fills()[0].price.0 * decimal("300");
    desk.exercise(CALL, 2);
    assert_eq!(desk.refusals(), [""; 0]);
    assert_eq!(
        (desk.held(CALL), desk.held("AAPL")),
        (Decimal::ONE, decimal("200"))
    );
    assert_eq!(
        desk.engine.cash().amount,
        decimal("100000") - paid - decimal("20000")
    );
    assert_eq!(desk.engine.check(), Ok(()));
    // More than is left.
    desk.exercise(CALL, 2);
    // What an order offers is not there.
    let mut offer = OrderRequest::market(Side::Sell, Decimal::ONE);
    offer.symbol = Some(symbol(CALL));
    offer.kind = papertape::order::OrderType::Limit;
    offer.price = Some(decimal("9"));
    desk.command(Command::Place(Box::new(offer.into())));
    desk.exercise(CALL, 1);
    // Shares, nothing, parts.
    desk.exercise("AAPL", 1);
    desk.exercise(HIGHER_CALL, 1);
    desk.command(Command::Exercise(ExerciseRequest {
        symbol: symbol(CALL),
        quantity: Quantity(decimal("0.5")),
    }));
    assert_eq!(
        desk.refusals(),
        [
            "not_exercisable",
            "not_exercisable",
            "not_exercisable",
            "unknown_instrument",
            "invalid_quantity"
        ]
    );
    let mut same = desk.restored();
    let mut told = Vec::new();
    let input = Input::Market(
        InstrumentId::PRIMARY,
        MarketEvent::Clock(Timestamp::parse("2024-12-20T21:00:01Z").expect("a time")),
    );
    same.process(&input, &mut told);
    desk.close();
    assert_eq!(same.event_hash(), desk.engine.event_hash());
    // The last one is exercised at expiry.
    assert_eq!(
        (desk.held(CALL), desk.held("AAPL")),
        (Decimal::ZERO, decimal("300"))
    );
}

#[test]
fn exercise_that_cannot_be_paid_is_refused_and_moves_nothing() {
    let mut desk = Desk::open(Some(model()));
    desk.trade(CALL, Side::Buy, 15);
    let cash = desk.engine.cash();
    desk.exercise(CALL, 15);
    assert_eq!(desk.refusals(), ["insufficient_funds"]);
    assert_eq!((desk.engine.cash(), desk.held(CALL)), (cash, decimal("15")));
}

#[test]
fn the_desk_says_what_options_are_quoted_by() {
    let desk = Desk::open(Some(model()));
    let quoted = desk.engine.option_desk(&symbol("AAPL")).expect("a desk");
    assert_eq!((quoted.spot, quoted.time), (103.0, desk.now));
    assert_eq!(desk.engine.option_desk(&symbol("MSFT")), None);
    assert!(Desk::open(None).engine.option_desk(&symbol("AAPL")).is_none());
    assert!(OptionName::of(&symbol(CALL)).is_some());
}

/// A call that is sold short of a dearer one that is held: the one covers the other.
fn with_a_spread(capital: &str) -> Desk {
    let mut desk = Desk::with(capital, Some(model()));
    desk.trade(HIGHER_CALL, Side::Buy, 1);
    desk
}

fn refusals(desk: &Desk) -> Vec<&'static str> {
    let code = |event: &Event| match &event.kind {
        EventKind::OrderDenied { reason, .. } => Some(reason.code()),
        EventKind::OrderCanceled { reason, .. } => Some(reason.code()),
        EventKind::ExerciseRefused { reason, .. } => Some(reason.code()),
        _ => None,
    };
    desk.events.iter().filter_map(code).collect()
}

#[test]
fn what_covers_a_sold_option_is_not_sold_while_nothing_takes_its_place() {
    for (capital, told, left) in [("1000", vec!["uncovers"], 1), ("100000", vec![], 0)] {
        let mut desk = with_a_spread(capital);
        // It rests before there is anything to cover.
        let mut sale = OrderRequest::limit(Side::Sell, Decimal::ONE, decimal("1.50"));
        sale.symbol = Some(symbol(HIGHER_CALL));
        desk.command(Command::Place(Box::new(sale.into())));
        desk.trade(CALL, Side::Sell, 1);
        assert_eq!(desk.fills().len(), 2, "{:?}", refusals(&desk));
        // 196 come in for what saves more than 2,000.
        desk.shares_at(105.0);
        desk.shares_at(105.0);
        assert_eq!(refusals(&desk), told, "with {capital}");
        assert_eq!(desk.held(HIGHER_CALL), Decimal::from(left));
    }
}

#[test]
fn an_order_that_only_reduces_leaves_no_sold_option_bare_either() {
    let mut desk = with_a_spread("1000");
    desk.trade(CALL, Side::Sell, 1);
    let mut sale = OrderRequest::market(Side::Sell, Decimal::ONE);
    sale.symbol = Some(symbol(HIGHER_CALL));
    sale.reduce_only = true;
    desk.command(Command::Place(Box::new(sale.into())));
    assert_eq!(refusals(&desk), ["insufficient_funds"]);
}

#[test]
fn an_option_that_covers_another_is_not_exercised_while_nothing_takes_its_place() {
    let lower_put = "AAPL241220P00102000";
    let higher_put = "AAPL241220P00103000";
    for (capital, told) in [("11000", vec!["insufficient_funds"]), ("13000", vec![])] {
        let mut desk = Desk::with(capital, Some(model()));
        desk.trade(higher_put, Side::Buy, 1);
        desk.trade(lower_put, Side::Sell, 1);
        desk.shares_at(102.0);
        // It sells a hundred shares short, and leaves the put of 102 without its cover.
        desk.exercise(higher_put, 1);
        assert_eq!(refusals(&desk), told, "with {capital}");
    }
}
