//! The whole way from a venue's server to what is published, over sockets, while things go wrong from a seed: what was published
//! is the truth, or what it lacks is on record.
//!
//! `PAPERTAPE_FEED_SCENARIOS=1000 cargo test -p papertape-feeds --test scenarios` runs more of them, forty at a time, one venue after
//! the other; `PAPERTAPE_FEED_SEED=17` only that one, and `PAPERTAPE_FEED_VENUE=kraken` only those of that venue.
//! `PAPERTAPE_FEED_RECORDED=100` runs as many of the recorded minutes.

mod account;
mod bad_input;
mod kinds;
mod recorded;
mod scenario;

use account::{Account, Tally};
use futures::StreamExt;
use kinds::{KINDS, Kind};
use papertape::exchange::TradingStatus;
use papertape_feeds::testkit::{Fault, Faults, Server};
use papertape_feeds::{Clock, Incident};
use scenario::{PEACE, Scenario, WAR};
use std::time::Duration;

async fn scenario(kind: Kind, seed: u64) -> Result<Account, String> {
    let faults = Faults::seeded(seed).without(kind.unseen);
    let shown = faults.to_string();
    let is_tls = seed % 3 == 2;
    let scenario = Scenario::begin(kind, kind.truth(seed), faults, is_tls).await;
    let subscription = scenario.subscribe().await;
    let subscription = subscription.map_err(|error| format!("{shown}: {error}"))?;
    let ended = settled(&scenario, WAR, PEACE).await;
    drop(subscription);
    ended.map_err(|wrong| format!("{shown}: {wrong}"))
}

/// Lets things go wrong for so long, and go well for so long, and waits until all is told; what is wrong then.
async fn settled(scenario: &Scenario, war: Duration, peace: Duration) -> Result<Account, String> {
    scenario.run(war).await;
    let told = scenario.server.with(|stage| stage.truth.told);
    scenario
        .server
        .with(|stage| stage.faults = std::mem::replace(&mut stage.faults, Faults::none()).until(told));
    scenario.run(peace).await;
    // Trades and books of the end are on their way. That a socket is half open shows after its symbol's time of silence, or
    // when no pong comes: until then nobody can know, and neither is judged.
    let is_half_open = scenario.server.with(|stage| stage.faults.count(Fault::HalfOpen)) > 0;
    let is_open = |incident: &Incident| incident.to.is_none();
    let patience = scenario.patience();
    let mut first = None;
    loop {
        // It stands still but for the clock: a source that falls silent would be stale.
        let ended = scenario.audit(true);
        let wrong = ended
            .as_ref()
            .map_or_else(String::clone, |status| format!("{status:?}"));
        let first = first.get_or_insert(wrong);
        match ended {
            Ok(TradingStatus::Trading) => {
                let account = Account::of(scenario);
                account.check()?;
                return Ok(account);
            }
            // Nothing silent: what lacks is on record as going on.
            _ if is_half_open
                && scenario.audit(false).is_ok()
                && scenario.incidents().iter().any(is_open) =>
            {
                return Ok(Account::of(scenario));
            }
            Ok(status) if scenario.clock.now() > patience => {
                return Err(format!("{status:?}, {:?}; at first {first}", scenario.status()));
            }
            Err(wrong) if scenario.clock.now() > patience => {
                return Err(format!("{wrong}; at first {first}"));
            }
            _ => {}
        }
        scenario.run(Duration::from_millis(500)).await;
        scenario.pass(Duration::from_millis(300), false).await;
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_is_the_truth_or_its_lack_is_on_record() {
    // Two of each venue, or as many as are asked for.
    let seeds = match variable("PAPERTAPE_FEED_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("PAPERTAPE_FEED_SCENARIOS").unwrap_or(2 * KINDS.len() as u64),
    };
    let only = std::env::var("PAPERTAPE_FEED_VENUE").ok();
    let kinds: Vec<Kind> = KINDS
        .into_iter()
        .filter(|kind| only.as_ref().is_none_or(|only| kind.name == only))
        .collect();
    assert!(!kinds.is_empty(), "no venue is called {only:?}");
    let runs = futures::stream::iter(seeds).map(|seed| {
        let kind = kinds[(seed % kinds.len() as u64) as usize];
        async move {
            let run = tokio::spawn(scenario(kind, seed)).await;
            let run = run.unwrap_or_else(|error| Err(error.to_string()));
            if let Err(wrong) = &run {
                println!("{} seed {seed}: {wrong}\n", kind.name);
            }
            (kind.name, run)
        }
    });
    let results: Vec<_> = runs.buffer_unordered(40).collect().await;
    let mut tally = Tally::default();
    for (name, result) in &results {
        tally.add(name, result.as_ref().ok());
    }
    println!("{tally}");
    let wrong = results.iter().filter(|(_, result)| result.is_err()).count();
    assert_eq!(wrong, 0, "of {} scenarios", results.len());
}

/// Two minutes and a half of the market with its venue, one without, and then it is back.
async fn outage(kind: Kind) -> Result<(), String> {
    let mut scenario = Scenario::begin(kind, kind.truth(1), Faults::none(), false).await;
    let subscription = scenario.subscribe().await.map_err(|error| error.to_string())?;
    scenario.run(Duration::from_secs(8)).await;
    // On a busy machine the first price may not have come; what is wrong stays wrong.
    let patience = scenario.patience();
    while let Err(wrong) = scenario.audit(false) {
        if scenario.clock.now() > patience {
            return Err(wrong);
        }
        scenario.run(Duration::from_millis(500)).await;
    }
    let (address, mut truth) = (
        scenario.server.address(),
        scenario.server.with(|stage| stage.truth.clone()),
    );
    // Another in its place, to which nobody comes.
    let elsewhere = Server::start(kind.stage(truth.clone(), Faults::none())).await;
    drop(std::mem::replace(
        &mut scenario.server,
        elsewhere.expect("a server"),
    ));
    scenario.run(Duration::from_secs(3)).await;
    let patience = scenario.patience();
    while scenario.incidents().iter().all(|incident| incident.to.is_some()) {
        if scenario.clock.now() > patience {
            return Err(format!(
                "nothing says that it is away: {:?}",
                scenario.incidents()
            ));
        }
        scenario.run(Duration::from_millis(20)).await;
    }
    while truth.now < scenario.clock.now() {
        truth.advance();
    }
    let stage = kind.stage(truth, Faults::none());
    scenario.server = Server::start_at(address, stage)
        .await
        .map_err(|error| error.to_string())?;
    let patience = scenario.patience();
    loop {
        scenario.run(Duration::from_millis(500)).await;
        scenario.pass(Duration::from_millis(300), false).await;
        match scenario.audit(true) {
            Ok(TradingStatus::Trading) => break,
            wrong if scenario.clock.now() > patience => {
                return Err(format!("{wrong:?}, {:?}", scenario.hub.feeds()));
            }
            _ => {}
        }
    }
    drop(subscription);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_venue_that_is_away_is_on_record_until_it_is_back() {
    let runs = KINDS.map(|kind| async move {
        let run = tokio::spawn(outage(kind)).await.expect("it ran");
        run.err().map(|wrong| format!("{}: {wrong}", kind.name))
    });
    let wrong: Vec<String> = futures::future::join_all(runs)
        .await
        .into_iter()
        .flatten()
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
