//! What is asked wrongly, and what is answered that cannot be: of every venue each has its name or is counted, and the feeds go on.

use crate::kinds::{KINDS, Kind, Way};
use crate::scenario::{Scenario, hub};
use futures::StreamExt;
use papertape::market::Bar;
use papertape::model::{Symbol, Timeframe, Timestamp};
use papertape_feeds::testkit::{Fault, Faults, Finest};
use papertape_feeds::{Channels, Clock, FeedError, FeedHub, MemoryRecorder, VenueConfig};
use std::time::Duration;

/// Of the same venue asked instead of listened to, no other bars and no other listings are asked for.
fn kinds() -> impl Iterator<Item = Kind> {
    KINDS.into_iter().filter(|kind| kind.way != Way::Refused)
}

/// Runs something for each of these; what went wrong for whom.
async fn each<F: Future<Output = Result<(), String>> + Send + 'static>(
    kinds: impl Iterator<Item = Kind>,
    run: impl Fn(Kind) -> F,
) {
    let runs = kinds.map(|kind| {
        let run = tokio::spawn(run(kind));
        async move {
            let ended = run.await.unwrap_or_else(|error| Err(error.to_string()));
            ended.err().map(|wrong| format!("{}: {wrong}", kind.name))
        }
    });
    let ended: Vec<Option<String>> = futures::stream::iter(runs).buffer_unordered(8).collect().await;
    let wrong: Vec<String> = ended.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// That something failed with this code and in words that name this.
fn is_named<T>(what: &str, result: Result<T, FeedError>, code: &str, words: &str) -> Result<(), String> {
    match result {
        Ok(_) => Err(format!("{what} was taken")),
        Err(error) if error.code() == code && error.to_string().contains(words) => Ok(()),
        Err(error) => Err(format!("{what} is called {}: {error}", error.code())),
    }
}

/// A symbol as the venue's are, which nobody lists.
fn nobody(kind: Kind) -> Symbol {
    let name = if kind.ware.symbol.contains('/') {
        "NOBODY/USD".to_owned()
    } else {
        kind.ware.symbol.replacen("AAPL", "NOBODY", 1)
    };
    name.parse().expect("a symbol")
}

/// What a venue says to a key, of the two ways on which it may say it.
async fn said_to_key(scenario: &Scenario, hub: &FeedHub, symbol: &Symbol) -> Result<(), String> {
    let subscribed = hub.subscribe("it", symbol, Channels::TICKS).await;
    let Ok(subscription) = subscribed else {
        return is_named("a wrong key", subscribed, "unauthorized", "refused the key");
    };
    for _ in 0..200 {
        scenario.pass(Duration::from_millis(50), true).await;
        let status = hub.feeds().into_iter().find(|status| status.feed == "it");
        let error = status.and_then(|status| status.last_error).unwrap_or_default();
        if error.contains("refused the key") {
            drop(subscription);
            return Ok(());
        }
    }
    Err("nothing says that the key is wrong".to_owned())
}

async fn asked_wrongly(kind: Kind) -> Result<(), String> {
    let scenario = Scenario::begin(kind, kind.truth(1), Faults::none(), false).await;
    let symbol: Symbol = kind.ware.symbol.parse().expect("a symbol");
    let at = |address: &VenueConfig, key: Option<&str>| {
        hub(kind, address, key, "", &scenario.clock, MemoryRecorder::default())
    };
    let address = scenario.server.config();

    let unknown = nobody(kind);
    let answer = scenario.hub.instrument("it", &unknown).await;
    is_named("an unknown symbol", answer, "unknown_symbol", unknown.as_str())?;
    let seven = Timeframe::from_secs(7).expect("seconds");
    let from = scenario.server.with(|stage| stage.truth.now);
    let answer = scenario.hub.bars("it", &symbol, seven, from, from).await;
    is_named("an unsupported timeframe", answer, "unsupported_timeframe", "7s")?;

    // Whether it is there is asked of it, and not taken for granted.
    let requests = || scenario.server.with(|stage| stage.requests.values().sum::<u64>());
    let before = requests();
    let answer = scenario.hub.time("it").await;
    answer.map_err(|error| format!("whether it is there: {error}"))?;
    if requests() == before {
        return Err("it was not asked whether it is there".to_owned());
    }

    scenario.server.with(|stage| stage.faults.force(Fault::Html));
    let answer = at(&address, Some("key")).time("it").await;
    is_named(
        "a page for people in the place of its time",
        answer,
        "not_the_venue",
        "127.0.0.1",
    )?;
    scenario.server.with(|stage| stage.faults.force(Fault::Html));
    let answer = at(&address, Some("key")).instrument("it", &symbol).await;
    is_named("a page for people", answer, "not_the_venue", "127.0.0.1")?;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let gone = VenueConfig {
        rest_url: Some(format!("http://{nowhere}")),
        stream_url: Some(format!("ws://{nowhere}")),
        ..VenueConfig::default()
    };
    let answer = at(&gone, Some("key")).instrument("it", &symbol).await;
    is_named("an unreachable host", answer, "unreachable", &nowhere)?;
    let answer = at(&gone, Some("key")).time("it").await;
    is_named("the time of an unreachable host", answer, "unreachable", &nowhere)?;

    if kind.has_key {
        said_to_key(&scenario, &at(&address, Some("wrong")), &symbol).await?;
    }
    if kind.needs_key() {
        let answer = at(&address, None).instrument("it", &symbol).await;
        is_named("a missing key", answer, "missing_key", "PAPERTAPE_")?;
    }

    let answer = scenario.hub.instrument("it", &symbol).await;
    answer.map(|_| ()).map_err(|error| format!("afterwards {error}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_wrongly_is_named_and_the_feeds_go_on() {
    each(kinds(), asked_wrongly).await;
}

async fn absurd(kind: Kind) -> Result<(), String> {
    let scenario = Scenario::begin(kind, kind.truth(1), Faults::none(), false).await;
    let subscription = scenario.subscribe().await.map_err(|error| error.to_string())?;
    // Until there is a price.
    while scenario.audit(false).is_err() {
        scenario.run(Duration::from_millis(200)).await;
    }
    let fault = match kind.way {
        Way::Asked | Way::Refused => Fault::AbsurdAnswer,
        Way::Stream => Fault::Absurd,
    };
    let injected = || scenario.server.with(|stage| stage.faults.count(fault)) as u64;
    let kept_off = || scenario.status().counters.quarantined;
    for times in [0.0, -1.0, 1e300, 10.0] {
        let (before, count) = (kept_off(), injected());
        scenario
            .server
            .with(|stage| stage.faults.absurdities = vec![times]);
        for _ in 0..4_000 {
            if injected() == count {
                scenario.server.with(|stage| stage.faults.force(fault));
            }
            scenario.run(Duration::from_millis(50)).await;
            if kept_off() > before {
                break;
            }
        }
        if injected() == count {
            return Err(format!("no price was {times} times what it was"));
        }
        if kept_off() == before {
            return Err(format!("a price of {times} times what it was is not counted"));
        }
    }
    // The right prices go on.
    let known = scenario.published().len();
    scenario.server.with(|stage| stage.faults = Faults::none());
    scenario.run(Duration::from_secs(4)).await;
    drop(subscription);
    scenario.audit(false)?;
    if scenario.published().len() > known {
        Ok(())
    } else {
        Err("nothing is told any more".to_owned())
    }
}

/// What another Papertape tells it has checked itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_that_cannot_be_is_kept_off_and_counted_and_the_others_are_told() {
    // Who tells no more than prices while its stream is away is audited by what the price was: a trade that is asked for because one was
    // kept off is older than that.
    let is_judged =
        |kind: &Kind| kind.way != Way::Refused || matches!(kind.detail.finest, Finest::Trades { .. });
    let kinds = KINDS
        .into_iter()
        .filter(|kind| kind.venue != "papertape" && is_judged(kind));
    each(kinds, absurd).await;
}

/// A bar of the past that cannot be is named and counted, the others are given, and it is had when the venue has put it right.
async fn absurd_bar(kind: Kind) -> Result<(), String> {
    let scenario = Scenario::begin(kind, kind.truth(1), Faults::none(), false).await;
    let symbol: Symbol = kind.ware.symbol.parse().expect("a symbol");
    let timeframe = match kind.venue {
        "coingecko" => Timeframe::from_secs(1_800).expect("half an hour"),
        _ => Timeframe::MINUTE,
    };
    let to = timeframe.floor(scenario.clock.now());
    let from = to.plus_nanos(-20 * timeframe.nanos());
    let ask = async || {
        let past = scenario.hub.bars("it", &symbol, timeframe, from, to).await;
        past.map_err(|error| error.to_string())
    };
    let right = ask().await?.into_bars();
    let truth = scenario.server.with(|stage| stage.truth.clone());
    if right.len() != 20 {
        return Err(format!("it has {} of 20 bars", right.len()));
    }
    let strange = right[10].open_time;
    let is_of_it = |bar: &Bar| timeframe.floor(bar.open_time) == strange;
    let mut counted = scenario.status().counters.quarantined;
    for times in [0.0, -1.0, 1e300, 10.0] {
        scenario.server.with(|stage| {
            for bar in stage.truth.markets[0].bars.iter_mut().filter(|bar| is_of_it(bar)) {
                for price in [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close] {
                    *price *= times;
                }
            }
        });
        let past = ask().await?;
        let named: Vec<Timestamp> = past.kept_off().map(|bar| bar.open_time).collect();
        if named != [strange] {
            return Err(format!("{times} times the price: these are named: {named:?}"));
        }
        let others = right.iter().filter(|bar| bar.open_time != strange);
        if !past.bars().eq(others) {
            return Err(format!("{times} times the price: the others are not given"));
        }
        counted += 1;
        if scenario.status().counters.quarantined != counted {
            return Err(format!("{times} times the price is not counted"));
        }
        scenario.server.with(|stage| stage.truth = truth.clone());
        if ask().await?.into_bars() != right {
            return Err("it is not given when it is right".to_owned());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bar_of_the_past_that_cannot_be_is_named_and_counted_and_the_others_are_given() {
    each(kinds(), absurd_bar).await;
}

#[test]
fn every_venue_is_asked() {
    let asked: std::collections::BTreeSet<&str> = kinds().map(|kind| kind.venue).collect();
    assert_eq!(asked, papertape_feeds::venues::names().collect());
}
