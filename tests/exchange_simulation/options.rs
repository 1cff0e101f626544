//! What is asked of options: orders by their names, several legs at once, exercise.

use crate::draw::Draw;
use crate::orders::View;
use papertape::engine::{ComboRequest, Engine, ExerciseRequest, LegRequest};
use papertape::model::{InstrumentKind, OptionName, OptionRight, Price, Quantity, Side, Symbol};
use papertape::order::TimeInForceWord as Word;
use papertape::testkit::decimal;
use rust_decimal::Decimal;

/// An option on shares, near their price, that expires on the day on which sessions begin, on the next, or in a week; on shares
/// that nobody trades where there are none.
pub(crate) fn option(draw: &mut Draw, view: &View<'_>) -> Symbol {
    let root = OptionName::root_of(view.instrument.symbol()).unwrap_or_else(|| "AAPL".to_owned());
    let day = chrono::NaiveDate::from_ymd_opt(2024, 3, draw.pick(&[7, 8, 15])).expect("a day");
    let dollars = view.price / 100 + draw.between(-3, 3);
    let right = draw.pick(&[OptionRight::Call, OptionRight::Put]);
    let name = OptionName::new(&root, day, right, Price(Decimal::from(dollars.max(1))));
    name.expect("a name").symbol()
}

/// Mostly one whose shares are traded.
fn shares<'a, 'b>(draw: &mut Draw, views: &'a [View<'b>]) -> &'a View<'b> {
    let is_shares = |view: &&View<'_>| *view.instrument.kind() == InstrumentKind::Equity;
    let all: Vec<&View<'_>> = views.iter().filter(is_shares).collect();
    if all.is_empty() {
        return &views[0];
    }
    all[draw.below(all.len() as u64) as usize]
}

pub(crate) fn combo(draw: &mut Draw, views: &[View<'_>]) -> ComboRequest {
    let view = shares(draw, views);
    let legs = (0..draw.between(1, 4)).map(|_| LegRequest {
        symbol: option(draw, view),
        side: draw.pick(&[Side::Buy, Side::Sell]),
        ratio: draw.pick(&[1, 1, 1, 2]),
    });
    let legs = legs.collect();
    let quantity = draw.pick(&["1", "1", "2", "3", "0", "0.5"]);
    let words = [Word::Gtc, Word::Gtc, Word::Day, Word::Ioc, Word::Fok, Word::Opg];
    ComboRequest {
        legs,
        quantity: Quantity(decimal(quantity)),
        net_price: draw.chance(0.5).then(|| Decimal::new(draw.between(-400, 600), 2)),
        time_in_force: draw.pick(&words),
    }
}

/// Mostly of an option that is held.
pub(crate) fn exercise(draw: &mut Draw, engine: &Engine, views: &[View<'_>]) -> ExerciseRequest {
    let positions = engine.positions();
    let held: Vec<Symbol> = positions
        .into_iter()
        .map(|position| position.symbol)
        .filter(|symbol| OptionName::of(symbol).is_some())
        .collect();
    let view = shares(draw, views);
    let symbol = if held.is_empty() || draw.chance(0.1) {
        option(draw, view)
    } else {
        draw.pick(&held)
    };
    let quantity = draw.pick(&["1", "1", "2", "0", "-1", "0.5"]);
    ExerciseRequest {
        symbol,
        quantity: Quantity(decimal(quantity)),
    }
}
