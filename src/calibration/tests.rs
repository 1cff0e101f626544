//! A market of a few seconds in which every answer can be worked out by hand.

use super::feed::{Feed, FeedEvents, FillModel};
use super::orders::{Hypothetical, OrderPlace};
use super::world::{self, Outcome};
use crate::exchange::{LimitFill, QueueModel};
use crate::market::{CaptureFile, CaptureFiles};
use crate::model::{Instrument, Side, Timeframe, Timestamp};
use crate::order::OrderRequest;
use rust_decimal::Decimal;

// 100.00 × 1 bid, asks of 1 at 100.01, 100.02 and 100.03. At 1003 somebody sells all of the bid and 0.5 join anew, at 1005
// somebody sells 0.4 of them, at 1007 somebody sells through to 99.99. All times are microseconds after the thousandth
// second.
const SNAPSHOT: &str = "received_us,last_update_id,side,price,quantity
1000000000,1,b,100.00,1
1000000000,1,b,99.99,2
1000000000,1,a,100.01,1
1000000000,1,a,100.02,1
1000000000,1,a,100.03,1
";
const DEPTH: &str = "received_us,first_update_id,final_update_id,side,price,quantity
1002500000,2,2,a,100.01,1
1003050000,3,3,b,100.00,0.5
1005050000,4,4,b,100.00,0.1
1007050000,5,5,b,100.00,0
1007050000,5,5,b,99.99,1.5
";
const QUOTES: &str = "received_us,update_id,bid_price,bid_qty,ask_price,ask_qty
1000000000,1,100.00,1,100.01,1
1002400000,2,100.00,1,100.01,1
1003020000,3,100.00,0.5,100.01,1
1005020000,4,100.00,0.1,100.01,1
1007020000,5,99.99,1.5,100.01,1
";
const TRADES: &str = "received_us,trade_id,price,quantity,buyer_is_maker
1001000000,1,100.01,0.1,0
1003000000,2,100.00,1,1
1005000000,3,100.00,0.4,1
1007000000,4,99.99,0.5,1
1009000000,5,100.01,0.1,0
";

fn capture() -> CaptureFiles<'static> {
    let file = |name, text: &'static str| CaptureFile {
        name,
        bytes: text.as_bytes(),
    };
    CaptureFiles {
        trades: file("trades", TRADES),
        quotes: file("quotes", QUOTES),
        depth: file("depth", DEPTH),
        snapshot: file("snapshot", SNAPSHOT),
    }
}

fn instrument() -> Instrument {
    let symbol = "BTC/USDT".parse().expect("a symbol");
    let steps = (Decimal::new(1, 2), Decimal::new(1, 5));
    Instrument::new(symbol, steps.0, steps.1, Decimal::ZERO, Decimal::ONE).expect("an instrument")
}

/// What becomes of an order that is decided at 1002 and watched for eight seconds: (seconds until it is whole, average
/// price).
fn outcome(feed: Feed, model: FillModel, request: OrderRequest) -> (Option<f64>, Option<f64>) {
    let instrument = world::tradable(&instrument()).expect("it is sound");
    let order = Hypothetical {
        time: Timestamp::from_secs(1002),
        until: Timestamp::from_secs(1010),
        place: OrderPlace::Market,
        request,
    };
    let events = FeedEvents::open(capture(), &instrument, feed).expect("it is well formed");
    let outcomes = world::run(events, &instrument, feed, &model, &[order]).expect("it is well formed");
    let [Outcome { whole_after, price }] = outcomes[..] else {
        panic!("one order, one outcome");
    };
    (whole_after, price.map(|price| (price * 1e6).round() / 1e6))
}

fn second_bars() -> Feed {
    Feed::Bars(Timeframe::from_secs(1).expect("a second"))
}

fn rule(queue: QueueModel, limit: LimitFill) -> FillModel {
    FillModel { queue, limit }
}

