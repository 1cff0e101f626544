//! One row of an answer that cannot be, among many that can.

use crate::place::place;
use crate::{BTC, ETH};
use papertape_feeds::testkit::{Mock, binance::Binance, coinbase::Coinbase, kraken::Kraken};
use papertape_feeds::{Told, TradesFrom};

/// A past trade of nothing, of less, and of more than anything is worth: a poll names it and tells all others, and so does who is asked
/// for what is missing, as it was told.
async fn one_trade_costs_no_others(name: &str, mock: impl Mock) {
    let place = place(name, mock).await;
    let (venue, rest) = (&place.venue, &place.rest);
    let listings = [place.listing(BTC).await, place.listing(ETH).await];
    let all: Vec<_> = listings.iter().collect();
    let poll = async || -> Vec<Vec<Told>> {
        let polled = venue.poll(rest, &all).await.expect("an answer");
        let each = polled.into_answers().map(|told| told.expect(name));
        each.collect()
    };
    let right = poll().await;
    for price in [0.0, -1.0, 1e300] {
        // The last but four: a thousand more come before it leaves the answers.
        let strange = place.server.with(|stage| {
            let trades = &mut stage.truth.markets[0].trades;
            let place = trades.len() - 5;
            trades[place].1.price = price;
            trades[place].0
        });
        let told = poll().await;
        let is_it = |told: &&Told| matches!(told, Told::Trade { id: Some(id), .. } if *id == strange);
        let expected: Vec<&Told> = right[0].iter().filter(|told| !is_it(told)).collect();
        let (kept_off, others): (Vec<&Told>, Vec<&Told>) = told[0]
            .iter()
            .partition(|told| matches!(told, Told::KeptOff { .. }));
        assert_eq!(others, expected, "{name}, {price}: all others");
        let [Told::KeptOff { why, .. }] = kept_off[..] else {
            panic!("{name}, {price}: {kept_off:?}");
        };
        assert!(why.contains("is no price"), "{name}, {price}: {why}");
        assert_eq!(told[1], right[1], "{name}, {price}: of another symbol");

        let truth = place.markets()[0].trades.clone();
        let wanted = truth.len() - 10;
        let (id, before) = truth[wanted];
        let from = TradesFrom {
            id,
            time: before.time,
        };
        let past = venue.trades_from(rest, &listings[0], from).await.expect(name);
        assert!(
            past.iter().any(|(id, _)| *id == strange),
            "{name}: {}",
            past.len()
        );
        assert!(
            past.iter().eq(truth.iter().skip(wanted)),
            "{name}, {price}: it is judged where it is missed"
        );
    }
}

#[tokio::test]
async fn one_trade_that_cannot_be_costs_no_others() {
    one_trade_costs_no_others("binance", Binance::new()).await;
    one_trade_costs_no_others("coinbase", Coinbase::new()).await;
    one_trade_costs_no_others("kraken", Kraken::new()).await;
}
