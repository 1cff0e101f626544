//! What people are told, word for word.

use super::*;
use crate::engine::{Command, EventKind, Input};
use crate::exchange::{LatencyModel, SlippageModel, TradingStatus};
use crate::market::{CalendarId, MarketEvent, Quote};
use crate::model::InstrumentId;
use crate::order::{Attached, AttachedLeg, OrderList, OrderRequest, OrderType, TimeInForceWord};
use crate::testkit::{Bench, config, decimal};

const IDLE: &str = "name: idle\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close < 0}\nexit: {long: false}\n\
                    risk: {size: {method: fixed_quantity, value: 1}}\n";

fn place(bench: &mut Bench, request: OrderRequest) -> OrderId {
    let before = bench.engine.open_orders().count();
    bench.command(Command::Place(Box::new(OrderList::from(request))));
    let placed = bench.engine.open_orders().nth(before);
    placed.expect("it is open").id
}

fn quote(bench: &mut Bench, second: i64, bid: f64, ask: f64, size: f64) {
    let quote = Quote {
        time: Timestamp::from_secs(second),
        bid,
        bid_size: size,
        ask,
        ask_size: size,
    };
    bench.feed(&Input::market(MarketEvent::Quote(quote)));
}

fn waits(bench: &Bench, id: OrderId) -> Vec<String> {
    let waits = bench.engine.waits(id).expect("it is open");
    waits.iter().map(ToString::to_string).collect()
}

/// The last order as its fills and its end left it.
fn last_fill(bench: &Bench) -> (Order, Fill) {
    let filled = bench.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::OrderFilled { fill, order, .. } => Some((order.clone(), fill.clone())),
        _ => None,
    });
    filled.expect("it filled")
}

#[test]
fn a_market_order_tells_its_way_from_decision_to_fill_and_the_sum_adds_up() {
    let mut config = config(IDLE);
    config.execution.slippage = SlippageModel::FixedBps { bps: decimal("10") };
    let mut bench = Bench::with(config);
    quote(&mut bench, 5, 99.0, 101.0, 5.0);
    place(&mut bench, OrderRequest::market(Side::Buy, decimal("2")));
    quote(&mut bench, 6, 100.0, 102.0, 5.0);
    let (order, fill) = last_fill(&bench);
    let story = OrderExplanation::of(
        &order,
        bench.engine.market(InstrumentId::PRIMARY).instrument(),
        &[fill],
        vec![],
    );
    assert_eq!(
        story.headline,
        "Buy 2 BTC/USDT market: filled, all of it at 102.11 on average."
    );
    let fill = &story.fills[0];
    assert_eq!(
        fill.sentences,
        [
            "It was decided on a price of 100.00 at 1970-01-01T00:00:05Z.",
            "It met the quote 100 / 102 of 1970-01-01T00:00:06Z (input 4 of the session's tape, by quotes), which \
             stands for a price of 101.00.",
            "While it waited, the market moved against it: 2 USDT.",
            "Taking crosses half the spread: 2 USDT.",
            "Slippage by the model, rounded to the tick: 0.22 USDT.",
            "It filled 2 at 102.11 and took liquidity: it went to the market; the fee was 0 USDT.",
            "The price was worse than decided by 4.22 USDT in all.",
        ]
    );
    assert_eq!(
        fill.sum,
        "2 market moved + 2 half the spread + 0.22 slippage = 4.22 = (102.11 − 100.00) × 2"
    );
    let last = fill.parts.last().expect("there are parts");
    assert_eq!(
        last.running, fill.price_cost,
        "the waterfall ends at the price cost"
    );
    assert_eq!(story.ending, None);
}

#[test]
fn a_sale_that_gained_says_so() {
    let mut bench = Bench::start(IDLE);
    bench.bar(100.0, 100.0, 100.0, 100.0);
    place(&mut bench, OrderRequest::market(Side::Buy, decimal("1")));
    bench.bar(100.0, 100.0, 100.0, 100.0);
    place(&mut bench, OrderRequest::market(Side::Sell, decimal("1")));
    bench.bar(103.0, 103.0, 103.0, 103.0);
    let (order, fill) = last_fill(&bench);
    let instrument = bench.engine.market(order.instrument).instrument();
    let story = FillStory::of(&fill, instrument);
    assert_eq!(story.sum, "−3 market moved = −3 = (100.00 − 103.00) × 1");
    assert_eq!(
        story.sentences.last().map(String::as_str),
        Some("The price was better than decided by 3 USDT in all.")
    );
}