#[test]
fn a_small_market_order_takes_the_first_thing_that_its_feed_shows() {
    let order = || OrderRequest::market(Side::Buy, Decimal::new(5, 1));
    for (feed, seconds, price) in [
        // The book is told at 1002.5, the quote at 1002.4; the next trade and the next second with one are at 1003.
        (Feed::Depth, 0.5, 100.01),
        (Feed::Quotes, 0.4, 100.01),
        // That is a sale: a buyer pays a tick more.
        (Feed::Trades, 1.0, 100.01),
        (second_bars(), 1.0, 100.0),
    ] {
        assert_eq!(
            outcome(feed, FillModel::default(), order()),
            (Some(seconds), Some(price)),
            "{feed}"
        );
    }
}

#[test]
fn a_large_market_order_walks_the_book_where_there_is_one() {
    let order = || OrderRequest::market(Side::Buy, Decimal::from(3));
    for (feed, seconds, price) in [
        // One each at 100.01, 100.02 and 100.03.
        (Feed::Depth, Some(0.5), 100.02),
        // One is shown, and never another: the ask does not change.
        (Feed::Quotes, None, 100.01),
        // 1 and 0.4 sold at 100.00 and 0.5 at 99.99, each a tick dearer for who buys; 0.1 bought at 100.01.
        (Feed::Trades, None, 100.0075),
        // A bar gives as much as one wants at its open.
        (second_bars(), Some(1.0), 100.0),
    ] {
        assert_eq!(
            outcome(feed, FillModel::default(), order()),
            (seconds, Some(price)),
            "{feed}"
        );
    }
}

#[test]
fn a_limit_at_the_touch_waits_as_long_as_feed_and_model_say() {
    use QueueModel::{Front, Logarithmic, Power, RiskAverse};
    let order = || OrderRequest::limit(Side::Buy, Decimal::new(3, 1), Decimal::from(100));
    let (touch, through) = (LimitFill::Touch, LimitFill::Through);
    for (feed, queue, limit, seconds) in [
        // The trade at 1003 is of those ahead, the one at 1005 gives 0.4 to us.
        (Feed::Depth, Power { n: 3.0 }, through, 3.0),
        (Feed::Depth, Logarithmic, through, 3.0),
        (Feed::Depth, RiskAverse, through, 3.0),
        (Feed::Depth, Front, through, 1.0),
        (Feed::Quotes, Power { n: 3.0 }, through, 3.0),
        (Feed::Quotes, Front, through, 1.0),
        // The first trade is what it arrives with.
        (Feed::Trades, Front, touch, 3.0),
        (Feed::Trades, Front, through, 5.0),
        // The bar of 1003 opens at its price; only that of 1007 goes below.
        (second_bars(), Front, touch, 1.0),
        (second_bars(), Front, through, 5.0),
    ] {
        assert_eq!(
            outcome(feed, rule(queue, limit), order()),
            (Some(seconds), Some(100.0)),
            "{feed}, {queue:?}, {limit:?}"
        );
    }
}

#[test]
fn a_sell_at_the_touch_that_nobody_comes_to_stays() {
    let order = || OrderRequest::limit(Side::Sell, Decimal::new(3, 1), Decimal::new(10_001, 2));
    for feed in [Feed::Depth, Feed::Quotes, Feed::Trades, second_bars()] {
        // Only 0.1 are bought at 100.01 before the end, and a second bar that touches does not go through.
        assert_eq!(
            outcome(feed, FillModel::default(), order()),
            (None, None),
            "{feed}"
        );
    }
}

#[test]
fn nothing_counts_at_or_after_the_horizon() {
    // The bar of 1009 opens inside; a tick at 1010 would be outside. A sell at 100.01 is touched by the trade at 1009.
    let order = || OrderRequest::limit(Side::Sell, Decimal::new(1, 1), Decimal::new(10_001, 2));
    let model = rule(QueueModel::Front, LimitFill::Touch);
    assert_eq!(outcome(Feed::Trades, model, order()), (Some(7.0), Some(100.01)));
}
