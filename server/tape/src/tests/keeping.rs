//! What is kept, what is exported, what damage of a header does.

use super::store::{folder, instrument_channel, read, wait_until_durable, wait_until_sealed};
use super::{source, trade};
use crate::names::wal_file;
use crate::{
    Channel, ExportKind, Retention, TableFormat, TapeError, TapeStore, export, text_table_as_parquet,
};
use papertape::market::{Bar, BarFile, MarketEvent, Quote};
use papertape::model::{Timeframe, Timestamp};
use papertape::testkit::instrument;
use std::fs;

fn day(day: i64) -> Timestamp {
    Timestamp::from_secs(day * 86_400 + 3_600)
}

/// A tape with two segments of two records for each of days 1 to 5, and one record more.
fn five_days(store: &TapeStore, feed: &str) -> Channel {
    let channel = store.channel_blocking(feed, &instrument()).expect("a channel");
    for number in 1..=21 {
        let received = day(1 + (number as i64 - 1) / 4);
        channel
            .append(received, &source(), trade(number))
            .expect("appended");
    }
    wait_until_durable(&channel);
    wait_until_sealed(&channel);
    channel
}

#[test]
fn old_days_go_and_what_is_needed_stays() {
    let folder = folder();
    let (store, _) = instrument_channel(folder.path(), 2);
    let (free, used) = (five_days(&store, "free"), five_days(&store, "used"));
    let retain = |days, bytes| {
        let needed = |name: &crate::ChannelName| (name.feed == "used").then_some(7);
        store
            .retain(day(6), &Retention { days, bytes }, needed)
            .expect("retained")
    };
    assert_eq!(retain(None, None).removed, 0);
    assert_eq!(retain(Some(5), None).removed, 0);

    let done = retain(Some(3), None);
    // Days 1 and 2; of the one in use only what comes before number 7.
    assert_eq!((done.removed, done.needed), (4 + 3, 1));
    assert_eq!((free.first_number(), used.first_number()), (9, 7));
    assert!(matches!(
        free.scan(8..=8).next(),
        Some(Err(TapeError::Gone { number: 8, first: 9 }))
    ));
    assert_eq!(free.scan(9..=100).count(), 13);
    assert_eq!(free.verify().problems, [] as [String; 0]);
    assert_eq!(read_from(&used, 7), (7..=21).collect::<Vec<_>>());

    let done = retain(None, Some(0));
    // The newest segment stays, and what is not sealed.
    assert_eq!((free.first_number(), used.first_number()), (19, 7));
    assert!(done.bytes > 0 && done.removed_bytes > 0);
    store.close();
    drop((store, free, used));
    let (_store, _) = instrument_channel(folder.path(), 2);
    let again = _store.channel_blocking("free", &instrument()).expect("a channel");
    assert_eq!((again.first_number(), again.last_number()), (19, 21));
}

fn read_from(channel: &Channel, first: u64) -> Vec<u64> {
    let records = channel.scan(first..=u64::MAX);
    records.map(|record| record.expect("a record").number).collect()
}

#[test]
fn exports_are_read_back_and_late_trades_count_where_they_belong() {
    let folder = folder();
    let (_store, channel) = instrument_channel(folder.path(), 4);
    let at = |seconds: i64, price: f64, size: f64| {
        let MarketEvent::Trade(trade) = trade(1) else {
            unreachable!("a trade")
        };
        MarketEvent::Trade(papertape::market::TradeTick {
            time: Timestamp::from_secs(seconds),
            price,
            size,
            ..trade
        })
    };
    let quote = MarketEvent::Quote(Quote {
        time: Timestamp::from_secs(61),
        bid: 99.5,
        bid_size: 1.0,
        ask: 100.5,
        ask_size: 2.5,
    });
    let events = [
        at(0, 100.0, 1.0),
        at(59, 101.5, 0.25),
        quote,
        at(60, 102.0, 1.0),
        at(185, 90.0, 4.0),
        // These fill a gap.
        at(30, 99.0, 0.5),
        at(119, 103.0, 2.0),
    ];
    for event in events {
        channel
            .append(Timestamp::EPOCH, &source(), event)
            .expect("appended");
    }
    wait_until_durable(&channel);
    wait_until_sealed(&channel);
    let csv = |kind, span| {
        let (bytes, rows) = export(&channel, span, kind, TableFormat::Csv, Vec::new()).expect("exported");
        (String::from_utf8(bytes).expect("text"), rows)
    };
    let bars = ExportKind::Bars(Timeframe::MINUTE);
    let (text, rows) = csv(bars, (None, None));
    assert_eq!(rows, 3);
    let file = BarFile::parse(&text, None).expect("a bar file");
    let bar = |open_time, open, high, low, close, volume| Bar {
        open_time: Timestamp::from_secs(open_time),
        open,
        high,
        low,
        close,
        volume,
    };
    let made: Vec<Bar> = file.bars.iter().collect();
    assert_eq!(
        made,
        [
            bar(0, 100.0, 101.5, 99.0, 101.5, 1.75),
            bar(60, 102.0, 103.0, 102.0, 103.0, 3.0),
            bar(180, 90.0, 90.0, 90.0, 90.0, 4.0),
        ]
    );
    let span = (Some(Timestamp::from_secs(30)), Some(Timestamp::from_secs(119)));
    let (text, rows) = csv(ExportKind::Trades, span);
    assert_eq!(rows, 3);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "time,price,size,side,number,received,source");
    assert_eq!(
        lines[1],
        "1970-01-01T00:00:59Z,101.5,0.25,buy,2,1970-01-01T00:00:00Z,binance"
    );
    assert!(
        lines[3].starts_with("1970-01-01T00:00:30Z,99,0.5,buy,6,"),
        "{}",
        lines[3]
    );
    let (text, _) = csv(ExportKind::Quotes, (None, None));
    assert!(
        text.ends_with("1970-01-01T00:01:01Z,99.5,1,100.5,2.5,3,1970-01-01T00:00:00Z,binance\n"),
        "{text}"
    );

    let (bytes, _) =
        export(&channel, (None, None), bars, TableFormat::Parquet, Vec::new()).expect("exported");
    let rows = parquet_rows(bytes);
    assert_eq!(rows.len(), 3);
    assert!(
        rows[1].contains("open: 102.0") && rows[1].contains("volume: 3.0"),
        "{}",
        rows[1]
    );
}

