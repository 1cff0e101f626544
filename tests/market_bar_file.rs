//! Bar files: what is read, what is refused and on which line, and that what is written comes back.

#[path = "support/shared_data.rs"]
mod shared_data;

use papertape::market::{
    Bar, BarFile, Bars, SimulatedMarket, SimulatedMarketConfig, infer_instrument, write_bars_csv,
};
use papertape::model::{Instrument, InstrumentKind, MarginRule, Timeframe, Timestamp};
use proptest::prelude::*;

const HEADER: &str = "time,open,high,low,close,volume";

fn timeframe(text: &str) -> Timeframe {
    text.parse().expect("a timeframe")
}

fn parse(text: &str) -> BarFile {
    BarFile::parse(text, None).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn every_spelling_of_the_same_bars_is_read_alike() {
    let reference =
        parse("time,open,high,low,close,volume\n1733007600,1,2.50,0.5,2,10\n1733007660,2,3,1,1.25,0\n");
    assert_eq!(reference.timeframe, Timeframe::MINUTE);
    assert_eq!((reference.gaps, reference.missing_bars), (0, 0));
    assert_eq!((reference.price_digits, reference.volume_digits), (2, 0));
    assert_eq!(reference.bars.open_time[0].to_string(), "2024-11-30T23:00:00Z");
    for text in [
        // Milliseconds, microseconds, nanoseconds.
        "open_time,open,high,low,close,volume\n1733007600000,1,2.50,0.5,2,10\n1733007660000,2,3,1,1.25,0",
        "timestamp,open,high,low,close,volume\n1733007600000000,1,2.5,0.5,2,10\n1733007660000000,2,3,1,1.25,0\n",
        "time,open,high,low,close,volume\n1733007600000000000,1,2.5,0.5,2,10\n1733007660000000000,2,3,1,1.25,0\n",
        // ISO 8601, with and without zone, blank and fraction.
        "date,open,high,low,close,volume\n2024-11-30T23:00:00Z,1,2.5,0.5,2,10\n2024-11-30T23:01:00Z,2,3,1,1.25,0\n",
        "datetime,open,high,low,close,volume\n2024-11-30 23:00:00,1,2.5,0.5,2,10\n2024-11-30 23:01:00.000,2,3,1,1.25,0\n",
        "time,open,high,low,close,volume\n2024-12-01T00:00:00+01:00,1,2.5,0.5,2,10\n2024-11-30T23:01,2,3,1,1.25,0\n",
        // Order and case of columns, others among them, a mark at the beginning, line ends, empty lines.
        "\u{feff}Volume,CLOSE,note,Low,High,Open,Time\r\n10,2,x,0.5,2.5,1,1733007600\r\n\r\n0,1.25,,1,3,2,1733007660\r\n",
        // Quotes and blanks.
        "\"time\",\"open\",\"high\",\"low\",\"close\",\"volume\",\"note\"\n\
         \"1733007600\", 1 ,\"2.5\",0.5,2,10,\"a, \"\"b\"\"\"\n1733007660,2,3,1,1.25,0,\n",
        // Numbers as other programs write them.
        "time,open,high,low,close,volume\n1733007600,1e0,+2.5,.5,2.,1e1\n1733007660,2.0,3.00,1,1.250,0.0\n",
        // Where several columns tell the time, the open time counts.
        "time,open_time,open,high,low,close,volume\n7,1733007600,1,2.5,0.5,2,10\n7,1733007660,2,3,1,1.25,0\n",
    ] {
        assert_eq!(parse(text), reference, "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let row = |row: &str| {
        format!("{HEADER}\n0,1,2,1,2,9\n\n60,1,2,1,2,9\n{row}\n180,1,2,1,2,9\n240,1,2,1,2,9\n300,1,2,1,2,9\n")
    };
    for (row_text, line, message) in [
        (
            "60,1,2,1,2,9",
            5,
            "the time 1970-01-01T00:01:00Z is already on line 4",
        ),
        (
            "30,1,2,1,2,9",
            5,
            "the time 1970-01-01T00:00:30Z is before 1970-01-01T00:01:00Z on line 4",
        ),
        ("120,1,1,2,1,9", 5, "high 1 is below low 2"),
        ("120,3,2,1,2,9", 5, "open 3 lies outside low 1 to high 2"),
        ("120,1,2,1,0.5,9", 5, "close 0.5 lies outside low 1 to high 2"),
        (
            "120,-1,2,-1,2,9",
            5,
            "open is -1: a price must be a positive, finite number",
        ),
        (
            "120,1,2,0,2,9",
            5,
            "low is 0: a price must be a positive, finite number",
        ),
        (
            "120,1,2,1,2,-9",
            5,
            "volume is -9: it must be a finite number, not negative",
        ),
        ("120,1,2,1,2,nine", 5, "volume 'nine' is not a number"),
        ("120,NaN,2,1,2,9", 5, "open 'NaN' is not a number"),
        ("120,1,inf,1,2,9", 5, "high 'inf' is not a finite number"),
        ("120,1,1e400,1,2,9", 5, "high '1e400' is not a finite number"),
        ("120,1,2,1,,9", 5, "close is empty"),
        ("120,1,2,1,2", 5, "5 fields, where the header has 6"),
        ("120,1,2,1,2,9,9", 5, "7 fields, where the header has 6"),
        ("120,1,2,1,2,\"9", 5, "a quoted field does not end on its line"),
        (",1,2,1,2,9", 5, "the time is empty"),
        (
            "noon,1,2,1,2,9",
            5,
            "'noon' is not a time: write ISO 8601 such as 2024-08-08T23:54:15Z, or an epoch number",
        ),
        (
            "9999999999999999999,1,2,1,2,9",
            5,
            "'9999999999999999999' is not a time",
        ),
        (
            "2300-01-01,1,2,1,2,9",
            5,
            "the time '2300-01-01' is not between the years 1900 and 2200",
        ),
        (
            "121,1,2,1,2,9",
            5,
            "a 1m bar cannot open at 1970-01-01T00:02:01Z: it is not a multiple of 1m",
        ),
    ] {
        let error = BarFile::parse(&row(row_text), None).expect_err(row_text);
        assert_eq!(error.line, line, "{row_text}: {error}");
        assert!(error.message.starts_with(message), "{row_text}: {error}");
        assert_eq!(error.to_string(), format!("line {line}: {}", error.message));
    }
}

#[test]
fn files_that_are_none_are_refused() {
    for (text, line, message) in [
        ("", 1, "the file is empty"),
        ("\u{feff}\r\n \n", 1, "the file is empty"),
        (HEADER, 1, "there are no bars after the header"),
        (
            "\n\ntime,open,high,low,close,volume\n\n",
            3,
            "there are no bars after the header",
        ),
        (
            "0,1,2,1,2,9\n60,1,2,1,2,9\n",
            1,
            "there is no time column: name it open_time, time,",
        ),
        (
            "time,open,high,low,close\n0,1,2,1,2\n",
            1,
            "the column 'volume' is missing",
        ),
        (
            "time,open,high,low,close,volume,Close\n",
            1,
            "the column 'close' is there twice",
        ),
        (
            "time,open,high,low,close,volume\n0,1,2,1,2,9\n",
            1,
            "one bar alone does not say how long it is",
        ),
        (
            "time,open,high,low,close,volume\n1733007600000,1,2,1,2,9\n1733007600500,1,2,1,2,9\n",
            1,
            "most bars are 0.5 seconds apart, which is not a timeframe",
        ),
        (
            "time,open,high,low,close,volume\n2024-01-01,1,2,1,2,9\n2024-02-01,1,2,1,2,9\n",
            1,
            "most bars are 2678400 seconds apart, which is not a timeframe",
        ),
    ] {
        let error = BarFile::parse(text, None).expect_err(text);
        assert_eq!(error.line, line, "{text:?}: {error}");
        assert!(error.message.starts_with(message), "{text:?}: {error}");
    }
}

#[test]
fn gaps_are_counted_and_the_most_common_distance_is_the_timeframe() {
    let file = |minutes: &[i64], timeframe| {
        let rows = minutes
            .iter()
            .map(|minute| format!("\n{},1,2,1,2,9", minute * 60));
        BarFile::parse(&format!("{HEADER}{}", rows.collect::<String>()), timeframe)
    };
    let gaps = |minutes: &[i64], timeframe| {
        let file = file(minutes, timeframe).expect("a file");
        (file.timeframe.to_string(), file.gaps, file.missing_bars)
    };
    assert_eq!(gaps(&[0, 5, 10, 25, 30, 60], None), ("5m".to_owned(), 2, 7));
    assert_eq!(
        gaps(&[0, 1, 3], None),
        ("1m".to_owned(), 1, 1),
        "the shorter of equally common ones"
    );
    assert_eq!(gaps(&[0, 10, 20], Some(timeframe("5m"))), ("5m".to_owned(), 2, 2));
    assert_eq!(
        gaps(&[60], Some(Timeframe::HOUR)),
        ("1h".to_owned(), 0, 0),
        "a bar alone, when its length is given"
    );
    let error = file(&[0, 5, 10], Some(timeframe("15m"))).expect_err("finer bars than said");
    assert_eq!(
        error.to_string(),
        "line 3: a 15m bar cannot open at 1970-01-01T00:05:00Z: it is not a multiple of 15m"
    );
}

#[test]
fn days_may_begin_at_any_hour_and_move_with_summer_time() {
    let text = "date,open,high,low,close,volume\n2024-03-08T05:00:00Z,1,2,1,2,9\n2024-03-09T05:00:00Z,1,2,1,2,9\n\
                2024-03-10T05:00:00Z,1,2,1,2,9\n2024-03-11T04:00:00Z,1,2,1,2,9\n2024-03-14T04:00:00Z,1,2,1,2,9\n";
    let file = parse(text);
    assert_eq!(
        (file.timeframe, file.gaps, file.missing_bars),
        (Timeframe::DAY, 1, 2)
    );
    let error = BarFile::parse(text, Some(Timeframe::WEEK)).expect_err("days are not weeks");
    assert_eq!(
        error.to_string(),
        "line 3: the bar opens before the 1w bar on the line before it has closed"
    );
}

#[test]
fn instruments_are_inferred_from_symbol_and_digits() {
    for (symbol, digits, tick, lot, minimum) in [
        ("BTC/USDT", 1, "0.01", "0.00001", "5"),
        ("BTC/USDT", 4, "0.0001", "0.00001", "5"),
        ("AAPL", 0, "0.01", "1", "0"),
        ("AAPL", 6, "0.000001", "1", "0"),
        ("ESZ3", 2, "0.25", "1", "0"),
        ("PEPE/USDT", 8, "0.00000001", "0.00001", "0"),
        ("PEPE/USDT", 20, "0.00000001", "0.00001", "0"),
        ("XYZ/USD", 0, "1", "0.00001", "0"),
        ("EUR/CHF", 4, "0.00001", "1", "0"),
        ("EURCHF", 0, "0.00001", "1", "0"),
        ("GBP/JPY", 2, "0.001", "1", "0"),
        ("GBPJPY", 6, "0.000001", "1", "0"),
        ("AAPL261218C00150000", 1, "0.01", "1", "0"),
        ("XYZ", 0, "0.01", "1", "0"),
        ("XYZ", 3, "0.001", "1", "0"),
    ] {
        let instrument = infer_instrument(&symbol.parse().expect("a symbol"), digits, &Bars::default());
        let steps = [instrument.tick(), instrument.lot(), instrument.minimum_notional()];
        assert_eq!(
            steps.map(|step| step.to_string()),
            [tick, lot, minimum],
            "{symbol} {digits}"
        );
    }
    let future = infer_instrument(&"ESZ3".parse().expect("a symbol"), 2, &Bars::default());
    assert_eq!(future.multiplier().to_string(), "50");
}

fn one_bar(time: &str) -> Bars {
    let price = 1.0;
    let bar = Bar {
        open_time: Timestamp::parse(time).expect("a time"),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: 1.0,
    };
    [bar].into_iter().collect()
}

/// Kind, margin and calendar, in a few words.
fn terms(instrument: &Instrument) -> String {
    let kind = match instrument.kind() {
        InstrumentKind::Spot => "spot".to_owned(),
        InstrumentKind::Equity => "shares".to_owned(),
        InstrumentKind::Forex => "currencies".to_owned(),
        InstrumentKind::Perpetual => "perpetual".to_owned(),
        InstrumentKind::Future { expiry } => format!("future until {expiry}"),
        InstrumentKind::Option(_) => "option".to_owned(),
    };
    let margin = match instrument.margin() {
        MarginRule::Full => "in full".to_owned(),
        MarginRule::Rate { initial, maintenance } => format!("by {initial} and {maintenance} of it"),
        MarginRule::PerContract { initial, maintenance } => {
            format!("by {initial} and {maintenance} each")
        }
    };
    format!("{kind}, covered {margin}, open {}", instrument.calendar())
}

#[test]
fn what_a_symbol_trades_as_follows_from_its_form() {
    let autumn = one_bar("2013-10-07");
    for (symbol, expected) in [
        ("AAPL", "shares, covered in full, open us_equities"),
        ("BRK.B", "shares, covered in full, open us_equities"),
        (
            "ESZ3",
            "future until 2013-12-20T14:30:00Z, covered by 11880 and 10800 each, open cme_globex",
        ),
        (
            "MNQH25",
            "future until 2025-03-21T13:30:00Z, covered by 1650 and 1500 each, open cme_globex",
        ),
        (
            "EUR/USD",
            "currencies, covered by 0.0333 and 0.01665 of it, open forex",
        ),
        (
            "EURUSD",
            "currencies, covered by 0.0333 and 0.01665 of it, open forex",
        ),
        (
            "BTCUSDPERP",
            "perpetual, covered by 0.05 and 0.025 of it, open always",
        ),
        (
            "BTC/USDT-PERP",
            "perpetual, covered by 0.05 and 0.025 of it, open always",
        ),
        ("BTC/USDT", "spot, covered in full, open always"),
        ("BTCUSDT", "spot, covered in full, open always"),
    ] {
        let symbol = symbol.parse().expect("a symbol");
        assert_eq!(terms(&infer_instrument(&symbol, 2, &autumn)), expected);
        // The simulated market trades the same thing at every hour and without end.
        let simulated = terms(&SimulatedMarket::instrument(&symbol));
        let (kind, rest) = expected.split_once(", covered").expect("kind first");
        let kind = if kind.starts_with("future") {
            "future until 2262-04-11T23:47:16.854775807Z"
        } else {
            kind
        };
        let (margin, _) = rest.rsplit_once(' ').expect("hours last");
        assert_eq!(simulated, format!("{kind}, covered{margin} always"));
    }
    let most = |symbol: &str| {
        let symbol = symbol.parse().expect("a symbol");
        infer_instrument(&symbol, 2, &autumn).limits().maximum_open_orders
    };
    assert_eq!((most("BTC/USDT"), most("AAPL")), (Some(200), None));
}

#[test]
fn bars_of_a_weekend_are_of_no_exchange_with_hours() {
    let at = |time: &str| {
        let bars = one_bar(time);
        infer_instrument(&"ABC".parse().expect("a symbol"), 2, &bars)
            .calendar()
            .as_str()
    };
    assert_eq!(at("2024-06-01T15:00:00Z"), "always");
    // The post-market of a Friday in winter, the foreign exchange's Sunday, and a day that a file dates by its midnight.
    for session in ["2024-01-06T00:59:00Z", "2024-06-02T22:00:00Z", "2024-06-01"] {
        assert_eq!(at(session), "us_equities", "{session}");
    }
}

fn simulated(symbol: &str, seed: u64, count: usize) -> Bars {
    let config = SimulatedMarketConfig {
        symbol: symbol.parse().expect("a symbol"),
        seed,
        start: Timestamp::parse("2025-01-01").expect("a time"),
    };
    SimulatedMarket::bars(config, count)
}

proptest! {
    #[test]
    fn what_is_written_comes_back(
        seed: u64,
        count in 2_usize..200,
        symbol in prop::sample::select(&["BTC/USDT", "DOGE/USDT", "ESZ3"][..]),
    ) {
        let bars = simulated(symbol, seed, count);
        let file = BarFile::parse(&write_bars_csv(&bars), None).expect("our own file");
        prop_assert_eq!(&file.bars, &bars);
        prop_assert_eq!((file.timeframe, file.gaps), (Timeframe::MINUTE, 0));
    }

    #[test]
    fn any_number_comes_back(prices in prop::collection::vec(prop::num::f64::POSITIVE | prop::num::f64::SUBNORMAL, 2..20)) {
        let bars: Bars = (0..).zip(prices).map(|(index, price)| papertape::market::Bar {
            open_time: Timestamp::from_secs(index),
            open: price.abs(),
            high: price.abs(),
            low: price.abs(),
            close: price.abs(),
            volume: price.abs(),
        }).collect();
        prop_assert_eq!(BarFile::parse(&write_bars_csv(&bars), None).expect("our own file").bars, bars);
    }

    #[test]
    fn no_text_makes_it_panic(text: String, given: bool) {
        let _ = BarFile::parse(&text, given.then_some(Timeframe::MINUTE));
        let _ = BarFile::parse(&format!("{HEADER}\n{text}"), given.then_some(Timeframe::WEEK));
    }

    #[test]
    fn no_damage_makes_it_panic(seed: u64, damage in prop::collection::vec((0_usize..600, any::<u8>()), 1..6)) {
        let mut bytes = write_bars_csv(&simulated("BTC/USDT", seed, 8)).into_bytes();
        for (position, byte) in damage {
            let length = bytes.len();
            bytes[position % length] = byte;
        }
        if let Ok(file) = BarFile::parse(&String::from_utf8_lossy(&bytes), None) {
            prop_assert!(file.bars.iter().all(|bar| bar.check().is_ok()));
            prop_assert!(file.bars.open_time.is_sorted_by(|a, b| a < b));
        }
    }
}

/// A real file, when the machine has it: `PAPERTAPE_SHARED` names the folder above `data`.
#[test]
fn a_real_month_of_minutes_is_read() {
    let Some(path) = shared_data::shared_data("BTCUSDT-1m.csv") else {
        return;
    };
    let text = std::fs::read_to_string(path).expect("a text");
    let file = parse(&text);
    assert_eq!((file.bars.len(), file.timeframe), (41_761, Timeframe::MINUTE));
    assert_eq!((file.gaps, file.missing_bars, file.price_digits), (0, 0, 2));
    assert_eq!(file.bars.open_time[0].to_string(), "2024-11-30T23:00:00Z");
    assert_eq!(file.bars.close[0], 96_440.0);
    let instrument = infer_instrument(
        &"BTC/USDT".parse().expect("a symbol"),
        file.price_digits,
        &file.bars,
    );
    assert_eq!(instrument.tick().to_string(), "0.01");
}
