//! The venues, each in its ways, as its scenarios need it.

use papertape::model::Timestamp;
use papertape_feeds::testkit::{
    BookThen, Detail, Fault, Faults, Finest, Quotes, Stage, Truth, Ware, alpaca::Alpaca, binance::Binance,
    coinbase::Coinbase, coingecko::CoinGecko, cryptocompare::CryptoCompare, kraken::Kraken,
    papertape::Papertape, polygon::Polygon, yahoo::Yahoo,
};

/// One venue in one of its ways.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// For the variable that chooses it.
    pub(crate) name: &'static str,
    pub(crate) venue: &'static str,
    /// As they stand in the configuration.
    pub(crate) options: &'static str,
    pub(crate) has_key: bool,
    pub(crate) ware: Ware,
    pub(crate) detail: Detail,
    /// Whether it is asked from beginning to end, because it has no stream or refuses it.
    pub(crate) way: Way,
    /// What nobody could see: its messages have no numbers.
    pub(crate) unseen: &'static [Fault],
    pub(crate) stage: fn(Truth, Faults) -> Stage,
}

/// How its data comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// On a socket.
    Stream,
    /// It has a socket and refuses it: it is asked instead, which is on record throughout.
    Refused,
    /// It has none.
    Asked,
}

impl Kind {
    /// Whether nothing works without a key.
    pub(crate) fn needs_key(&self) -> bool {
        self.has_key && ["alpaca", "polygon"].contains(&self.venue)
    }

    /// The market that it tells of.
    pub(crate) fn truth(&self, seed: u64) -> Truth {
        Truth::seeded_of(seed, &[self.ware], OPEN)
    }

    /// The same venue, asked because its stream is refused. Of trades it tells what `finest` says, of books nothing.
    const fn refused(self, name: &'static str, finest: Finest) -> Self {
        Self {
            name,
            detail: Detail {
                finest,
                levels: 0,
                ..self.detail
            },
            way: Way::Refused,
            stage: self.stage,
            ..self
        }
    }

    /// The venue with what may go wrong.
    pub(crate) fn stage(&self, truth: Truth, faults: Faults) -> Stage {
        let stage = (self.stage)(truth, faults);
        if self.way == Way::Refused {
            stage.without_stream()
        } else {
            stage
        }
    }
}

/// 2024-08-08 14:00 UTC, a Thursday: half an hour after the exchanges in New York open.
const OPEN: Timestamp = Timestamp::from_secs(1_723_125_600);

const fn ware(symbol: &'static str, tick: (i64, u32), lot: (i64, u32), price: i64) -> Ware {
    Ware {
        symbol,
        tick,
        lot,
        price,
    }
}

const COIN: Ware = ware("BTC/USD", (1, 2), (1, 5), 6_183_763);
const SHARE: Ware = ware("AAPL", (1, 2), (1, 0), 21_331);
const OPTION: Ware = ware("AAPL240920C00210000", (1, 2), (1, 0), 1_270);
const CURRENCY: Ware = ware("EUR/USD", (1, 5), (1, 0), 109_180);

const SECOND: i64 = 1_000_000_000;
const WITHOUT_NUMBERS: &[Fault] = &[Fault::Gap, Fault::Reorder];

/// The price is told at least so often unless its absence is on record: the time after which it is stale. A slow answer takes a
/// second on the wall, twenty of the market's.
const PRICES: Finest = Finest::Prices {
    every: 120 * SECOND,
    late: 20 * SECOND,
};
/// Shares' trades do not say who took, and the times of all are milliseconds.
const TRADES: Finest = trades(true);
const TRADES_WITHOUT_SIDES: Finest = trades(false);

const fn trades(has_sides: bool) -> Finest {
    Finest::Trades {
        has_sides,
        step: SECOND / 1_000,
    }
}

const fn detail(finest: Finest, levels: usize, quotes: Quotes) -> Detail {
    Detail {
        finest,
        levels,
        quotes,
    }
}

const WHOLE_BOOK: Detail = detail(TRADES, usize::MAX, Quotes::Whole);

