//! Orders meet ticks and the bars that stand for them: who takes and who gives, what a trade or a level can give but
//! once, and where an order stands in the queue.

use papertape::engine::{Command, EngineConfig, Event, EventKind, Input};
use papertape::exchange::{LimitFill, Liquidity, TradingStatus};
use papertape::market::{Bar, CalendarId, DepthKind, DepthUpdate, Level, MarketEvent, Quote, TradeTick};
use papertape::model::Side::{Buy, Sell};
use papertape::model::{OrderId, Side, Timestamp};
use papertape::order::{
    Amendment, Attached, AttachedLeg, OrderRequest, OrderType, PostOnlyRequest, TimeInForceWord,
};
use papertape::testkit::{Bench, config, decimal, instrument};

/// Nothing but what is ordered by hand.
const BY_HAND: &str = "name: by hand\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: false}\n\
                       risk: {size: {method: fixed_quantity, value: 1}}\n";

/// A market fed by hand, in milliseconds.
struct Market(Bench);

impl Market {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut EngineConfig)) -> Self {
        let mut config = config(BY_HAND);
        change(&mut config);
        Self(Bench::with(config))
    }

    fn shares() -> Self {
        Self::with(|config| config.instrument = instrument().with_calendar(CalendarId::UsEquities))
    }

    fn feed(&mut self, event: MarketEvent) -> &mut Self {
        self.0.feed(&Input::market(event));
        self
    }

    fn quote(&mut self, ms: i64, (bid, bid_size): (f64, f64), (ask, ask_size): (f64, f64)) -> &mut Self {
        self.feed(MarketEvent::Quote(Quote {
            time: at(ms),
            bid,
            bid_size,
            ask,
            ask_size,
        }))
    }

    fn trade(&mut self, ms: i64, price: f64, size: f64, aggressor: Side) -> &mut Self {
        self.feed(MarketEvent::Trade(TradeTick {
            time: at(ms),
            price,
            size,
            aggressor,
        }))
    }

    /// A bar of a minute: open, high, low, close.
    fn bar(&mut self, ms: i64, [open, high, low, close]: [f64; 4]) -> &mut Self {
        self.feed(MarketEvent::Bar(Bar {
            open_time: at(ms),
            open,
            high,
            low,
            close,
            volume: 1.0,
        }))
    }

    /// The whole book, in whole prices and coins.
    fn book(&mut self, ms: i64, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> &mut Self {
        let levels = |side: &[(i64, i64)]| {
            let level = |&(price, size): &(i64, i64)| Level {
                price: price * 100,
                size: size * 100_000,
            };
            side.iter().map(level).collect()
        };
        self.feed(MarketEvent::Depth(Box::new(DepthUpdate {
            time: at(ms),
            kind: DepthKind::Snapshot,
            bids: levels(bids),
            asks: levels(asks),
        })))
    }

    fn status(&mut self, ms: i64, status: TradingStatus) -> &mut Self {
        self.feed(MarketEvent::Status(at(ms), status))
    }

    fn command(&mut self, ms: i64, command: Command) -> &mut Self {
        self.0.feed(&Input::Command(at(ms), command));
        self
    }

    fn place(&mut self, ms: i64, order: OrderRequest) -> &mut Self {
        self.command(ms, Command::Place(Box::new(order.into())))
    }

    fn amend_price(&mut self, ms: i64, order: u64, price: &str) -> &mut Self {
        self.command(
            ms,
            Command::Amend(Amendment {
                order_id: OrderId(order),
                quantity: None,
                price: Some(decimal(price)),
                stop_price: None,
            }),
        )
    }

    /// What became of the orders since the last look: fills with `taker` or `maker`, ends with their reason.
    fn story(&mut self) -> Vec<String> {
        let story = self.0.events.iter().filter_map(told).collect();
        self.0.forget();
        story
    }
}

