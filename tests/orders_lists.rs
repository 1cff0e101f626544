//! Orders that persons and programs place: alone, in lists of which one cancels or triggers others, changed and withdrawn,
//! on bars and on quotes.

use papertape::engine::{Command, EngineConfig, EventKind, Input};
use papertape::exchange::{LatencyModel, QueueModel};
use papertape::market::{MarketEvent, Quote, TradeTick};
use papertape::model::{OrderId, Side, Timestamp};
use papertape::order::{
    Amendment, Attached, AttachedLeg, Contingency, OrderList, OrderRequest, OrderType, TrailRequest,
};
use papertape::testkit::{Bench, config, decimal};

/// A strategy that never trades: all orders are ours.
const IDLE: &str = "name: idle\ntimeframe: 1m\nentry: {long: close < 0}\n";

fn idle() -> EngineConfig {
    config(IDLE)
}

fn market(side: Side, quantity: &str) -> OrderRequest {
    OrderRequest::market(side, decimal(quantity))
}

fn limit(side: Side, quantity: &str, price: &str) -> OrderRequest {
    OrderRequest::limit(side, decimal(quantity), decimal(price))
}

fn stop(side: Side, quantity: &str, stop_price: &str) -> OrderRequest {
    OrderRequest {
        kind: OrderType::Stop,
        stop_price: Some(decimal(stop_price)),
        ..market(side, quantity)
    }
}

fn place(order: OrderRequest) -> Command {
    Command::Place(Box::new(order.into()))
}

fn list(contingency: Contingency, orders: Vec<OrderRequest>) -> Command {
    Command::Place(Box::new(OrderList { contingency, orders }))
}

fn amend(order: u64, quantity: Option<&str>, price: Option<&str>) -> Command {
    Command::Amend(Amendment {
        order_id: OrderId(order),
        quantity: quantity.map(decimal),
        price: price.map(decimal),
        stop_price: None,
    })
}

/// A market that is told of by bars or by quotes: the same orders must come out alike.
struct World {
    bench: Bench,
    by_quotes: bool,
    second: i64,
}

impl World {
    /// At 100, with this configuration.
    fn with(config: EngineConfig, by_quotes: bool) -> Self {
        let bench = Bench::with(config);
        let mut world = Self {
            bench,
            by_quotes,
            second: 0,
        };
        world.price(100.0).told();
        world
    }

    /// The market stands at this price: for a minute without moving, or bid and ask a cent apart around it.
    fn price(&mut self, price: f64) -> &mut Self {
        if self.by_quotes {
            self.quote(price - 0.01, price + 0.01, 100.0)
        } else {
            self.bench.flat(1, price);
            self
        }
    }

    fn quote(&mut self, bid: f64, ask: f64, size: f64) -> &mut Self {
        self.second += 1;
        let quote = Quote {
            time: Timestamp::from_secs(self.second),
            bid,
            bid_size: size,
            ask,
            ask_size: size,
        };
        self.bench.feed(&Input::market(MarketEvent::Quote(quote)));
        self
    }

    /// Somebody sold at this price.
    fn sold(&mut self, price: f64, size: f64) -> &mut Self {
        self.second += 1;
        let trade = TradeTick {
            time: Timestamp::from_secs(self.second),
            price,
            size,
            aggressor: Side::Sell,
        };
        self.bench.feed(&Input::market(MarketEvent::Trade(trade)));
        self
    }

    fn does(&mut self, command: Command) -> &mut Self {
        let time = if self.by_quotes {
            Timestamp::from_secs(self.second)
        } else {
            self.bench.now()
        };
        self.bench.feed(&Input::Command(time, command));
        self
    }

    /// What was told of orders since the last call, fills without their prices.
    fn told(&mut self) -> Vec<String> {
        let journal = self.bench.journal();
        self.bench.forget();
        let of_orders = journal.into_iter().filter(|line| line.starts_with('#'));
        of_orders
            .map(|line| match line.split_once(" @ ") {
                Some((fill, _)) if fill.contains("filled") => fill.to_owned(),
                _ => line,
            })
            .collect()
    }

    fn held(&self) -> String {
        self.bench.engine.position().map_or_else(
            || "flat".to_owned(),
            |position| format!("{} {}", position.side, position.quantity.0.normalize()),
        )
    }
}

fn on_bars_and_on_quotes(story: impl Fn(&mut World)) {
    for by_quotes in [false, true] {
        story(&mut World::with(idle(), by_quotes));
    }
}

#[test]
fn of_two_orders_of_which_one_cancels_the_other_one_fills() {
    on_bars_and_on_quotes(|world| {
        let orders = vec![limit(Side::Buy, "1", "95"), stop(Side::Buy, "1", "105")];
        world.does(list(Contingency::Oco, orders)).price(100.0);
        assert_eq!(
            world.told(),
            [
                "#1 buy 1 limit @ 95 (manual)",
                "#2 buy 1 stop @ 105 (manual)",
                "#1 accepted",
                "#2 accepted",
            ]
        );
        world.price(94.0);
        assert_eq!(world.told(), ["#1 filled 1", "#2 canceled: group_filled"]);
        world.price(106.0);
        assert_eq!((world.told(), world.held()), (vec![], "long 1".to_owned()));
    });
}