pub(crate) const BINANCE: Kind = Kind {
    name: "binance",
    venue: "binance",
    options: "",
    has_key: false,
    ware: COIN,
    detail: WHOLE_BOOK,
    way: Way::Stream,
    unseen: &[],
    stage: |truth, faults| Stage::new(truth, Binance::new(), faults),
};
const BINANCE_US: Kind = Kind {
    name: "binance-us",
    venue: "binance_us",
    stage: |truth, faults| Stage::new(truth, Binance::us(), faults),
    ..BINANCE
};
const COINBASE: Kind = Kind {
    name: "coinbase",
    venue: "coinbase",
    stage: |truth, faults| Stage::new(truth, Coinbase::new(), faults),
    ..BINANCE
};
const KRAKEN: Kind = Kind {
    name: "kraken",
    venue: "kraken",
    detail: detail(TRADES, BookThen::BEST, Quotes::Whole),
    stage: |truth, faults| Stage::new(truth, Kraken::new(), faults),
    ..BINANCE
};
const ALPACA: Kind = Kind {
    name: "alpaca",
    venue: "alpaca",
    options: r#"market = "crypto""#,
    has_key: true,
    unseen: WITHOUT_NUMBERS,
    stage: |truth, faults| Stage::new(truth, Alpaca::new(), faults),
    ..BINANCE
};
const ALPACA_STOCKS: Kind = Kind {
    name: "alpaca-stocks",
    options: "",
    ware: SHARE,
    detail: detail(TRADES_WITHOUT_SIDES, 0, Quotes::Whole),
    stage: |truth, faults| Stage::new(truth, Alpaca::stocks(), faults),
    ..ALPACA
};
const POLYGON: Kind = Kind {
    name: "polygon",
    venue: "polygon",
    options: r#"market = "crypto""#,
    has_key: true,
    detail: detail(TRADES, 0, Quotes::Whole),
    unseen: WITHOUT_NUMBERS,
    stage: |truth, faults| Stage::new(truth, Polygon::new(), faults),
    ..BINANCE
};
const POLYGON_STOCKS: Kind = Kind {
    name: "polygon-stocks",
    options: "",
    ware: SHARE,
    detail: detail(TRADES_WITHOUT_SIDES, 0, Quotes::Whole),
    stage: |truth, faults| Stage::new(truth, Polygon::stocks(), faults),
    ..POLYGON
};
const POLYGON_OPTIONS: Kind = Kind {
    name: "polygon-options",
    options: r#"market = "options""#,
    ware: OPTION,
    stage: |truth, faults| Stage::new(truth, Polygon::options(), faults),
    ..POLYGON_STOCKS
};
const POLYGON_FOREX: Kind = Kind {
    name: "polygon-forex",
    options: r#"market = "forex""#,
    ware: CURRENCY,
    detail: detail(Finest::Bars, 0, Quotes::Prices),
    stage: |truth, faults| Stage::new(truth, Polygon::forex(), faults),
    ..POLYGON
};
const CRYPTOCOMPARE: Kind = Kind {
    name: "cryptocompare",
    venue: "cryptocompare",
    options: r#"exchange = "Coinbase""#,
    has_key: true,
    detail: detail(
        Finest::Trades {
            // Where it is asked, while the stream is away, it does not say.
            has_sides: false,
            step: SECOND,
        },
        0,
        Quotes::None,
    ),
    unseen: WITHOUT_NUMBERS,
    stage: |truth, faults| Stage::new(truth, CryptoCompare::new(), faults),
    ..BINANCE
};

/// Every venue on every way on which its data comes.
pub(crate) const KINDS: [Kind; 24] = [
    BINANCE,
    BINANCE_US,
    COINBASE,
    KRAKEN,
    ALPACA,
    Kind {
        name: "alpaca-msgpack",
        options: r#"market = "crypto", encoding = "msgpack""#,
        ..ALPACA
    },
    ALPACA_STOCKS,
    Kind {
        name: "alpaca-stocks-msgpack",
        options: r#"encoding = "msgpack""#,
        ..ALPACA_STOCKS
    },
    POLYGON,
    POLYGON_STOCKS,
    POLYGON_OPTIONS,
    POLYGON_FOREX,
    CRYPTOCOMPARE,
    Kind {
        name: "papertape",
        venue: "papertape",
        detail: detail(TRADES, 0, Quotes::Whole),
        stage: |truth, faults| Stage::new(truth, Papertape::new(), faults),
        ..BINANCE
    },
    Kind {
        name: "cryptocompare-index",
        options: r#"poll_every_s = "0.25""#,
        has_key: false,
        detail: detail(PRICES, 0, Quotes::None),
        way: Way::Asked,
        ..CRYPTOCOMPARE
    },
    Kind {
        name: "coingecko",
        venue: "coingecko",
        options: r#"plan = "pro", poll_every_s = "0.25""#,
        has_key: true,
        detail: detail(PRICES, 0, Quotes::None),
        way: Way::Asked,
        stage: |truth, faults| Stage::new(truth, CoinGecko::new(), faults),
        ..BINANCE
    },
    Kind {
        name: "yahoo",
        venue: "yahoo",
        // Its limit of requests is counted on the wall, where a busy machine takes longer.
        options: r#"poll_every_s = "0.4", requests_in_10_min = "1000""#,
        detail: detail(Finest::Bars, 0, Quotes::None),
        way: Way::Asked,
        stage: |truth, faults| Stage::new(truth, Yahoo::new(), faults),
        ..BINANCE
    },
    BINANCE.refused("binance-asked", TRADES),
    COINBASE.refused("coinbase-asked", TRADES),
    KRAKEN.refused("kraken-asked", TRADES),
    ALPACA.refused("alpaca-asked", PRICES),
    ALPACA_STOCKS.refused("alpaca-stocks-asked", PRICES),
    POLYGON_STOCKS.refused("polygon-stocks-asked", PRICES),
    CRYPTOCOMPARE.refused("cryptocompare-asked", PRICES),
];