fn told(event: &Event) -> Option<String> {
    Some(match &event.kind {
        EventKind::OrderFilled { fill, .. } => {
            let role = match fill.liquidity {
                Liquidity::Taker => "taker",
                Liquidity::Maker => "maker",
            };
            format!(
                "#{} {} at {} {role}",
                fill.order_id,
                fill.quantity.0.normalize(),
                fill.price.0.normalize()
            )
        }
        EventKind::OrderCanceled { order_id, reason } => format!("#{order_id} canceled {}", reason.code()),
        EventKind::OrderRejected { order_id, reason } => format!("#{order_id} rejected {}", reason.code()),
        EventKind::OrderExpired { order_id } => format!("#{order_id} expired"),
        EventKind::MarketStatusChanged { status, .. } => format!("market {status:?}"),
        _ => return None,
    })
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

/// Milliseconds of a time as text.
fn ms(time: &str) -> i64 {
    Timestamp::parse(time).expect("a time").nanos() / 1_000_000
}

fn market(side: Side, quantity: &str) -> OrderRequest {
    OrderRequest::market(side, decimal(quantity))
}

fn limit(side: Side, quantity: &str, price: &str) -> OrderRequest {
    OrderRequest::limit(side, decimal(quantity), decimal(price))
}

fn stop(side: Side, quantity: &str, price: &str) -> OrderRequest {
    OrderRequest {
        kind: OrderType::Stop,
        stop_price: Some(decimal(price)),
        ..market(side, quantity)
    }
}

fn post_only(order: OrderRequest) -> OrderRequest {
    OrderRequest {
        post_only: PostOnlyRequest::Reject,
        ..order
    }
}

fn showing(display: &str, order: OrderRequest) -> OrderRequest {
    OrderRequest {
        display_quantity: Some(decimal(display)),
        ..order
    }
}

fn whose_time_is(word: TimeInForceWord, order: OrderRequest) -> OrderRequest {
    OrderRequest {
        time_in_force: Some(word),
        ..order
    }
}

/// The first time that an order meets an open market, it takes, and pays what is asked, not what it would have paid.
mod arrival {
    use super::*;

    #[test]
    fn a_limit_amended_across_the_market_takes_at_the_touch() {
        let mut quotes = Market::new();
        quotes
            .quote(0, (99.0, 3.0), (101.0, 3.0))
            .place(1, limit(Buy, "1", "90"))
            .quote(10, (99.0, 3.0), (101.0, 3.0))
            .amend_price(11, 1, "150")
            .quote(20, (99.0, 3.0), (101.0, 3.0));
        assert_eq!(quotes.story(), ["#1 1 at 101 taker"]);
        let mut bars = Market::new();
        bars.bar(0, [100.0, 101.0, 99.0, 100.0])
            .place(60_000, limit(Buy, "1", "90"))
            .bar(60_000, [100.0, 101.0, 99.0, 100.0])
            .amend_price(120_000, 1, "150")
            .bar(120_000, [100.0, 101.0, 99.0, 100.0]);
        assert_eq!(bars.story(), ["#1 1 at 100 taker"]);
    }

    #[test]
    fn a_post_only_order_amended_across_the_market_is_rejected() {
        let mut market = Market::new();
        market
            .quote(0, (99.0, 3.0), (101.0, 3.0))
            .place(1, post_only(limit(Buy, "2", "90")))
            .quote(10, (99.0, 3.0), (101.0, 3.0))
            .amend_price(11, 1, "150")
            .quote(20, (99.0, 3.0), (101.0, 3.0));
        assert_eq!(market.story(), ["#1 rejected post_only_would_take"]);
    }

    #[test]
    fn a_post_only_order_that_has_filled_in_part_loses_its_rest() {
        let mut market = Market::new();
        market
            .quote(0, (99.0, 3.0), (101.0, 3.0))
            .place(1, post_only(limit(Buy, "2", "100")))
            .quote(10, (99.0, 3.0), (101.0, 3.0))
            .trade(15, 100.0, 1.0, Sell)
            .amend_price(16, 1, "150")
            .quote(20, (99.0, 3.0), (101.0, 3.0));
        assert_eq!(market.story(), ["#1 1 at 100 maker", "#1 canceled would_take"]);
    }

    #[test]
    fn an_order_placed_before_the_open_takes_at_the_open() {
        for (order, told) in [
            (limit(Buy, "1", "150"), "#1 1 at 100 taker"),
            (
                post_only(limit(Buy, "1", "150")),
                "#1 rejected post_only_would_take",
            ),
        ] {
            let mut bars = Market::shares();
            bars.bar(ms("2024-08-08T12:00:00Z"), [100.0; 4])
                .place(ms("2024-08-08T12:01:00Z"), order.clone())
                .bar(ms("2024-08-08T12:01:00Z"), [100.0; 4])
                .bar(ms("2024-08-08T13:30:00Z"), [100.0, 101.0, 99.0, 100.0]);
            assert_eq!(bars.story(), [told]);
            let mut quotes = Market::shares();
            quotes
                .quote(ms("2024-08-08T12:00:00Z"), (99.0, 3.0), (100.0, 3.0))
                .place(ms("2024-08-08T12:01:00Z"), order)
                .quote(ms("2024-08-08T12:02:00Z"), (99.0, 3.0), (100.0, 3.0))
                .quote(ms("2024-08-08T13:30:00Z"), (99.0, 3.0), (100.0, 3.0));
            assert_eq!(quotes.story(), [told]);
        }
    }

    #[test]
    fn once_it_has_met_an_open_market_it_rests_and_gives() {
        let mut bars = Market::shares();
        bars.bar(ms("2024-08-08T12:00:00Z"), [100.0; 4])
            .place(ms("2024-08-08T12:01:00Z"), limit(Buy, "1", "90"))
            .bar(ms("2024-08-08T12:01:00Z"), [100.0; 4])
            .bar(ms("2024-08-08T13:30:00Z"), [100.0; 4])
            .bar(ms("2024-08-08T13:31:00Z"), [85.0; 4]);
        assert_eq!(bars.story(), ["#1 1 at 90 maker"]);
    }

    #[test]
    fn after_a_halt_too() {
        let mut market = Market::new();
        market
            .quote(0, (99.0, 3.0), (100.0, 3.0))
            .status(5, TradingStatus::Halted)
            .place(6, limit(Buy, "1", "150"))
            .quote(10, (99.0, 3.0), (100.0, 3.0))
            .status(20, TradingStatus::Trading)
            .quote(30, (99.0, 3.0), (100.0, 3.0));
        let story = market.story();
        assert_eq!(
            story.last().map(String::as_str),
            Some("#1 1 at 100 taker"),
            "{story:?}"
        );
    }

    #[test]
    fn where_only_trades_are_known_it_takes_of_the_next_one() {
        // Somebody sold: what a buyer pays is a tick higher, as far as anybody knows.
        for (order, told) in [
            (limit(Buy, "1", "150"), &["#1 1 at 100.01 taker"][..]),
            (
                whose_time_is(TimeInForceWord::Ioc, limit(Buy, "2", "150")),
                &["#1 1 at 100.01 taker", "#1 canceled not_filled_at_once"],
            ),
            (
                whose_time_is(TimeInForceWord::Ioc, limit(Buy, "1", "90")),
                &["#1 canceled not_filled_at_once"],
            ),
            (
                post_only(limit(Buy, "1", "150")),
                &["#1 rejected post_only_would_take"],
            ),
        ] {
            let mut market = Market::new();
            market
                .trade(0, 100.0, 1.0, Sell)
                .place(1, order)
                .trade(10, 100.0, 1.0, Sell);
            assert_eq!(market.story(), told);
        }
    }

    #[test]
    fn an_order_that_must_fill_at_once_waits_for_the_trade_that_follows_its_way() {
        let mut market = Market::with(|config| {
            config.execution.latency = papertape::exchange::LatencyModel::Fixed {
                entry: 50_000_000,
                response: 0,
            };
        });
        market
            .trade(0, 100.0, 5.0, Buy)
            .place(10, whose_time_is(TimeInForceWord::Ioc, super::market(Buy, "1")))
            .trade(20, 100.0, 5.0, Buy)
            .trade(100, 101.0, 5.0, Buy);
        assert_eq!(market.story(), ["#1 1 at 101 taker"]);
    }

    #[test]
    fn a_target_that_the_open_has_passed_sells_at_the_open() {
        let attached = Attached {
            take_profit: Some(AttachedLeg {
                price: Some(decimal("112")),
                ..AttachedLeg::default()
            }),
            stop_loss: None,
        };
        let mut bars = Market::new();
        bars.bar(0, [100.0; 4])
            .place(
                60_000,
                OrderRequest {
                    attached: Some(attached),
                    ..stop(Buy, "1", "110")
                },
            )
            .bar(60_000, [100.0; 4])
            .bar(120_000, [115.0, 120.0, 114.0, 118.0]);
        assert_eq!(bars.story(), ["#1 1 at 115 taker", "#2 1 at 115 taker"]);
    }
}

/// What is there can be had once.
mod quantity {
    use super::*;

    #[test]
    fn one_trade_fills_no_more_than_was_traded() {
        let mut tape = Market::new();
        tape.trade(0, 100.0, 1.0, Sell)
            .place(1, limit(Buy, "1", "99"))
            .trade(10, 100.0, 1.0, Sell)
            .place(11, market(Buy, "1"))
            .trade(20, 98.0, 1.0, Sell);
        assert_eq!(tape.story(), ["#1 1 at 99 maker"]);
    }

    #[test]
    fn the_queue_ahead_is_taken_off_what_our_orders_share() {
        let mut market = Market::new();
        market
            .quote(0, (100.0, 3.0), (101.0, 3.0))
            .place(1, limit(Buy, "2", "100"))
            .place(1, limit(Buy, "2", "100"))
            .quote(10, (100.0, 3.0), (101.0, 3.0))
            .trade(20, 100.0, 5.0, Sell);
        assert_eq!(
            market.story(),
            ["#1 2 at 100 maker"],
            "three for the queue, two for us"
        );
    }

    #[test]
    fn what_was_taken_when_it_was_shown_is_not_sold_to_us_again_when_it_trades() {
        let mut market = Market::new();
        market
            .quote(0, (99.0, 3.0), (101.0, 3.0))
            .place(1, limit(Buy, "10", "99"))
            .quote(10, (99.0, 3.0), (101.0, 3.0))
            .quote(20, (98.0, 3.0), (98.5, 5.0))
            .trade(30, 98.5, 7.0, Buy);
        assert_eq!(market.story(), ["#1 5 at 99 maker", "#1 2 at 99 maker"]);
    }

    #[test]
    fn fill_or_kill_takes_several_levels_or_nothing() {
        let order = |quantity| whose_time_is(TimeInForceWord::Fok, market(Buy, quantity));
        for (quantity, told) in [
            ("2", &["#1 1 at 101 taker", "#1 1 at 102 taker"][..]),
            ("7", &["#1 canceled not_filled_at_once"]),
            // 101 + 98 at 102 costs more than there is.
            ("99", &["#1 canceled insufficient_funds"]),
        ] {
            let levels = |market: &mut Market, ms| {
                let second = if quantity == "99" { 500 } else { 5 };
                market.book(ms, &[(99, 5)], &[(101, 1), (102, second)]);
            };
            let mut market = Market::new();
            levels(&mut market, 0);
            market.place(1, order(quantity));
            levels(&mut market, 10);
            assert_eq!(market.story(), told, "{quantity}");
        }
    }

    #[test]
    fn an_iceberg_gives_what_it_shows_and_then_stands_at_the_end_of_the_queue() {
        let mut market = Market::new();
        market
            .quote(0, (99.0, 3.0), (101.0, 3.0))
            .place(1, showing("1", limit(Buy, "10", "100")))
            .quote(10, (99.0, 3.0), (101.0, 3.0))
            .quote(15, (100.0, 50.0), (101.0, 3.0))
            .trade(20, 100.0, 9.5, Sell);
        assert_eq!(market.story(), ["#1 1 at 100 maker"]);
        market.trade(21, 100.0, 40.0, Sell);
        assert!(
            market.story().is_empty(),
            "the slice stands behind the fifty that are shown"
        );
    }

    #[test]
    fn price_protection_ends_what_is_too_far_away_and_waits_for_what_is_not_there() {
        let protected = |config: &mut EngineConfig| config.execution.fill.protection = Some(decimal("0.05"));
        let mut waits = Market::with(protected);
        waits
            .quote(0, (99.0, 3.0), (101.0, 3.0))
            .place(1, market(Buy, "2"))
            .quote(10, (99.0, 3.0), (101.0, 1.0))
            .quote(20, (99.0, 3.0), (101.0, 1.0))
            .quote(30, (99.0, 3.0), (101.0, 9.0));
        assert_eq!(waits.story(), ["#1 1 at 101 taker", "#1 1 at 101 taker"]);
        let mut ends = Market::with(protected);
        ends.book(0, &[(99, 3)], &[(101, 1), (120, 5)])
            .place(1, market(Buy, "2"))
            .book(10, &[(99, 3)], &[(101, 1), (120, 5)]);
        assert_eq!(
            ends.story(),
            ["#1 1 at 101 taker", "#1 canceled price_protection"]
        );
    }

    #[test]
    fn what_closes_a_position_waits_for_a_market_inside_the_protection() {
        let mut market = Market::with(|config| config.execution.fill.protection = Some(decimal("0.05")));
        let exit = OrderRequest {
            reduce_only: true,
            ..super::market(Sell, "2")
        };
        market
            .book(0, &[(99, 9)], &[(100, 9)])
            .place(1, super::market(Buy, "2"))
            .book(10, &[(99, 9)], &[(100, 8)])
            .place(11, exit)
            .book(20, &[(99, 1), (80, 9)], &[(100, 9)])
            .book(30, &[(98, 4), (80, 9)], &[(100, 9)]);
        assert_eq!(
            market.story(),
            ["#1 2 at 100 taker", "#2 1 at 99 taker", "#2 1 at 98 taker"]
        );
    }
}

/// Where an order stands, and of when the news are.
mod queue {
    use super::*;

    #[test]
    fn an_order_behind_the_best_price_joins_the_queue_when_the_best_price_comes_to_it() {
        let mut market = Market::new();
        market
            .quote(0, (100.0, 3.0), (101.0, 3.0))
            .place(1, limit(Buy, "2", "98"))
            .quote(10, (100.0, 3.0), (101.0, 3.0))
            .quote(20, (98.0, 1.0), (99.0, 3.0))
            .trade(30, 98.0, 2.0, Sell);
        assert_eq!(market.story(), ["#1 1 at 98 maker"], "one was ahead");
    }

    #[test]
    fn after_a_gap_it_stands_at_the_end_of_the_queue_that_the_new_book_shows() {
        let mut market = Market::new();
        market
            .book(0, &[(99, 3), (98, 2)], &[(101, 3)])
            .place(1, limit(Buy, "1", "98"))
            .book(10, &[(99, 3), (98, 2)], &[(101, 3)])
            .status(15, TradingStatus::Gap)
            .book(25, &[(98, 4)], &[(101, 3)])
            .trade(30, 98.0, 5.0, Sell);
        assert_eq!(
            market.story(),
            ["market Gap", "market Trading", "#1 1 at 98 maker"]
        );
    }

    #[test]
    fn a_quote_that_comes_late_fills_nothing() {
        let mut market = Market::new();
        market
            .quote(90, (99.0, 3.0), (100.0, 3.0))
            .place(100, limit(Buy, "1", "90"))
            .quote(100, (99.0, 3.0), (100.0, 3.0))
            .quote(50, (80.0, 3.0), (85.0, 3.0));
        assert!(market.story().is_empty());
    }

    #[test]
    fn the_fill_rule_holds_for_trades_beside_quotes() {
        let mut market = Market::with(|config| config.execution.fill.limit = LimitFill::ThroughByTicks(50));
        market
            .quote(0, (99.5, 5.0), (100.0, 5.0))
            .place(1, limit(Buy, "1", "99"))
            .quote(10, (99.5, 5.0), (100.0, 5.0))
            .trade(20, 98.99, 5.0, Sell);
        assert!(market.story().is_empty(), "one tick through is not fifty");
        market.trade(30, 98.5, 5.0, Sell);
        assert_eq!(market.story(), ["#1 1 at 99 maker"]);
    }
}
