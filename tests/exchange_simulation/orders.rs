//! What persons and programs ask for, sense and nonsense.

use crate::draw::Draw;
use crate::options::{combo, exercise, option};
use papertape::engine::{Command, Engine};
use papertape::model::{Instrument, InstrumentId, InstrumentKind, OrderId, Side, Timestamp};
use papertape::order::{
    Amendment, Attached, AttachedLeg, Contingency, Order, OrderList, OrderRequest, OrderType,
    PostOnlyRequest, TimeInForceWord, TrailRequest,
};
use papertape::testkit::decimal;
use rust_decimal::Decimal;

const TYPES: [OrderType; 7] = [
    OrderType::Market,
    OrderType::Limit,
    OrderType::Stop,
    OrderType::StopLimit,
    OrderType::TrailingStop,
    OrderType::TakeProfit,
    OrderType::TakeProfitLimit,
];

/// An instrument as an order's owner sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) instrument: &'a Instrument,
    /// Where the market is, in ticks.
    pub(crate) price: i64,
}

/// The next command at `now`.
pub(crate) fn command(draw: &mut Draw, engine: &Engine, views: &[View<'_>], now: Timestamp) -> Command {
    let open: Vec<&Order> = engine.open_orders().collect();
    let crowded = open.len() > 10;
    match draw.weighted(&[
        if crowded { 5 } else { 60 },
        12,
        12,
        if crowded { 4 } else { 1 },
        1,
        1,
        2,
        8,
        3,
    ]) {
        0 => Command::Place(Box::new(list(draw, views, now))),
        1 => Command::Cancel(an_order(draw, &open)),
        2 => Command::Amend(amendment(draw, &open, views)),
        3 => Command::CancelAll(one_instrument(draw, views)),
        4 => Command::Flatten,
        5 => Command::Pause,
        7 => Command::PlaceCombo(Box::new(combo(draw, views))),
        8 => Command::Exercise(exercise(draw, engine, views)),
        _ => Command::Resume,
    }
}

fn one_instrument(draw: &mut Draw, views: &[View<'_>]) -> Option<InstrumentId> {
    let place = draw.below(views.len() as u64) as u16;
    draw.maybe(0.5, InstrumentId(place))
}

/// Mostly one that is open.
fn an_order(draw: &mut Draw, open: &[&Order]) -> OrderId {
    if open.is_empty() || draw.chance(0.1) {
        OrderId(draw.below(60))
    } else {
        draw.pick(open).id
    }
}

fn amendment(draw: &mut Draw, open: &[&Order], views: &[View<'_>]) -> Amendment {
    let order_id = an_order(draw, open);
    let order = open.iter().find(|order| order.id == order_id);
    // Options have no market of their own.
    let place = order.map_or(0, |order| order.instrument.index());
    let view = views.get(place).unwrap_or(&views[0]);
    let knows_price = order.is_none_or(|order| order.kind.limit_price().is_some()) || draw.chance(0.1);
    let knows_stop = order.is_none_or(|order| order.kind.stop_price().is_some()) || draw.chance(0.1);
    Amendment {
        order_id,
        quantity: draw.chance(0.5).then(|| quantity(draw, view)),
        price: (knows_price && draw.chance(0.6)).then(|| price(draw, view, 20)),
        stop_price: (knows_stop && draw.chance(0.4)).then(|| price(draw, view, 40)),
    }
}

fn list(draw: &mut Draw, views: &[View<'_>], now: Timestamp) -> OrderList {
    let place = draw.below(views.len() as u64) as usize;
    let contingency = [
        Contingency::None,
        Contingency::Oco,
        Contingency::Oto,
        Contingency::Otoco,
    ][draw.weighted(&[70, 10, 10, 10])];
    let count = match contingency {
        Contingency::None => 1,
        _ => draw.between(2, 4),
    };
    let mut orders: Vec<OrderRequest> = (0..count)
        .map(|_| request(draw, &views[place], place, now))
        .collect();
    if contingency == Contingency::Otoco {
        bracket(draw, &mut orders);
    }
    if draw.chance(0.02) {
        orders.clear();
    } else if draw.chance(0.02) {
        orders.extend(std::iter::repeat_n(orders[0].clone(), 11));
    }
    OrderList { contingency, orders }
}

/// The children of a bracket mostly close what its parent opens.
fn bracket(draw: &mut Draw, orders: &mut [OrderRequest]) {
    let Some((parent, children)) = orders.split_first_mut() else {
        return;
    };
    for child in children {
        if draw.chance(0.8) {
            child.side = parent.side.opposite();
            child.quantity = parent.quantity;
            child.reduce_only = draw.chance(0.7);
        }
    }
}

fn request(draw: &mut Draw, view: &View<'_>, place: usize, now: Timestamp) -> OrderRequest {
    let side = draw.pick(&[Side::Buy, Side::Sell]);
    let mut request = OrderRequest::market(side, quantity(draw, view));
    if place > 0 || draw.chance(0.2) {
        request.symbol = Some(view.instrument.symbol().clone());
    }
    if *view.instrument.kind() == InstrumentKind::Equity && draw.chance(0.25) {
        request.symbol = Some(option(draw, view));
        request.quantity = Some(Decimal::from(draw.between(1, 3)));
        // The prices of shares are none of options.
        if draw.chance(0.4) {
            request.kind = OrderType::Limit;
            request.price = Some(Decimal::new(draw.between(1, 500), 2));
        }
        return request;
    }
    if draw.chance(0.01) {
        request.symbol = Some("NOBODY/USD".parse().expect("a symbol"));
    }
    request.kind = draw.pick(&TYPES);
    prices(draw, view, &mut request);
    times(draw, &mut request, now);
    instructions(draw, view, &mut request);
    if draw.chance(0.12) {
        let name = format!("mine-{}", draw.below(40));
        request.client_order_id = Some(name.parse().expect("a name"));
    }
    if draw.chance(0.12) {
        request.attached = Some(attached(draw, view, side));
    }
    request
}

fn prices(draw: &mut Draw, view: &View<'_>, request: &mut OrderRequest) {
    let muddled = draw.chance(0.03);
    let has_limit = matches!(
        request.kind,
        OrderType::Limit | OrderType::StopLimit | OrderType::TakeProfitLimit
    );
    let has_stop = !matches!(
        request.kind,
        OrderType::Market | OrderType::Limit | OrderType::TrailingStop
    );
    if has_limit != muddled {
        request.price = Some(price(draw, view, 12));
    }
    if has_stop != muddled {
        let rises =
            (request.side == Side::Buy) == matches!(request.kind, OrderType::Stop | OrderType::StopLimit);
        let distance = draw.between(1, 25);
        let ticks = view.price + if rises { distance } else { -distance };
        request.stop_price = Some(if draw.chance(0.1) {
            price(draw, view, 20)
        } else {
            Decimal::from(ticks) * view.instrument.tick()
        });
    }
    if request.kind == OrderType::TrailingStop || draw.chance(0.01) {
        request.trail = Some(trail(draw, view));
    }
}

fn trail(draw: &mut Draw, view: &View<'_>) -> TrailRequest {
    let amount = Decimal::from(draw.between(-1, 30)) * view.instrument.tick();
    let percent = Decimal::new(draw.between(-1, 200), 2);
    match draw.below(20) {
        0 => TrailRequest::default(),
        1 => TrailRequest {
            amount: Some(amount),
            percent: Some(percent),
        },
        2..11 => TrailRequest {
            amount: Some(amount),
            percent: None,
        },
        _ => TrailRequest {
            amount: None,
            percent: Some(percent),
        },
    }
}

fn times(draw: &mut Draw, request: &mut OrderRequest, now: Timestamp) {
    use TimeInForceWord as Word;
    request.time_in_force = [
        None,
        Some(Word::Gtc),
        Some(Word::Ioc),
        Some(Word::Fok),
        Some(Word::Day),
        Some(Word::Gtd),
        Some(Word::Opg),
        Some(Word::Cls),
    ][draw.weighted(&[30, 15, 12, 12, 8, 10, 4, 4])];
    if request.time_in_force == Some(Word::Gtd) || draw.chance(0.02) {
        request.expires_at = Some(now.plus_nanos(draw.between(-5, 600) * 1_000_000_000));
    }
}

fn instructions(draw: &mut Draw, view: &View<'_>, request: &mut OrderRequest) {
    let rests = !matches!(
        request.time_in_force,
        Some(TimeInForceWord::Ioc | TimeInForceWord::Fok | TimeInForceWord::Opg | TimeInForceWord::Cls)
    ) && request.price.is_some();
    if draw.chance(if rests { 0.25 } else { 0.01 }) {
        request.post_only = draw.pick(&[PostOnlyRequest::Reject, PostOnlyRequest::Slide]);
    }
    if draw.chance(if rests { 0.2 } else { 0.01 }) {
        request.display_quantity = Some(Decimal::from(draw.between(0, 8)) * view.instrument.lot());
    }
    request.extended_hours = draw.chance(if request.kind == OrderType::Limit {
        0.3
    } else {
        0.01
    });
    request.reduce_only = draw.chance(0.15);
    if draw.chance(0.08) {
        request.close_position = true;
        if draw.chance(0.8) {
            request.quantity = None;
        }
    }
}

fn attached(draw: &mut Draw, view: &View<'_>, side: Side) -> Attached {
    let at = |distance: i64| {
        let distance = if side == Side::Buy { distance } else { -distance };
        Some(Decimal::from(view.price + distance) * view.instrument.tick())
    };
    let mut target = AttachedLeg {
        price: at(draw.between(1, 30)),
        ..AttachedLeg::default()
    };
    if draw.chance(0.3) {
        target.stop_price = at(draw.between(1, 30));
    }
    let mut stop = AttachedLeg {
        stop_price: at(-draw.between(1, 30)),
        ..AttachedLeg::default()
    };
    match draw.below(4) {
        0 => stop.price = at(-draw.between(1, 30)),
        1 => stop.trail = Some(trail(draw, view)),
        _ => {}
    }
    Attached {
        take_profit: draw.maybe(0.8, target),
        stop_loss: draw.maybe(0.8, stop),
    }
}

/// Mostly a few lots; now and then nonsense.
fn quantity(draw: &mut Draw, view: &View<'_>) -> Decimal {
    if draw.chance(0.03) {
        let nonsense = [
            "0",
            "-1",
            "0.0000001",
            "79228162514264337593543950335",
            "100000000000000000000",
            "123456789012",
            "0.5004",
        ];
        return decimal(draw.pick(&nonsense));
    }
    let lots = draw.pick(&[1, 3, 10, 40, 200]);
    Decimal::from(draw.between(1, lots)) * view.instrument.lot()
}

/// Mostly within `reach` ticks of the market; now and then nonsense.
fn price(draw: &mut Draw, view: &View<'_>, reach: i64) -> Decimal {
    if draw.chance(0.02) {
        let nonsense = [
            "0",
            "-3",
            "100.00001",
            "79228162514264337593543950335",
            "100000000000000000",
        ];
        return decimal(draw.pick(&nonsense));
    }
    let ticks = view.price + draw.between(-reach, reach);
    Decimal::from(ticks.max(1)) * view.instrument.tick()
}
