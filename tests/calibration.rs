//! The calibration: what coarser data and other models make of the same orders.

#[path = "support/shared_data.rs"]
mod shared_data;

use papertape::calibration::{
    Calibration, CalibrationError, CalibrationFiles, CalibrationLine, CalibrationSettings, OrderPlace,
    calibrate,
};
use papertape::market::CaptureFile;
use papertape::testkit::instrument;
use std::fmt::Write as _;

/// A market that stands still for a minute: 1 bid at 100.00 and 9 at 99.99, 1 ask at 100.01 and 9 at 100.02, said anew every
/// half second, with a trade of one lot at the ask every second.
struct Still {
    trades: String,
    quotes: String,
    depth: String,
    snapshot: String,
}

impl Still {
    fn new() -> Self {
        let mut still = Self {
            trades: "received_us,trade_id,price,quantity,buyer_is_maker\n".to_owned(),
            quotes: "received_us,update_id,bid_price,bid_qty,ask_price,ask_qty\n".to_owned(),
            depth: "received_us,first_update_id,final_update_id,side,price,quantity\n".to_owned(),
            snapshot: "received_us,last_update_id,side,price,quantity\n\
                       1000000000,1,b,100.00,1\n1000000000,1,b,99.99,9\n\
                       1000000000,1,a,100.01,1\n1000000000,1,a,100.02,9\n"
                .to_owned(),
        };
        for half in 0..120_u64 {
            let (time, id) = (1_000_000_000 + half * 500_000, half + 2);
            // Writing to a string cannot fail.
            let _ = writeln!(still.quotes, "{time},{id},100.00,1,100.01,1");
            let _ = writeln!(still.depth, "{time},{id},{id},a,100.01,1");
            if half % 2 == 0 {
                let _ = writeln!(still.trades, "{time},{id},100.01,0.00001,0");
            }
        }
        still
    }

    fn files(&self) -> CalibrationFiles<'_> {
        let file = |name, text| {
            let bytes = str::as_bytes(text);
            Some(CaptureFile { name, bytes })
        };
        CalibrationFiles {
            trades: file("trades", &self.trades),
            quotes: file("quotes", &self.quotes),
            depth: file("depth", &self.depth),
            snapshot: file("snapshot", &self.snapshot),
        }
    }
}

const SETTINGS: CalibrationSettings = CalibrationSettings {
    seed: 7,
    orders: 200,
    horizon_secs: 20,
};

fn run(files: &CalibrationFiles<'_>) -> Result<Calibration, CalibrationError> {
    calibrate(files, &instrument(), &SETTINGS)
}

/// The line of a tier, model and place.
fn line<'a>(
    calibration: &'a Calibration,
    tier: &str,
    model: &str,
    place: Option<OrderPlace>,
) -> &'a CalibrationLine {
    let mut lines = calibration.lines.iter();
    lines
        .find(|line| line.tier.to_string() == tier && line.model == model && line.place == place)
        .unwrap_or_else(|| panic!("there is a line {tier}, {model}, {place:?}"))
}

fn models(calibration: &Calibration) -> Vec<String> {
    let lines = calibration.lines.iter().filter(|line| line.place.is_none());
    lines
        .map(|line| format!("{} {}", line.tier, line.model))
        .collect()
}

#[test]
fn in_a_market_that_stands_still_only_market_orders_fill() {
    let still = Still::new();
    let calibration = run(&still.files()).expect("it is whole");
    assert_eq!(calibration.orders, 200);
    for line in &calibration.lines {
        let name = format!("{} {} {:?}", line.tier, line.model, line.place);
        match line.place {
            Some(OrderPlace::Market) if line.tier.to_string() == "depth" => {
                assert_eq!(line.fill_probability, Some(1.0), "{name}");
                // The book is told every half second.
                assert!(
                    line.mean_seconds.is_some_and(|mean| (0.1..0.4).contains(&mean)),
                    "{name}"
                );
                assert_eq!(line.price_error_bps, Some(0.0), "{name}");
            }
            Some(OrderPlace::InsideSpread) => {
                assert_eq!(
                    (line.orders, line.fill_probability),
                    (0, None),
                    "the spread is a tick"
                );
            }
            Some(OrderPlace::TenTicksBehind | OrderPlace::HundredTicksBehind) => {
                assert_eq!(line.fill_probability, Some(0.0), "{name}");
                assert_eq!((line.price_error_bps, line.compared), (None, 0), "{name}");
            }
            _ => {}
        }
    }
    // A quote shows one and never more, so of the market orders those of three are partly filled, and too well: at the
    // touch, where the book gives one there and two a tick farther, two thirds of a tick worse.
    let (depth, quotes) = ("depth", "quotes");
    let market = Some(OrderPlace::Market);
    let reference = line(&calibration, depth, "power 3, through", market);
    let seen = line(&calibration, quotes, "power 3, through", market);
    assert!(reference.reference && !seen.reference);
    let missed = seen.missed.expect("there are orders");
    assert!(missed > 0.1 && seen.fill_probability == Some(1.0 - missed));
    let expected = -missed * (0.02 / 3.0) / 100.01 * 1e4;
    let error = seen.price_error_bps.expect("they are compared");
    assert!((error - expected).abs() < 1e-3, "{error} is about {expected}");
    assert_eq!(seen.absolute_price_error_bps, Some(-error));
    assert_eq!(seen.compared, seen.orders);
}

