//! Orders where markets are at their worst: one-sided and crossed books, halts, stale data, late arrivals, contradictory
//! requests. Each was found by the simulation.

mod holds;
mod markets;
mod orders;

use papertape::engine::{Command, EngineConfig, Event, EventKind, Input};
use papertape::exchange::{Fill, LatencyModel, LimitFill, TradingStatus};
use papertape::market::{Bar, CalendarId, DepthKind, DepthUpdate, Level, MarketEvent, Quote, TradeTick};
use papertape::model::{Instrument, InstrumentId, OrderId, Price, Side, Timestamp};
use papertape::order::{
    Amendment, Attached, AttachedLeg, Contingency, OrderList, OrderRequest, OrderType, TimeInForceWord,
    TrailRequest,
};
use papertape::testkit::{Bench, config, decimal};
use rust_decimal::Decimal;

const MANUAL: &str = "name: manual\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: false}\n";

struct Tape(Bench);

impl Tape {
    fn start() -> Self {
        Self(Bench::start(MANUAL))
    }

    fn with(change: impl FnOnce(&mut EngineConfig)) -> Self {
        let mut config = config(MANUAL);
        change(&mut config);
        Self(Bench::with(config))
    }

    /// With orders on their way for so many milliseconds.
    fn late(millis: i64) -> Self {
        Self::with(|config| {
            let delay = millis * 1_000_000;
            config.execution.latency = LatencyModel::Fixed {
                entry: delay,
                response: delay,
            };
        })
    }

    fn market(&mut self, at: u16, event: MarketEvent) -> &mut Self {
        self.0.feed(&Input::Market(InstrumentId(at), event));
        self
    }

    fn quote(&mut self, second: i64, bid: f64, ask: f64, size: f64) -> &mut Self {
        self.quote_of(0, second, bid, ask, size)
    }

    fn quote_of(&mut self, at: u16, second: i64, bid: f64, ask: f64, size: f64) -> &mut Self {
        let quote = Quote {
            time: Timestamp::from_secs(second),
            bid,
            bid_size: size,
            ask,
            ask_size: size,
        };
        self.market(at, MarketEvent::Quote(quote))
    }

    fn trade(&mut self, second: i64, price: f64, size: f64) -> &mut Self {
        let trade = TradeTick {
            time: Timestamp::from_secs(second),
            price,
            size,
            aggressor: Side::Sell,
        };
        self.market(0, MarketEvent::Trade(trade))
    }

    /// The whole book, in ticks of a cent and lots of a hundred-thousandth.
    fn book(&mut self, second: i64, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> &mut Self {
        let levels = |levels: &[(i64, i64)]| {
            levels
                .iter()
                .map(|&(price, size)| Level { price, size })
                .collect()
        };
        let update = DepthUpdate {
            time: Timestamp::from_secs(second),
            kind: DepthKind::Snapshot,
            bids: levels(bids),
            asks: levels(asks),
        };
        self.market(0, MarketEvent::Depth(Box::new(update)))
    }

    fn status(&mut self, second: i64, status: TradingStatus) -> &mut Self {
        self.market(0, MarketEvent::Status(Timestamp::from_secs(second), status))
    }

    fn bar(&mut self, second: i64, [open, high, low, close]: [f64; 4]) -> &mut Self {
        let bar = Bar {
            open_time: Timestamp::from_secs(second),
            open,
            high,
            low,
            close,
            volume: 1.0,
        };
        self.market(0, MarketEvent::Bar(bar))
    }

    fn command(&mut self, second: i64, command: Command) -> &mut Self {
        self.0
            .feed(&Input::Command(Timestamp::from_secs(second), command));
        self
    }

    fn place(&mut self, second: i64, order: OrderRequest) -> &mut Self {
        self.list(second, Contingency::None, vec![order])
    }

    fn list(&mut self, second: i64, contingency: Contingency, orders: Vec<OrderRequest>) -> &mut Self {
        self.command(
            second,
            Command::Place(Box::new(OrderList { contingency, orders })),
        )
    }

    /// What has happened to orders since this was last asked.
    fn said(&mut self) -> Vec<String> {
        let about_orders = |line: &String| line.starts_with('#') && !line.contains('(');
        let lines = self.0.journal().into_iter().filter(about_orders).collect();
        self.0.forget();
        lines
    }

    fn fills(&self) -> Vec<Fill> {
        let fill = |event: &Event| match &event.kind {
            EventKind::OrderFilled { fill, .. } => Some(fill.clone()),
            _ => None,
        };
        self.0.events.iter().filter_map(fill).collect()
    }
}

fn market(side: Side, quantity: &str) -> OrderRequest {
    OrderRequest::market(side, decimal(quantity))
}

fn limit(side: Side, quantity: &str, price: &str) -> OrderRequest {
    OrderRequest::limit(side, decimal(quantity), decimal(price))
}

fn stop(kind: OrderType, side: Side, quantity: &str, stop_price: &str) -> OrderRequest {
    OrderRequest {
        kind,
        stop_price: Some(decimal(stop_price)),
        ..market(side, quantity)
    }
}

fn at_once(word: TimeInForceWord, order: OrderRequest) -> OrderRequest {
    OrderRequest {
        time_in_force: Some(word),
        ..order
    }
}