#[test]
fn withdrawing_one_of_a_group_withdraws_the_group() {
    on_bars_and_on_quotes(|world| {
        let orders = vec![limit(Side::Buy, "1", "95"), stop(Side::Buy, "1", "105")];
        world.does(list(Contingency::Oco, orders)).price(100.0).told();
        world.does(Command::Cancel(OrderId(2)));
        assert_eq!(
            world.told(),
            ["#2 canceled: requested", "#1 canceled: group_ended"]
        );
    });
}

#[test]
fn an_order_that_triggers_others_sets_them_free_when_it_fills() {
    on_bars_and_on_quotes(|world| {
        let orders = vec![limit(Side::Buy, "1", "95"), limit(Side::Sell, "1", "110")];
        world.does(list(Contingency::Oto, orders)).price(100.0);
        assert_eq!(
            world.told(),
            [
                "#1 buy 1 limit @ 95 (manual)",
                "#2 sell 1 limit waits",
                "#1 accepted",
            ]
        );
        world.price(94.0);
        assert_eq!(
            world.told(),
            ["#1 filled 1", "#2 sell 1 limit @ 110 (attached)", "#2 accepted"]
        );
        world.price(111.0);
        assert_eq!(
            (world.told(), world.held()),
            (vec!["#2 filled 1".to_owned()], "flat".to_owned())
        );
    });
}

#[test]
fn what_waits_for_an_order_ends_with_it() {
    on_bars_and_on_quotes(|world| {
        let orders = vec![limit(Side::Buy, "1", "95"), limit(Side::Sell, "1", "110")];
        world.does(list(Contingency::Oto, orders)).price(100.0).told();
        world.does(Command::Cancel(OrderId(1)));
        assert_eq!(
            world.told(),
            ["#1 canceled: requested", "#2 canceled: parent_ended"]
        );
    });
}

fn bracket() -> OrderRequest {
    let leg = AttachedLeg::default();
    OrderRequest {
        attached: Some(Attached {
            take_profit: Some(AttachedLeg {
                price: Some(decimal("110")),
                ..leg
            }),
            stop_loss: Some(AttachedLeg {
                stop_price: Some(decimal("90")),
                ..leg
            }),
        }),
        ..market(Side::Buy, "1")
    }
}

#[test]
fn a_bracket_protects_what_it_opened_and_only_one_side_of_it_fills() {
    on_bars_and_on_quotes(|world| {
        world.does(place(bracket())).price(100.0);
        assert_eq!(
            world.told(),
            [
                "#1 buy 1 market (manual)",
                "#2 sell 1 limit waits",
                "#3 sell 1 stop waits",
                "#1 accepted",
                "#1 filled 1",
                "#2 sell 1 limit @ 110 (attached)",
                "#2 accepted",
                "#3 sell 1 stop @ 90 (attached)",
                "#3 accepted",
            ]
        );
        world.price(89.0);
        let told = world.told();
        assert!(told.contains(&"#3 filled 1".to_owned()), "{told:?}");
        assert!(
            told.iter().any(|line| line.starts_with("#2 canceled")),
            "{told:?}"
        );
        assert_eq!(world.held(), "flat");
    });
}

#[test]
fn a_bracket_s_stop_may_trail() {
    on_bars_and_on_quotes(|world| {
        let mut order = bracket();
        order.attached = Some(Attached {
            take_profit: None,
            stop_loss: Some(AttachedLeg {
                trail: Some(TrailRequest {
                    amount: Some(decimal("5")),
                    percent: None,
                }),
                ..AttachedLeg::default()
            }),
        });
        world.does(place(order)).price(100.0).price(108.0).told();
        world.price(102.0);
        let told = world.told();
        assert_eq!(told.last().map(String::as_str), Some("#2 filled 1"), "{told:?}");
        assert_eq!(world.held(), "flat");
    });
}

#[test]
fn an_order_that_only_reduces_never_opens() {
    on_bars_and_on_quotes(|world| {
        let reduce = |order| OrderRequest {
            reduce_only: true,
            ..order
        };
        world.does(place(reduce(market(Side::Sell, "1")))).price(100.0);
        assert_eq!(
            world.told(),
            ["#1 sell 1 market (manual)", "#1 rejected: would_increase"]
        );
        world.does(place(market(Side::Buy, "1"))).price(100.0).told();
        world.does(place(reduce(market(Side::Sell, "3")))).price(100.0);
        assert_eq!(
            world.told(),
            [
                "#3 sell 3 market (manual)",
                "#3 accepted",
                "#3 filled 1",
                "#3 canceled: position_closed",
            ]
        );
        assert_eq!(world.held(), "flat");
    });
}

