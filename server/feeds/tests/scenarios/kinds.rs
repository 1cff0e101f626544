//! The venues, each as its scenarios need it.

use papertape_feeds::testkit::{
    Detail, Fault, Faults, Stage, Truth, alpaca::Alpaca, binance::Binance, coinbase::Coinbase,
    coingecko::CoinGecko, cryptocompare::CryptoCompare, kraken::Kraken, polygon::Polygon, yahoo::Yahoo,
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
    pub(crate) detail: Detail,
    /// What nobody could see: its messages have no numbers.
    pub(crate) unseen: &'static [Fault],
    pub(crate) stage: fn(Truth, Faults) -> Stage,
}

const WITHOUT_NUMBERS: &[Fault] = &[Fault::Gap, Fault::Reorder];
/// The price is told at least so often unless its absence is on record: the time after which it is stale. A slow answer takes a
/// second on the wall, twenty of the market's.
const PRICES: Detail = Detail::Prices {
    every: 120_000_000_000,
    late: 20_000_000_000,
};

const fn trades(levels: usize) -> Detail {
    Detail::Trades {
        levels,
        has_sides: true,
    }
}

pub(crate) const KINDS: [Kind; 10] = [
    Kind {
        name: "binance",
        venue: "binance",
        options: "",
        has_key: false,
        detail: trades(usize::MAX),
        unseen: &[],
        stage: |truth, faults| Stage::new(truth, Binance::new(), faults),
    },
    Kind {
        name: "coinbase",
        venue: "coinbase",
        options: "",
        has_key: false,
        detail: trades(usize::MAX),
        unseen: &[],
        stage: |truth, faults| Stage::new(truth, Coinbase::new(), faults),
    },
    Kind {
        name: "kraken",
        venue: "kraken",
        options: "",
        has_key: false,
        detail: trades(10),
        unseen: &[],
        stage: |truth, faults| Stage::new(truth, Kraken::new(), faults),
    },
    Kind {
        name: "alpaca",
        venue: "alpaca",
        options: r#"market = "crypto""#,
        has_key: true,
        detail: trades(usize::MAX),
        unseen: WITHOUT_NUMBERS,
        stage: |truth, faults| Stage::new(truth, Alpaca::new(), faults),
    },
    Kind {
        name: "alpaca-msgpack",
        venue: "alpaca",
        options: r#"market = "crypto", encoding = "msgpack""#,
        has_key: true,
        detail: trades(usize::MAX),
        unseen: WITHOUT_NUMBERS,
        stage: |truth, faults| Stage::new(truth, Alpaca::new(), faults),
    },
    Kind {
        name: "polygon",
        venue: "polygon",
        options: r#"market = "crypto""#,
        has_key: true,
        detail: trades(0),
        unseen: WITHOUT_NUMBERS,
        stage: |truth, faults| Stage::new(truth, Polygon::new(), faults),
    },
    Kind {
        name: "cryptocompare",
        venue: "cryptocompare",
        options: r#"exchange = "Coinbase""#,
        has_key: true,
        detail: Detail::Trades {
            levels: 0,
            // Where it is asked, while the stream is away, it does not say.
            has_sides: false,
        },
        unseen: WITHOUT_NUMBERS,
        stage: |truth, faults| Stage::new(truth, CryptoCompare::new(), faults),
    },
    Kind {
        name: "cryptocompare-polled",
        venue: "cryptocompare",
        options: r#"poll_every_s = "0.25""#,
        has_key: false,
        detail: PRICES,
        unseen: &[],
        stage: |truth, faults| Stage::new(truth, CryptoCompare::new(), faults),
    },
    Kind {
        name: "coingecko",
        venue: "coingecko",
        options: r#"plan = "pro", poll_every_s = "0.25""#,
        has_key: true,
        detail: PRICES,
        unseen: &[],
        stage: |truth, faults| Stage::new(truth, CoinGecko::new(), faults),
    },
    Kind {
        name: "yahoo",
        venue: "yahoo",
        // Its limit of requests is counted on the wall, where a busy machine takes longer.
        options: r#"poll_every_s = "0.4", requests_in_10_min = "1000""#,
        has_key: false,
        detail: Detail::Bars,
        unseen: &[],
        stage: |truth, faults| Stage::new(truth, Yahoo::new(), faults),
    },
];
