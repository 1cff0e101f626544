//! Markets that do what markets do at their worst: they jump, cross, lock, empty, halt, fall silent and lose data.

use crate::draw::Draw;
use papertape::exchange::TradingStatus;
use papertape::market::{
    Bar, CorporateAction, DepthKind, DepthUpdate, Level, MarketAction, MarketEvent, Quote, TradeTick,
};
use papertape::model::{Instrument, InstrumentId, InstrumentKind, Price, Quantity, Side, Timestamp};
use papertape::testkit::decimal;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// What a feed delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finest {
    Bars,
    Trades,
    Quotes,
    Depth,
    /// Everything, as it comes.
    Mixed,
}

impl Finest {
    pub(crate) fn draw(draw: &mut Draw) -> Self {
        draw.pick(&[Self::Bars, Self::Trades, Self::Quotes, Self::Depth, Self::Mixed])
    }
}

/// One instrument's feed.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    at: InstrumentId,
    kind: InstrumentKind,
    tick: f64,
    lot: f64,
    finest: Finest,
    /// Where the market is, in ticks.
    price: i64,
    /// What the venue's book shows: the size in lots by price in ticks.
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    is_told: bool,
    status: TradingStatus,
    /// How often only others trade before the book says something again, and whether quotes go on.
    silent: (u32, bool),
    /// The last minute of which a bar was delivered.
    minute: i64,
    /// How often it got another name.
    names: u16,
}

impl Feed {
    pub(crate) fn new(at: InstrumentId, instrument: &Instrument, finest: Finest) -> Self {
        Self {
            at,
            kind: instrument.kind().clone(),
            tick: Price(instrument.tick()).to_f64(),
            lot: Quantity(instrument.lot()).to_f64(),
            finest,
            price: 10_000,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            is_told: false,
            status: TradingStatus::Trading,
            silent: (0, false),
            minute: i64::MIN,
            names: 0,
        }
    }

    /// Where the market is, in ticks.
    pub(crate) const fn price(&self) -> i64 {
        self.price
    }

    fn price_of(&self, ticks: i64) -> f64 {
        // As a feed would parse it: the double nearest to the decimal.
        (ticks as f64 * self.tick * 1e6).round() / 1e6
    }

    fn size_of(&self, lots: i64) -> f64 {
        (lots as f64 * self.lot * 1e6).round() / 1e6
    }

    /// What happens next in this market at `now`; nothing when it is not its time.
    pub(crate) fn next(&mut self, draw: &mut Draw, now: Timestamp) -> Option<(InstrumentId, MarketEvent)> {
        if draw.chance(0.015) {
            return Some((self.at, self.change_status(draw, now)));
        }
        if draw.chance(0.02)
            && let Some(action) = self.action(draw)
        {
            return Some((self.at, MarketEvent::Action(now, action)));
        }
        if self.silent.0 == 0 && draw.chance(0.01) {
            self.silent = (draw.pick(&[5, 12, 70]), draw.chance(0.5));
        }
        if self.silent.0 > 0 && self.finest != Finest::Bars {
            self.silent.0 -= 1;
            let quotes = self.silent.1 && self.finest != Finest::Trades && draw.chance(0.5);
            let event = if quotes {
                self.quote(draw, now)
            } else {
                self.trade(draw, now)
            };
            return Some((self.at, event));
        }
        let finest = match self.finest {
            Finest::Mixed => draw.pick(&[Finest::Trades, Finest::Quotes, Finest::Depth, Finest::Depth]),
            finest => finest,
        };
        let event = match finest {
            Finest::Bars => self.bar(draw, now)?,
            Finest::Trades => self.trade(draw, now),
            Finest::Quotes if draw.chance(0.3) => self.trade(draw, now),
            Finest::Quotes => self.quote(draw, now),
            _ if draw.chance(0.2) => self.trade(draw, now),
            _ => self.depth(draw, now),
        };
        Some((self.at, event))
    }

