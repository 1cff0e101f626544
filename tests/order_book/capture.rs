//! What the files of a capture say, and what can be wrong with them.

use papertape::market::{Capture, CaptureEvent, CaptureFile, CaptureFiles, DepthUpdate, Grid, Level};
use papertape::testkit::instrument;
use proptest::prelude::*;

const TRADES: &str = "received_us,trade_time_ms,trade_id,price,quantity,buyer_is_maker\n";
const QUOTES: &str = "received_us,update_id,bid_price,bid_qty,ask_price,ask_qty\n";
const DEPTH: &str = "received_us,event_time_ms,first_update_id,final_update_id,side,price,quantity\n";
const SNAPSHOT: &str = "received_us,last_update_id,side,price,quantity\n";

/// What reading a capture of these rows, in the order of the files above, gives.
fn read(rows: [&str; 4]) -> Result<Vec<CaptureEvent>, String> {
    let headers = [TRADES, QUOTES, DEPTH, SNAPSHOT];
    let texts: Vec<String> = (0..4)
        .map(|index| format!("{}{}", headers[index], rows[index]))
        .collect();
    read_files([0, 1, 2, 3].map(|index| texts[index].as_bytes()))
}

pub(super) fn read_files([trades, quotes, depth, snapshot]: [&[u8]; 4]) -> Result<Vec<CaptureEvent>, String> {
    let file = |name, bytes| CaptureFile { name, bytes };
    let files = CaptureFiles {
        trades: file("trades.csv", trades),
        quotes: file("quotes.csv", quotes),
        depth: file("depth.csv", depth),
        snapshot: file("snapshot.csv", snapshot),
    };
    Capture::open(files, Grid::of(&instrument()))
        .and_then(Iterator::collect)
        .map_err(|error| error.to_string())
}

#[test]
fn a_capture_is_one_stream_in_the_order_of_receipt() {
    let events = read([
        "5,1,1,10.01,0.5,1\n9,1,2,10.02,0.25,0\n",
        "5,3,10.01,2,10.02,1\n6,4,10.01,2,10.02,0.5\r\n\n",
        "5,1,2,3,b,10.01,2.000009\n5,1,2,3,a,10.03,0\n7,1,4,4,a,10.02,0.5",
        "5,1,b,10.01,2.5\n5,1,a,10.02,1\n",
    ])
    .expect("it is well formed");
    let names: Vec<String> = events
        .iter()
        .map(|event| {
            let micros = event.time().nanos() / 1_000;
            match event {
                CaptureEvent::Trade(trade) => {
                    format!(
                        "{micros} trade {} {} {}",
                        trade.id, trade.trade.aggressor, trade.trade.size
                    )
                }
                CaptureEvent::Quote(quote) => {
                    format!("{micros} quote {} {}", quote.update_id, quote.quote.ask_size)
                }
                CaptureEvent::Depth(diff) => {
                    let sizes = |levels: &[Level]| levels.iter().map(|level| level.size).collect::<Vec<_>>();
                    let DepthUpdate { bids, asks, .. } = &diff.update;
                    format!(
                        "{micros} depth {}-{} {:?} {:?}",
                        diff.first_id,
                        diff.final_id,
                        sizes(bids),
                        sizes(asks)
                    )
                }
                CaptureEvent::Snapshot(snapshot) => format!("{micros} snapshot {}", snapshot.last_id),
            }
        })
        .collect();
    assert_eq!(
        names,
        [
            "5 trade 1 sell 0.5",
            "5 quote 3 1",
            "5 depth 2-3 [200000] [0]",
            "5 snapshot 1",
            "6 quote 4 0.5",
            "7 depth 4-4 [] [50000]",
            "9 trade 2 buy 0.25",
        ]
    );
}

