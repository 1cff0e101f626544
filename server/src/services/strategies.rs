//! The strategy library with what backtests say of it.

use super::drawer::version_of;
use super::{ServiceError, Services};
use papertape::api::{StrategyCard, StrategyDetail};
use papertape::strategy::Problem;
use std::collections::BTreeMap;

/// Backtests that a strategy's page lists.
const LISTED: u32 = 20;

impl Services {
    /// What is likely a mistake in a strategy's YAML, which runs nevertheless.
    ///
    /// # Errors
    /// What is wrong with it, so that it cannot run.
    pub fn validate(&self, yaml: &str) -> Result<Vec<Problem>, Vec<Problem>> {
        let strategy = self.shelf.read(yaml)?.compile(&BTreeMap::new(), None)?;
        Ok(strategy.warnings)
    }

    /// The strategy library, by name.
    ///
    /// # Errors
    /// [`ServiceError`] when storage cannot be read.
    pub async fn strategies(&self) -> Result<Vec<StrategyCard>, ServiceError> {
        let mut cards = Vec::new();
        for (slug, source) in self.shelf.sources() {
            cards.push(self.card(&slug, &source).await?);
        }
        cards.sort_by_key(|card| card.name.to_lowercase());
        Ok(cards)
    }

    /// One strategy with its source.
    ///
    /// # Errors
    /// [`ServiceError::UnknownStrategy`].
    pub async fn strategy(&self, slug: &str) -> Result<StrategyDetail, ServiceError> {
        let source = self
            .shelf
            .source(slug)
            .ok_or_else(|| ServiceError::UnknownStrategy(slug.to_owned()))?;
        let warnings = self.validate(&source).unwrap_or_default();
        Ok(StrategyDetail {
            warnings: warnings.iter().map(ToString::to_string).collect(),
            card: self.card(slug, &source).await?,
            whole: self.shelf.whole(&source),
            version: version_of(&source),
            builtin: self.shelf.is_builtin(slug),
            source,
            datasets: self.datasets().await?,
            backtests: self.storage.backtests_of(slug, LISTED).await?,
        })
    }

    async fn card(&self, slug: &str, source: &str) -> Result<StrategyCard, ServiceError> {
        let mut card = self.shelf.card(slug, source);
        card.last_backtest = self.storage.backtests_of(slug, 1).await?.pop();
        card.running_backtest = self.backtests.running_of(slug);
        Ok(card)
    }
}