#[test]
fn a_limit_away_from_the_market_says_how_far_and_one_in_the_queue_who_is_ahead() {
    let mut bench = Bench::start(IDLE);
    quote(&mut bench, 5, 100.0, 101.0, 3.0);
    let far = place(
        &mut bench,
        OrderRequest::limit(Side::Buy, decimal("1"), decimal("99")),
    );
    let near = place(
        &mut bench,
        OrderRequest::limit(Side::Buy, decimal("1"), decimal("100")),
    );
    assert_eq!(
        waits(&bench, far)[0],
        "It meets the next prices that the market shows."
    );
    quote(&mut bench, 6, 100.0, 101.0, 3.0);
    assert_eq!(
        waits(&bench, far),
        ["It waits for a price of 99 or lower; the market is at 101.00, 2 away (1.98 %)."]
    );
    assert_eq!(
        waits(&bench, near),
        [
            "It waits for a price of 100 or lower; the market is at 101.00, 1 away (0.99 %).",
            "In the queue at its price 3.00000 stand before it, of 3.00000 when it joined."
        ]
    );
}

#[test]
fn a_stop_says_which_way_the_market_has_to_go() {
    let mut bench = Bench::start(IDLE);
    bench.bar(100.0, 100.0, 100.0, 100.0);
    let mut stop = OrderRequest::market(Side::Buy, decimal("1"));
    stop.kind = OrderType::Stop;
    stop.stop_price = Some(decimal("110"));
    let id = place(&mut bench, stop);
    bench.bar(100.0, 104.0, 100.0, 104.0);
    assert_eq!(
        waits(&bench, id),
        ["It waits for the market to rise to 110; the market is at 104.00, 6 away (5.77 %)."]
    );
}

#[test]
fn an_attached_order_waits_for_its_parent() {
    let mut bench = Bench::start(IDLE);
    bench.bar(100.0, 100.0, 100.0, 100.0);
    let mut entry = OrderRequest::limit(Side::Buy, decimal("1"), decimal("95"));
    entry.attached = Some(Attached {
        take_profit: Some(AttachedLeg {
            price: Some(decimal("120")),
            ..AttachedLeg::default()
        }),
        stop_loss: None,
    });
    let parent = place(&mut bench, entry);
    let child = OrderId(parent.0 + 1);
    assert_eq!(
        waits(&bench, child),
        [format!(
            "It is attached to order {parent}, which has to fill first."
        )]
    );
}

#[test]
fn an_order_under_way_says_until_when_and_its_fill_what_the_way_cost() {
    let mut config = config(IDLE);
    config.execution.latency = LatencyModel::Fixed {
        entry: 250_000_000,
        response: 0,
    };
    let mut bench = Bench::with(config);
    quote(&mut bench, 5, 100.0, 100.0, 5.0);
    let id = place(&mut bench, OrderRequest::market(Side::Buy, decimal("1")));
    assert_eq!(
        waits(&bench, id),
        ["It is on its way and reaches the exchange at 1970-01-01T00:00:05.250Z."]
    );
    quote(&mut bench, 6, 101.0, 101.0, 5.0);
    let (_, fill) = last_fill(&bench);
    let instrument = bench.engine.market(InstrumentId::PRIMARY).instrument();
    let story = FillStory::of(&fill, instrument);
    assert!(
        story
            .sentences
            .contains(&"It reached the exchange 250 ms later, at 1970-01-01T00:00:05.250Z.".to_owned()),
        "{:?}",
        story.sentences
    );
}

#[test]
fn a_halt_a_gap_stale_data_and_closed_doors_come_before_the_price() {
    let mut config = config(IDLE);
    config.execution.fill.stale_after_ms = Some(1_000);
    let mut bench = Bench::with(config);
    quote(&mut bench, 5, 100.0, 101.0, 5.0);
    let id = place(
        &mut bench,
        OrderRequest::limit(Side::Buy, decimal("1"), decimal("90")),
    );
    quote(&mut bench, 6, 100.0, 101.0, 5.0);
    let first = |bench: &Bench| bench.engine.waits(id).expect("it is open")[0].clone();
    assert!(matches!(first(&bench), Wait::Limit { .. }));
    bench.feed(&Input::market(MarketEvent::Clock(Timestamp::from_secs(9))));
    assert_eq!(
        first(&bench).to_string(),
        "The newest data is of 1970-01-01T00:00:06Z, older than 1000 ms: nothing fills on stale data."
    );
    let status = |status| Input::market(MarketEvent::Status(Timestamp::from_secs(10), status));
    bench.feed(&status(TradingStatus::Halted));
    assert_eq!(first(&bench), Wait::Halted);
    bench.feed(&status(TradingStatus::Gap));
    assert_eq!(first(&bench), Wait::Gap);
}