#[test]
fn what_is_wrong_with_a_capture_is_said_with_file_and_line() {
    const FILES: [&str; 4] = ["trades", "quotes", "depth", "snapshot"];
    for (file, rows, message) in [
        (0, "5,1,1,10.01,0.5\n", "line 2: 5 fields, where the header has 6"),
        (
            0,
            "5,1,1,10.01,0.5,yes\n",
            "line 2: buyer_is_maker 'yes' is not 0 or 1",
        ),
        (0, "5,1,1,0,0.5,1\n", "line 2: price '0' is not a positive number"),
        (
            0,
            "5,1,1,NaN,0.5,1\n",
            "line 2: price 'NaN' is not a positive number",
        ),
        (
            0,
            "5,1,-1,10,0.5,1\n",
            "line 2: trade_id '-1' is not a whole number",
        ),
        (
            0,
            "5,1,1,10,0.5,1\n\n6,1,1,10,1,1\n",
            "line 4: the trade_id 1 does not follow 1",
        ),
        (
            0,
            "5,1,1,10,0.5,1\n4,1,2,10,1,1\n",
            "line 3: received before the line above it",
        ),
        (
            0,
            "5.5,1,1,10,0.5,1\n",
            "line 2: received_us '5.5' is not a time in microseconds since 1970",
        ),
        (
            0,
            "0,1,1,10,0.5,1\n",
            "line 2: received_us '0' is not a time in microseconds since 1970",
        ),
        (0, "5,1,1,\"10,0.5,1\n", "line 2: the line is not CSV text"),
        (
            1,
            "5,3,10,2,x,1\n",
            "line 2: ask_price 'x' is not a positive number",
        ),
        (
            1,
            "5,3,10,-2,11,1\n",
            "line 2: bid_qty '-2' is not a number of 0 or more",
        ),
        (
            1,
            "5,3,10,2,11,1\n6,2,10,2,11,1\n",
            "line 3: the update_id 2 does not follow 3",
        ),
        (2, "5,1,2,3,c,10.01,2\n", "line 2: side 'c' is not b or a"),
        (
            2,
            "5,1,4,3,b,10.01,2\n",
            "line 2: the final_update_id 3 does not follow 4",
        ),
        (
            2,
            "5,1,2,3,b,10.015,2\n",
            "line 2: the price 10.015 is not a multiple of the tick 0.01",
        ),
        (2, "5,1,2,3,b,10.01,1e300\n", "line 2: the size 1"),
        (
            2,
            "5,1,2,3,b,10.01,2\n6,1,2,3,a,10.02,2\n",
            "line 3: the message of this line was received at another time on the line above",
        ),
        (
            3,
            "5,x,b,10.01,2\n",
            "line 2: last_update_id 'x' is not a whole number",
        ),
        (3, "5,1,b,,2\n", "line 2: price '' is not a positive number"),
    ] {
        let mut all = [""; 4];
        all[file] = rows;
        let error = read(all).expect_err(rows);
        let expected = format!("{}.csv, {message}", FILES[file]);
        assert!(error.starts_with(&expected), "{error}\n{expected}");
    }
}

#[test]
fn headers_are_checked_before_anything_is_read() {
    let good = [TRADES, QUOTES, DEPTH, SNAPSHOT].map(str::as_bytes);
    assert_eq!(read_files(good), Ok(Vec::new()), "no rows are no error");
    for (index, bytes, message) in [
        (0, &b""[..], "trades.csv, line 1: the file is empty"),
        (1, b"\n\n", "quotes.csv, line 3: the file is empty"),
        (
            2,
            b"received_us,side,price,quantity",
            "depth.csv, line 1: the column 'first_update_id' is missing",
        ),
        (
            3,
            b"received_us,last_update_id,side,price,quantity,side",
            "snapshot.csv, line 1: the column 'side' is there twice",
        ),
        (
            3,
            b"received_us,\xff",
            "snapshot.csv, line 1: the line is not CSV text",
        ),
    ] {
        let mut files = good;
        files[index] = bytes;
        assert_eq!(read_files(files), Err(message.to_owned()));
    }
    let named_freely =
        b"\xef\xbb\xbfQuantity,other,PRICE,side,last_update_id,received_us\r\n1,2,10,b,7,5\r\n";
    assert_eq!(
        read_files([good[0], good[1], good[2], named_freely]).map(|events| events.len()),
        Ok(1)
    );
}

proptest! {
    #[test]
    fn no_damage_makes_reading_panic(damage in prop::collection::vec((0_usize..400, any::<u8>()), 1..8)) {
        let mut files = [
            format!("{TRADES}5,1,1,10.01,0.5,1\n9,1,2,10.02,0.25,0\n"),
            format!("{QUOTES}5,3,10.01,2,10.02,1\n6,4,10.01,2,10.02,0.5\n"),
            format!("{DEPTH}5,1,2,3,b,10.01,2\n7,1,4,4,a,10.02,0.5\n"),
            format!("{SNAPSHOT}5,1,b,10.01,2.5\n5,1,a,10.02,1\n"),
        ]
        .map(String::into_bytes);
        for (position, byte) in damage {
            let file = &mut files[position % 4];
            let length = file.len();
            file[position / 4 % length] = byte;
        }
        if let Ok(events) = read_files([0, 1, 2, 3].map(|index| &files[index][..])) {
            prop_assert!(events.is_sorted_by_key(CaptureEvent::time));
        }
    }
}
