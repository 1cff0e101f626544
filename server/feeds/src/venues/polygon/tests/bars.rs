//! Pages of bars, and the bars that they end in.

use super::*;

#[test]
fn pages_of_bars() {
    let polygon = venue("stocks");
    let symbol: Symbol = "AAPL".parse().expect("a symbol");
    let page = r#"{"ticker":"AAPL","queryCount":2,"resultsCount":2,"adjusted":true,"results":[{"v":642646396.0,"vw":1.469,"o":1.5032,"c":1.4604,"h":1.5064,"l":1.4489,"t":1112331600000,"n":82132},{"v":1,"o":-1,"c":1,"h":1,"l":1,"t":1112418000000}],"status":"DELAYED","request_id":"a","count":2,"next_url":"https://api.polygon.io/v2/aggs/x?cursor=y"}"#;
    let span = (time("2005-04-01"), time("2005-04-02"));
    let read = |body| {
        answers::bars(
            &polygon.answers,
            &symbol,
            Timeframe::DAY,
            span,
            &answer(200, body),
        )
    };
    let page = read(page).expect("a page");
    assert_eq!(
        page.next.as_deref(),
        Some("https://api.polygon.io/v2/aggs/x?cursor=y")
    );
    assert_eq!(page.cut, None, "a day is not cut");
    assert_eq!(
        page.bars.into_bars(),
        [bar("2005-04-01", [1.5032, 1.5064, 1.4489, 1.4604, 642_646_396.0])]
    );
    let page = read(r#"{"ticker":"AAPL","queryCount":0,"resultsCount":0,"status":"OK"}"#).expect("a page");
    assert_eq!((page.bars.is_empty(), page.next), (true, None));
}

#[test]
fn the_last_bar_of_a_page_of_many_is_whole_only_where_none_follows() {
    let polygon = venue("stocks");
    let symbol: Symbol = "AAPL".parse().expect("a symbol");
    let opens = [time("2024-08-08T14:00:00Z"), time("2024-08-08T15:00:00Z")];
    let rows = opens.map(|open| format!(r#"{{"o":1,"h":1,"l":1,"c":1,"v":7,"t":{}}}"#, open.millis()));
    let next = r#","next_url":"https://api.polygon.io/v2/aggs/x?cursor=y""#;
    for (minutes, next, whole) in [(60, "", 2), (60, next, 1), (5, next, 1), (1, next, 2)] {
        let timeframe = Timeframe::from_secs(60 * minutes).expect("minutes");
        let body = format!(r#"{{"results":[{}],"status":"OK"{next}}}"#, rows.join(","));
        let span = (opens[0], time("2024-08-09T00:00:00Z"));
        let page = answers::bars(&polygon.answers, &symbol, timeframe, span, &answer(200, &body));
        let page = page.expect("a page");
        let cut = (whole < 2).then_some(opens[1]);
        assert_eq!((page.bars.bars().count(), page.cut), (whole, cut), "{timeframe}");
    }
}