#[test]
fn every_tier_that_the_files_allow_has_its_models() {
    let still = Still::new();
    let all = still.files();
    let queues = |tier: &str| {
        [
            "power 3, through",
            "front, through",
            "logarithmic, through",
            "risk-averse, through",
            "power 3, touch",
        ]
        .map(|model| format!("{tier} {model}"))
    };
    let plain = [
        "trades through",
        "trades touch",
        "bars through, 1s",
        "bars touch, 1s",
    ]
    .map(str::to_owned);
    let longer = ["bars through, 10s", "bars touch, 10s"].map(str::to_owned);
    let found = |files: &CalibrationFiles<'_>| models(&run(files).expect("it is enough"));
    let whole = [&queues("depth")[..], &queues("quotes"), &plain, &longer].concat();
    assert_eq!(found(&all), whole);
    let no_book = CalibrationFiles {
        snapshot: None,
        ..all
    };
    assert_eq!(found(&no_book), [&queues("quotes")[..], &plain, &longer].concat());
    let trades = CalibrationFiles {
        trades: all.trades,
        ..CalibrationFiles::default()
    };
    assert_eq!(found(&trades), [&plain[..], &longer].concat());
    let first = &run(&trades).expect("it is enough").lines[0];
    assert!(
        first.reference && first.orders == 200,
        "then trades are the reference"
    );
    let quotes = CalibrationFiles {
        quotes: all.quotes,
        ..CalibrationFiles::default()
    };
    assert_eq!(found(&quotes), queues("quotes"));
}

#[test]
fn what_cannot_be_calibrated_is_named() {
    let still = Still::new();
    let all = still.files();
    let header = CaptureFile {
        name: "trades",
        bytes: b"received_us,trade_id,price,quantity,buyer_is_maker\n",
    };
    let torn = CaptureFile {
        name: "trades.csv",
        bytes: b"received_us,trade_id,price,quantity\n1,2,3,4\n",
    };
    for (files, words) in [
        (
            CalibrationFiles::default(),
            "the capture has no trades, no quotes and no order book with its snapshot",
        ),
        (
            CalibrationFiles {
                depth: all.depth,
                ..CalibrationFiles::default()
            },
            "the capture has no trades",
        ),
        (
            CalibrationFiles {
                trades: Some(header),
                ..all
            },
            "the capture has nothing for the tier 'trades'",
        ),
        (
            CalibrationFiles {
                trades: Some(torn),
                ..all
            },
            "trades.csv, line 1: the column 'buyer_is_maker' is missing",
        ),
    ] {
        let error = run(&files).expect_err("it cannot").to_string();
        assert!(error.starts_with(words), "{error}");
    }
    let long = CalibrationSettings {
        horizon_secs: 300,
        ..SETTINGS
    };
    let error = calibrate(&all, &instrument(), &long)
        .expect_err("it is too short")
        .to_string();
    assert_eq!(
        error,
        "the tiers have 0 s of the capture in common, which do not hold a horizon of 300 s"
    );
}

#[test]
fn the_seed_says_which_orders_there_are() {
    let still = Still::new();
    let with = |seed| {
        let settings = CalibrationSettings { seed, ..SETTINGS };
        calibrate(&still.files(), &instrument(), &settings).expect("it is whole")
    };
    assert_eq!(with(1), with(1));
    assert_ne!(with(1).lines, with(2).lines);
}

/// What must hold of any market and any honest engine, on a real capture, when the machine has it.
#[test]
fn on_a_real_capture_kinder_models_fill_no_less_and_no_later() {
    let mut files = Vec::new();
    for what in ["trades", "bookticker", "depth", "depth-snapshot"] {
        let Some(path) = shared_data::shared_data(&format!("BTCUSDT-20240808-{what}.csv")) else {
            return;
        };
        files.push(std::fs::read(path).expect("a file"));
    }
    let file = |index: usize| {
        let bytes = &files[index];
        Some(CaptureFile {
            name: "capture",
            bytes,
        })
    };
    let files = CalibrationFiles {
        trades: file(0),
        quotes: file(1),
        depth: file(2),
        snapshot: file(3),
    };
    let settings = CalibrationSettings {
        orders: 150,
        ..CalibrationSettings::default()
    };
    let calibration = calibrate(&files, &instrument(), &settings).expect("it is whole");
    for tier in ["depth", "quotes"] {
        let filled = |queue: &str| {
            let line = line(&calibration, tier, &format!("{queue}, through"), None);
            line.fill_probability.expect("there are orders")
        };
        assert!(filled("front") >= filled("logarithmic"), "{tier}");
        assert!(filled("logarithmic") >= filled("risk-averse"), "{tier}");
        assert!(filled("power 3") >= filled("risk-averse"), "{tier}");
    }
    for (tier, through, touch) in [
        ("trades", "through", "touch"),
        ("bars", "through, 1s", "touch, 1s"),
        ("bars", "through, 10s", "touch, 10s"),
    ] {
        let filled = |model| line(&calibration, tier, model, None).fill_probability;
        assert!(filled(touch) >= filled(through), "{tier} {touch}");
    }
}