#[test]
fn outside_the_session_an_order_waits_for_the_open_and_an_auction_order_for_its_auction() {
    let mut config = config(IDLE);
    config.instrument = config.instrument.with_calendar(CalendarId::UsEquities);
    let mut bench = Bench::with(config);
    // The epoch is a Thursday without a session: New Year.
    bench.bar(100.0, 100.0, 100.0, 100.0);
    let id = place(
        &mut bench,
        OrderRequest::limit(Side::Buy, decimal("1"), decimal("90")),
    );
    assert_eq!(
        waits(&bench, id)[0],
        "The market is closed to it; the regular session begins at 1970-01-02T14:30:00Z."
    );
    let mut closing = OrderRequest::market(Side::Buy, decimal("1"));
    closing.time_in_force = Some(TimeInForceWord::Cls);
    let id = place(&mut bench, closing);
    assert!(
        waits(&bench, id).contains(&"It is for the closing auction at 1970-01-02T21:00:00Z.".to_owned()),
        "{:?}",
        waits(&bench, id)
    );
}

#[test]
fn the_rest_of_an_order_waits_for_volume_on_bars_and_for_quantity_on_quotes() {
    let mut shared = config(IDLE);
    shared.execution.fill.volume_share = Some(decimal("0.1"));
    let mut bench = Bench::with(shared);
    bench.bar(100.0, 100.0, 100.0, 100.0);
    let id = place(&mut bench, OrderRequest::market(Side::Buy, decimal("1")));
    bench.bar(100.0, 100.0, 100.0, 100.0);
    assert_eq!(
        waits(&bench, id),
        ["Orders may have 10 % of a bar's volume, which is used up: the rest waits for the next bar."]
    );
    let mut bench = Bench::start(IDLE);
    quote(&mut bench, 5, 100.0, 101.0, 0.25);
    let id = place(&mut bench, OrderRequest::market(Side::Buy, decimal("1")));
    quote(&mut bench, 6, 100.0, 101.0, 0.25);
    assert_eq!(
        waits(&bench, id),
        ["What the other side shows is taken: the rest waits for new quantity there."]
    );
}

#[test]
fn an_order_that_ended_says_why_with_its_code() {
    let mut bench = Bench::start(IDLE);
    bench.bar(100.0, 100.0, 100.0, 100.0);
    let id = place(
        &mut bench,
        OrderRequest::limit(Side::Buy, decimal("1"), decimal("90")),
    );
    let mut order = bench.engine.open_order(id).expect("it is open").clone();
    assert_eq!(Ending::of(&order), None);
    for (status, code, reason, sentence) in [
        (
            OrderStatus::Canceled,
            "requested",
            "canceled on request",
            "It was canceled: canceled on request.",
        ),
        (
            OrderStatus::Expired,
            "expired",
            "its time in force was over",
            "It expired: its time in force was over.",
        ),
        (
            OrderStatus::Rejected,
            "invalid_price",
            "price 0.001 is not a positive multiple of the tick",
            "The exchange rejected it: price 0.001 is not a positive multiple of the tick.",
        ),
        (
            OrderStatus::Denied,
            "insufficient_funds",
            "needs 200 USDT but only 100 USDT is available",
            "The risk check denied it: needs 200 USDT but only 100 USDT is available.",
        ),
    ] {
        order.status = status;
        order.end_code = code.into();
        order.end_reason = reason.into();
        let ending = Ending::of(&order).expect("it ended");
        assert_eq!((ending.code.as_str(), ending.sentence.as_str()), (code, sentence));
    }
}

#[test]
fn the_words_travel_as_json_and_come_back() {
    let mut bench = Bench::start(IDLE);
    quote(&mut bench, 5, 100.0, 101.0, 3.0);
    let id = place(
        &mut bench,
        OrderRequest::limit(Side::Buy, decimal("1"), decimal("99")),
    );
    quote(&mut bench, 6, 100.0, 101.0, 3.0);
    let order = bench.engine.open_order(id).expect("it is open");
    let instrument = bench.engine.market(order.instrument).instrument();
    let waits = bench.engine.waits(id).expect("it is open");
    let story = OrderExplanation::of(order, instrument, &[], waits);
    let json = serde_json::to_value(&story).expect("plain data");
    assert_eq!(json["waits"][0]["code"], "limit");
    assert_eq!(json["waits"][0]["distance"], "2.00");
    assert_eq!(
        serde_json::from_value::<OrderExplanation>(json).expect("reads back"),
        story
    );
}