/// The rows of a Parquet file as another reader shows them.
fn parquet_rows(bytes: Vec<u8>) -> Vec<String> {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a Parquet file");
    let rows = reader.get_row_iter(None).expect("rows");
    rows.map(|row| row.expect("a row").to_string()).collect()
}

#[test]
fn segments_show_plain_numbers_to_other_readers() {
    let folder = folder();
    let (_store, channel) = instrument_channel(folder.path(), 2);
    for number in 1..=3 {
        channel
            .append(Timestamp::EPOCH, &source(), trade(number))
            .expect("appended");
    }
    wait_until_durable(&channel);
    wait_until_sealed(&channel);
    let path = {
        let state = channel.0.lock();
        channel.0.folder.join(state.segments[0].file())
    };
    let rows = parquet_rows(fs::read(path).expect("bytes"));
    assert_eq!(rows.len(), 2);
    let shown = &rows[0];
    for cell in [
        "number: 1",
        "source: \"binance\"",
        "kind: \"trade\"",
        "side: \"buy\"",
        "price: 60000.37",
        "size: 0.00002",
    ] {
        assert!(shown.contains(cell), "{shown} has no {cell}");
    }
}

#[test]
fn a_header_that_cannot_be_read_loses_no_records() {
    let folder = folder();
    let (store, channel) = instrument_channel(folder.path(), 100);
    for number in 1..=6 {
        channel
            .append(Timestamp::EPOCH, &source(), trade(number))
            .expect("appended");
    }
    wait_until_durable(&channel);
    assert_eq!(read(&channel).len(), 6);
    let path = channel.0.folder.join(wal_file(1));
    store.close();
    drop((store, channel));
    let whole = fs::read(&path).expect("bytes");
    for place in 0..100 {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&path, &bytes).expect("damaged");
        let store = TapeStore::open(folder.path()).expect("a store");
        let opened = store.channel_blocking("binance", &instrument()).map(|_| ());
        assert!(
            matches!(opened, Err(TapeError::Damaged { .. })),
            "byte {place}: {opened:?}"
        );
        assert_eq!(fs::read(&path).expect("still there"), bytes);
    }
}

#[test]
fn a_table_of_text_becomes_columns_of_their_types() {
    let columns = [
        "id",
        "entry_time",
        "quantity",
        "return",
        "reason",
        "exit_time",
        "note",
        "large",
    ];
    let row = |cells: [&str; 8]| cells.map(str::to_owned).to_vec();
    let rows = vec![
        row([
            "1",
            "2024-08-08T23:54:15Z",
            "0.10",
            "0.012345678901234567",
            "entry.long",
            "",
            "",
            "1e300",
        ]),
        row([
            "2",
            "2024-08-08T23:54:15.5Z",
            "-12.00001",
            "-0.5",
            "7",
            "",
            "",
            "79228162514264337593543950335",
        ]),
    ];
    let bytes = text_table_as_parquet(&columns, rows).expect("written");
    let shown = parquet_rows(bytes);
    for (row, cells) in [
        (
            0,
            [
                "id: 1,",
                "quantity: 0.10000",
                "return: 0.012345678901234567",
                "reason: \"entry.long\"",
                "large: \"1e300\"",
            ],
        ),
        (
            1,
            [
                "id: 2,",
                "quantity: -12.00001",
                "return: -5E-1",
                "reason: \"7\"",
                "exit_time: null",
            ],
        ),
    ] {
        for cell in cells {
            assert!(shown[row].contains(cell), "{} has no {cell}", shown[row]);
        }
    }
    assert_eq!(
        parquet_rows(text_table_as_parquet(&columns, Vec::new()).expect("written")).len(),
        0
    );
    // A cell that is not of its column's type is said, not written as something else.
    let wrong = vec![row(["1", "soon", "1", "1", "", "", "", ""])];
    assert!(text_table_as_parquet(&columns, wrong).is_err());
}