    fn change_status(&mut self, draw: &mut Draw, now: Timestamp) -> MarketEvent {
        use TradingStatus as Status;
        self.status = if self.status == Status::Trading {
            self.is_told = false;
            match draw.weighted(&[12, 12, 1]) {
                0 => Status::Halted,
                1 => Status::Gap,
                _ => Status::Ended,
            }
        } else {
            Status::Trading
        };
        MarketEvent::Status(now, self.status)
    }

    /// A halt or a gap does not last.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.status != TradingStatus::Trading
    }

    pub(crate) fn resume(&mut self, now: Timestamp) -> (InstrumentId, MarketEvent) {
        self.status = TradingStatus::Trading;
        (self.at, MarketEvent::Status(now, TradingStatus::Trading))
    }

    /// Something that happens beside the trading, sense and nonsense.
    fn action(&mut self, draw: &mut Draw) -> Option<MarketAction> {
        let nonsense = draw.chance(0.05);
        let near = Price(decimal(&self.price_of(self.price).to_string()));
        match self.kind {
            InstrumentKind::Perpetual if draw.chance(0.5) => Some(MarketAction::Funding {
                rate: decimal(if nonsense {
                    "1"
                } else {
                    draw.pick(&["0.0001", "-0.0003", "0.01"])
                }),
                mark: draw.maybe(0.5, near),
            }),
            InstrumentKind::Perpetual => Some(MarketAction::MarkPrice(if nonsense {
                Price(Decimal::ZERO)
            } else {
                near
            })),
            InstrumentKind::Equity => Some(MarketAction::Corporate(
                self.corporate_action(draw, nonsense, near),
            )),
            InstrumentKind::Future { .. } if draw.chance(0.3) => {
                Some(MarketAction::Settlement { price: near })
            }
            InstrumentKind::Future { .. } => Some(MarketAction::Roll {
                from: if nonsense { Price(Decimal::ZERO) } else { near },
                to: near,
            }),
            _ => None,
        }
    }

    fn corporate_action(&mut self, draw: &mut Draw, nonsense: bool, near: Price) -> CorporateAction {
        match draw.weighted(&[55, 33, 2, 10]) {
            3 => {
                // Nonsense: a name that is taken.
                let to = if nonsense {
                    "BTC/USD".to_owned()
                } else {
                    self.new_name()
                };
                CorporateAction::SymbolChange {
                    to: to.parse().expect("a symbol"),
                }
            }
            0 => CorporateAction::Dividend {
                per_share: decimal(if nonsense {
                    "-1"
                } else {
                    draw.pick(&["0.004", "0.5", "2"])
                }),
            },
            1 if nonsense => CorporateAction::Split { ratio: Decimal::ZERO },
            1 => {
                let ratios = [("2", 2, 1), ("0.5", 1, 2), ("1.5", 3, 2), ("0.1", 1, 10)];
                let (ratio, new, old) = draw.pick(&ratios);
                self.price = (self.price * old / new).clamp(200, 40_000);
                // What was known of the book is of the shares before.
                self.is_told = false;
                CorporateAction::Split {
                    ratio: decimal(ratio),
                }
            }
            _ => CorporateAction::Delisting {
                price: draw.maybe(0.5, near),
            },
        }
    }

    /// A name that nothing else in the session has: options are on what is named as shares are.
    fn new_name(&mut self) -> String {
        self.names += 1;
        let letter = |number: u16| char::from(b'A' + (number % 26) as u8);
        format!(
            "X{}{}{}",
            letter(self.at.0),
            letter(self.names / 26),
            letter(self.names)
        )
    }

    fn wander(&mut self, draw: &mut Draw) {
        let step = match draw.weighted(&[60, 30, 8, 2]) {
            0 => draw.between(-2, 2),
            1 => 0,
            2 => draw.between(-20, 20),
            _ => draw.between(-400, 400),
        };
        self.price = (self.price + step).clamp(200, 40_000);
    }

    fn bar(&mut self, draw: &mut Draw, now: Timestamp) -> Option<MarketEvent> {
        let minute = now.secs().div_euclid(60) - 1;
        if minute <= self.minute {
            return None;
        }
        self.minute = minute;
        self.wander(draw);
        let open = self.price;
        let reach = draw.pick(&[0, 3, 12, 80]);
        let close = (open + draw.between(-reach, reach)).max(100);
        let high = open.max(close) + draw.between(0, reach);
        let low = (open.min(close) - draw.between(0, reach)).max(100);
        self.price = close;
        let lots = draw.pick(&[0, 1, 40, 400, 4_000]);
        Some(MarketEvent::Bar(Bar {
            open_time: Timestamp::from_secs(minute * 60),
            open: self.price_of(open),
            high: self.price_of(high),
            low: self.price_of(low),
            close: self.price_of(close),
            volume: self.size_of(lots),
        }))
    }

    fn trade(&mut self, draw: &mut Draw, now: Timestamp) -> MarketEvent {
        self.wander(draw);
        let price = self.price + draw.between(-3, 3);
        let price = if draw.chance(0.005) {
            draw.pick(&[f64::NAN, 0.0, -5.0, f64::INFINITY])
        } else {
            self.price_of(price)
        };
        let size = if draw.chance(0.01) {
            draw.pick(&[f64::NAN, 0.0, -1.0, 1e300])
        } else {
            self.size_of(draw.between(1, 25))
        };
        MarketEvent::Trade(TradeTick {
            time: now,
            price,
            size,
            aggressor: draw.pick(&[Side::Buy, Side::Sell]),
        })
    }

    fn quote(&mut self, draw: &mut Draw, now: Timestamp) -> MarketEvent {
        self.wander(draw);
        let spread = [1, 2, 6, 0, -2][draw.weighted(&[60, 20, 10, 5, 3])];
        let bid = self.price - i64::from(draw.chance(0.5));
        let sizes = [draw.between(0, 25), draw.between(0, 25)];
        let mut quote = Quote {
            time: now,
            bid: self.price_of(bid),
            bid_size: self.size_of(sizes[0]),
            ask: self.price_of(bid + spread),
            ask_size: self.size_of(sizes[1]),
        };
        if draw.chance(0.01) {
            match draw.below(4) {
                0 => quote.bid = f64::NAN,
                1 => quote.ask = 0.0,
                2 => quote.bid_size = f64::NAN,
                _ => quote.ask_size = -3.0,
            }
        }
        MarketEvent::Quote(quote)
    }

    fn depth(&mut self, draw: &mut Draw, now: Timestamp) -> MarketEvent {
        self.wander(draw);
        let known = [std::mem::take(&mut self.bids), std::mem::take(&mut self.asks)];
        let spread = [1, 2, 6, 0, -2][draw.weighted(&[60, 20, 10, 4, 3])];
        for step in 0..draw.between(0, 6) {
            self.bids
                .insert(self.price - step, size(draw, known[0].get(&(self.price - step))));
        }
        for step in 0..draw.between(0, 6) {
            let price = self.price + spread + step;
            self.asks.insert(price, size(draw, known[1].get(&price)));
        }
        let is_snapshot = !self.is_told || draw.chance(0.05);
        self.is_told = true;
        if is_snapshot && self.status == TradingStatus::Gap {
            self.status = TradingStatus::Trading;
        }
        let levels = |now: &BTreeMap<i64, i64>, before: &BTreeMap<i64, i64>| -> Vec<Level> {
            let gone = before
                .keys()
                .filter(|price| !now.contains_key(price))
                .map(|price| (price, &0));
            let said = now.iter().chain(gone.filter(|_| !is_snapshot));
            said.map(|(&price, &size)| Level { price, size }).collect()
        };
        let mut bids = levels(&self.bids, &known[0]);
        bids.reverse();
        MarketEvent::Depth(Box::new(DepthUpdate {
            time: now,
            kind: if is_snapshot {
                DepthKind::Snapshot
            } else {
                DepthKind::Changes
            },
            bids,
            asks: levels(&self.asks, &known[1]),
        }))
    }
}

/// A level often shows what it showed before.
fn size(draw: &mut Draw, before: Option<&i64>) -> i64 {
    match before {
        Some(size) if draw.chance(0.6) => *size,
        _ => draw.between(1, 25),
    }
}
