//! The markets that are known, by their symbols.

use super::datasets::{Dataset, imported};
use super::feed_health::{symbol_health, ticker};
use super::{ServiceError, Services};
use crate::feeds::lock;
use crate::tape::SIMULATED_SYMBOLS;
use papertape::api::{MarketInfo, Ticker};
use papertape::model::{Instrument, Symbol};
use std::collections::BTreeMap;

/// What is known of one market.
#[derive(Default)]
struct Known {
    datasets: Vec<Dataset>,
    feeds: Vec<(Instrument, Ticker)>,
}

impl Services {
    /// Every market of which there are bars, or that a live feed listens to, by symbol.
    ///
    /// # Errors
    /// [`ServiceError`] when storage cannot be read.
    pub async fn markets(&self) -> Result<Vec<MarketInfo>, ServiceError> {
        let mut known = BTreeMap::<Symbol, Known>::new();
        let kept = self.storage.datasets().await?;
        let simulated = SIMULATED_SYMBOLS.iter().filter_map(|symbol| symbol.parse().ok());
        let simulated = simulated.map(|symbol| self.simulated_dataset(&symbol));
        for dataset in kept.into_iter().map(imported).chain(simulated) {
            let of = known.entry(dataset.info.symbol.clone()).or_default();
            of.datasets.push(dataset);
        }
        for feed in self.feeds.status() {
            for status in &feed.symbols {
                let Some(latest) = self.feeds.latest(&feed.feed, &status.symbol) else {
                    continue;
                };
                let indicative = self.feeds.indicative(&feed.feed, &status.symbol);
                let freshness = symbol_health(status).freshness;
                let latest = lock(&latest);
                let told = ticker((&feed.feed, &status.symbol), &latest, freshness, indicative);
                let of = known.entry(status.symbol.clone()).or_default();
                of.feeds.push((latest.instrument().clone(), told));
            }
        }
        Ok(known.into_iter().filter_map(market).collect())
    }
}

fn market((symbol, mut known): (Symbol, Known)) -> Option<MarketInfo> {
    let rank = |dataset: &Dataset| (dataset.info.simulated, dataset.info.timeframe);
    known.datasets.sort_by_key(rank);
    let listed = known.feeds.first().map(|(instrument, _)| instrument);
    let instrument = listed.or(known.datasets.first().map(|dataset| &dataset.instrument))?;
    Some(MarketInfo {
        symbol,
        instrument: instrument.clone(),
        datasets: known.datasets.into_iter().map(|dataset| dataset.info).collect(),
        feeds: known.feeds.into_iter().map(|(_, told)| told).collect(),
    })
}