#[test]
fn an_order_that_closes_needs_no_quantity() {
    on_bars_and_on_quotes(|world| {
        world.does(place(market(Side::Buy, "1.5"))).price(100.0).told();
        let close = OrderRequest {
            quantity: None,
            close_position: true,
            ..market(Side::Sell, "1")
        };
        world.does(place(close)).price(100.0);
        assert_eq!(
            world.told(),
            ["#2 sell 1.5 market (manual)", "#2 accepted", "#2 filled 1.5"]
        );
        assert_eq!(world.held(), "flat");
    });
}

#[test]
fn a_client_s_id_makes_a_repeated_request_one_order() {
    on_bars_and_on_quotes(|world| {
        let order = OrderRequest {
            client_order_id: Some("once".parse().expect("an id")),
            ..market(Side::Buy, "1")
        };
        world
            .does(place(order.clone()))
            .does(place(order.clone()))
            .price(100.0);
        assert_eq!(
            world.told(),
            ["#1 buy 1 market (manual)", "#1 accepted", "#1 filled 1"]
        );
        world.does(place(order)).price(100.0);
        assert_eq!(
            (world.told(), world.held()),
            (vec![], "long 1".to_owned()),
            "also when it is long done"
        );
    });
}

#[test]
fn everything_can_be_withdrawn_at_once() {
    on_bars_and_on_quotes(|world| {
        world
            .does(place(limit(Side::Buy, "1", "90")))
            .does(place(limit(Side::Sell, "1", "110")))
            .price(100.0)
            .told();
        world.does(Command::CancelAll(None));
        assert_eq!(world.told(), ["#1 canceled: requested", "#2 canceled: requested"]);
    });
}

#[test]
fn an_order_s_terms_change_where_they_may() {
    on_bars_and_on_quotes(|world| {
        world.does(place(limit(Side::Buy, "1", "90"))).price(100.0).told();
        world.does(amend(1, Some("0.5"), Some("98")));
        assert_eq!(world.told(), ["#1 amended to 98"]);
        world
            .does(amend(1, Some("0"), None))
            .does(amend(9, None, Some("1")));
        assert_eq!(
            world.told(),
            [
                "#1 request refused: below_filled",
                "#9 request refused: no_such_order",
            ]
        );
        world.price(97.0);
        assert_eq!(
            (world.told(), world.held()),
            (vec!["#1 filled 0.5".to_owned()], "long 0.5".to_owned())
        );
    });
}

#[test]
fn a_smaller_quantity_keeps_the_place_in_the_queue_and_another_price_or_a_larger_one_loses_it() {
    // Ten lie ahead at 99.99; eight of them trade, the order is changed, two more trade and then one.
    let filled_after = |changes: Vec<Command>| {
        let mut config = idle();
        config.execution.fill.queue = QueueModel::RiskAverse;
        let mut world = World::with(config, true);
        world
            .quote(99.99, 100.01, 10.0)
            .does(place(limit(Side::Buy, "1", "99.99")))
            .quote(99.99, 100.01, 10.0)
            .sold(99.99, 8.0);
        for change in changes {
            world.does(change);
        }
        world.told();
        world.sold(99.99, 2.0).sold(99.99, 0.5);
        world.told()
    };
    assert_eq!(filled_after(vec![]), ["#1 filled 0.5"]);
    assert_eq!(filled_after(vec![amend(1, Some("0.8"), None)]), ["#1 filled 0.5"]);
    assert_eq!(filled_after(vec![amend(1, Some("2"), None)]), [""; 0]);
    let there_and_back = vec![amend(1, None, Some("99.98")), amend(1, None, Some("99.99"))];
    assert_eq!(filled_after(there_and_back), [""; 0]);
}

#[test]
fn a_cancel_that_is_on_its_way_races_the_fill() {
    let story = |seconds: i64| {
        let mut config = idle();
        config.execution.latency = LatencyModel::Fixed {
            entry: seconds * 1_000_000_000,
            response: 0,
        };
        let mut world = World::with(config, true);
        world
            .does(place(limit(Side::Buy, "1", "99")))
            .price(100.0)
            .price(100.0)
            .price(100.0)
            .price(100.0)
            .told();
        world.does(Command::Cancel(OrderId(1)));
        world.price(98.0).price(98.0).price(98.0).price(98.0);
        world.told()
    };
    assert_eq!(story(0), ["#1 canceled: requested"]);
    assert_eq!(
        story(3),
        ["#1 filled 1", "#1 request refused: no_such_order"],
        "the market came first"
    );
}

#[test]
fn a_list_is_placed_whole_or_not_at_all() {
    on_bars_and_on_quotes(|world| {
        let wrong = OrderRequest {
            price: Some(decimal("1")),
            ..market(Side::Buy, "1")
        };
        let orders = vec![limit(Side::Buy, "1", "95"), wrong];
        world.does(list(Contingency::Oco, orders));
        let told = world.told();
        assert_eq!(
            told.iter()
                .filter(|line| line.contains("rejected: contradiction"))
                .count(),
            2,
            "{told:?}"
        );
        let cash = world.bench.engine.cash().amount;
        assert_eq!(cash, decimal("10000"));
        let events = &world.bench.events;
        assert!(
            !events
                .iter()
                .any(|event| matches!(event.kind, EventKind::OrderAccepted { .. }))
        );
    });
}
