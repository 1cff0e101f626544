//! The bars that backtests and replays can run on.

use super::{ServiceError, Services};
use crate::storage::{DatasetId, DatasetRecord};
use crate::tape::SIMULATED_SYMBOLS;
use papertape::api::{BarsHeader, DataQuality, DatasetInfo, FieldErrors};
use papertape::backtest::BarSource;
use papertape::market::{BarMerge, Bars, Calendar, CalendarId, DatedAction, SimulatedMarket};
use papertape::model::{Instrument, Symbol, Timeframe};

/// The simulated dataset's id.
pub(super) const SIMULATED: &str = "simulated";

/// Where a dataset's bars are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Simulated,
    Imported(DatasetId),
}

/// A dataset that a request has chosen.
#[derive(Clone, Debug)]
pub(super) struct Dataset {
    pub(super) origin: Origin,
    pub(super) info: DatasetInfo,
    pub(super) instrument: Instrument,
}

impl Dataset {
    /// What a backtest has to know of it.
    pub(super) fn source(&self) -> BarSource<'_> {
        BarSource {
            instrument: &self.instrument,
            timeframe: self.info.timeframe,
            span: (self.info.from, self.info.to),
        }
    }
}

impl Services {
    /// All datasets: the simulated market's first 90 days, then what was imported.
    ///
    /// # Errors
    /// [`ServiceError`] when storage cannot be read.
    pub async fn datasets(&self) -> Result<Vec<DatasetInfo>, ServiceError> {
        let symbol = default_symbol();
        let mut all = vec![self.simulated_dataset(&symbol).info];
        all.extend(
            self.storage
                .datasets()
                .await?
                .into_iter()
                .map(|record| imported(record).info),
        );
        Ok(all)
    }

    /// The simulated market's first 90 days.
    pub(super) fn simulated_dataset(&self, symbol: &Symbol) -> Dataset {
        let (from, to) = (self.worlds.origin(), self.worlds.live_from());
        Dataset {
            origin: Origin::Simulated,
            info: DatasetInfo {
                id: SIMULATED.to_owned(),
                label: format!(
                    "Simulated market, {} days",
                    to.since(from) / Timeframe::DAY.nanos()
                ),
                symbol: symbol.clone(),
                timeframe: Timeframe::MINUTE,
                bars: (to.since(from) / Timeframe::MINUTE.nanos()).unsigned_abs(),
                from,
                to,
                simulated: true,
            },
            instrument: SimulatedMarket::instrument(symbol),
        }
    }

    /// The dataset of an id; the simulated one of the symbol that `symbols` names first.
    pub(super) async fn dataset(&self, id: &str, symbols: &[Symbol]) -> Result<Dataset, ServiceError> {
        if id == SIMULATED {
            return Ok(self.simulated_dataset(&simulated_symbol(symbols)?));
        }
        let datasets = self.storage.datasets().await?;
        let ids: Vec<String> = datasets.iter().map(dataset_name).collect();
        match datasets
            .into_iter()
            .find(|record| dataset_name(record).eq_ignore_ascii_case(id))
        {
            Some(record) => Ok(imported(record)),
            None => Err(ServiceError::NoSuch {
                code: "unknown_dataset",
                path: "dataset",
                message: format!("there is no dataset '{id}'; there are: {}", list(SIMULATED, &ids)),
            }),
        }
    }

    /// The finest dataset of a symbol that the strategy's timeframe is a multiple of; imported bars come before
    /// simulated ones.
    pub(super) async fn replayable(
        &self,
        symbol: &Symbol,
        timeframe: Timeframe,
    ) -> Result<Dataset, ServiceError> {
        let datasets = self.storage.datasets().await?;
        let fitting = datasets
            .iter()
            .filter(|record| {
                record.instrument.symbol() == symbol && timeframe.is_multiple_of(record.timeframe)
            })
            .min_by_key(|record| (record.timeframe, !record.feed.is_empty()));
        if let Some(record) = fitting {
            return Ok(imported(record.clone()));
        }
        if SIMULATED_SYMBOLS.contains(&symbol.as_str()) {
            return Ok(self.simulated_dataset(symbol));
        }
        let ids: Vec<String> = datasets.iter().map(dataset_name).collect();
        Err(ServiceError::NoSuch {
            code: "unknown_symbol",
            path: "symbols",
            message: format!(
                "there are no bars of {symbol} that make bars of {timeframe} to replay; there are: {}. Import some with \
                 `papertape import`",
                list(SIMULATED, &ids)
            ),
        })
    }

    /// A dataset for each of several symbols, all of bars of one length. `None` takes the finest length that all have and
    /// that the strategy's timeframe is a multiple of, imported bars before simulated ones; an id that of its dataset.
    pub(super) async fn datasets_together(
        &self,
        id: Option<&str>,
        symbols: &[Symbol],
        timeframe: Timeframe,
    ) -> Result<Vec<Dataset>, ServiceError> {
        let simulated = || -> Result<Vec<Dataset>, ServiceError> {
            let each = symbols.iter().map(|symbol| {
                let symbol = simulated_symbol(std::slice::from_ref(symbol))?;
                Ok(self.simulated_dataset(&symbol))
            });
            each.collect()
        };
        if id == Some(SIMULATED) {
            return simulated();
        }
        let records = self.storage.datasets().await?;
        let of = |symbol: &Symbol, length: Timeframe| {
            let mut found = records.iter();
            found.find(|record| record.instrument.symbol() == symbol && record.timeframe == length)
        };
        let all_of = |length: Timeframe| {
            let each = symbols.iter().map(|symbol| of(symbol, length));
            each.collect::<Option<Vec<&DatasetRecord>>>()
        };
        let length = match id {
            Some(id) => Some(self.dataset(id, symbols).await?.info.timeframe),
            None => {
                let lengths = records.iter().map(|record| record.timeframe);
                let fitting =
                    lengths.filter(|length| timeframe.is_multiple_of(*length) && all_of(*length).is_some());
                fitting.min()
            }
        };
        let found = match length {
            Some(length) => all_of(length),
            None => return simulated().map_err(|_| self.lacking(symbols, None, &records)),
        };
        let found = found.ok_or_else(|| self.lacking(symbols, length, &records))?;
        Ok(found.into_iter().map(|record| imported(record.clone())).collect())
    }

    /// There are no bars of one length of all these symbols.
    fn lacking(
        &self,
        symbols: &[Symbol],
        length: Option<Timeframe>,
        records: &[DatasetRecord],
    ) -> ServiceError {
        let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
        let ids: Vec<String> = records.iter().map(dataset_name).collect();
        let of = length.map_or_else(|| "of one length".to_owned(), |length| format!("of {length}"));
        ServiceError::NoSuch {
            code: "unknown_symbol",
            path: "symbols",
            message: format!(
                "there are no bars {of} for each of {}; there are: {}. Import some with `papertape import`",
                names.join(", "),
                list(SIMULATED, &ids)
            ),
        }
    }

    /// That several symbols' bars fit together: they open at the same times, and nothing but bars is to be taken in.
    pub(super) async fn check_together(
        &self,
        datasets: &[Dataset],
        bars: &[Bars],
    ) -> Result<(), ServiceError> {
        let mut errors = FieldErrors::default();
        for dataset in datasets {
            if !self.actions(dataset).await?.is_empty() {
                errors.add(
                    "dataset",
                    format!("{} comes with splits, dividends or funding, which several symbols together do not take in yet", dataset.info.id),
                );
            }
        }
        let symbols: Vec<Symbol> = datasets
            .iter()
            .map(|dataset| dataset.info.symbol.clone())
            .collect();
        let timeframe = datasets
            .first()
            .map_or(Timeframe::MINUTE, |dataset| dataset.info.timeframe);
        if let Err(problem) = BarMerge::check(bars, &symbols, timeframe) {
            errors.add("dataset", problem.to_string());
        }
        Ok(errors.finish()?)
    }

    /// The bars of a symbol, whole, with its actions: of a dataset, or of the finest that there is.
    ///
    /// # Errors
    /// [`ServiceError`] when there are none.
    pub async fn market_bars(
        &self,
        symbol: &Symbol,
        dataset: Option<&str>,
    ) -> Result<(BarsHeader, Bars, Vec<DatedAction>), ServiceError> {
        let dataset = match dataset {
            Some(id) => self.dataset(id, std::slice::from_ref(symbol)).await?,
            None => self.replayable(symbol, Timeframe::WEEK).await?,
        };
        if dataset.info.symbol != *symbol {
            return Err(ServiceError::NoSuch {
                code: "unknown_symbol",
                path: "symbol",
                message: format!("the dataset '{}' has no bars of {symbol}", dataset.info.id),
            });
        }
        let bars = self.bars(&dataset).await?;
        let actions = self.actions(&dataset).await?;
        let header = BarsHeader {
            dataset: dataset.info,
            instrument: dataset.instrument,
        };
        Ok((header, bars, actions))
    }

    /// What happened to a dataset's instrument beside its trading.
    pub(super) async fn actions(&self, dataset: &Dataset) -> Result<Vec<DatedAction>, ServiceError> {
        match dataset.origin {
            Origin::Imported(id) => Ok(self.storage.actions(id).await?),
            Origin::Simulated => Ok(self.simulated_history(dataset).await?.1),
        }
    }

    async fn simulated_history(&self, dataset: &Dataset) -> Result<(Bars, Vec<DatedAction>), ServiceError> {
        let worlds = std::sync::Arc::clone(&self.worlds);
        let symbol = dataset.info.symbol.clone();
        tokio::task::spawn_blocking(move || worlds.history(&symbol))
            .await
            .map_err(|_| crate::storage::StorageError::Closed.into())
    }

    /// A dataset's bars.
    pub(super) async fn bars(&self, dataset: &Dataset) -> Result<Bars, ServiceError> {
        match dataset.origin {
            Origin::Imported(id) => Ok(self.storage.bars(id).await?),
            Origin::Simulated => Ok(self.simulated_history(dataset).await?.0),
        }
    }
}

/// What to trade when nothing says.
pub(super) fn default_symbol() -> Symbol {
    SIMULATED_SYMBOLS[0]
        .parse()
        .unwrap_or_else(|_| unreachable!("a test reads every symbol on offer"))
}

/// The symbol to simulate: the first of those asked for.
pub(super) fn simulated_symbol(symbols: &[Symbol]) -> Result<Symbol, ServiceError> {
    match symbols.first() {
        None => Ok(default_symbol()),
        Some(symbol) if SIMULATED_SYMBOLS.contains(&symbol.as_str()) => Ok(symbol.clone()),
        Some(symbol) => Err(ServiceError::NoSuch {
            code: "unknown_symbol",
            path: "symbols",
            message: format!(
                "the simulated market does not list {symbol}; it lists {}",
                SIMULATED_SYMBOLS.join(", ")
            ),
        }),
    }
}

/// What is wrong with bars: the spans that lack some, by the hours of what they are of.
pub(crate) fn quality(bars: &Bars, timeframe: Timeframe, hours: CalendarId) -> DataQuality {
    let (calendar, length) = (Calendar::of(hours), timeframe.nanos());
    let mut quality = DataQuality::default();
    for pair in bars.open_time.windows(2) {
        if pair[1].since(pair[0]) > length {
            let missing = calendar.missing_bars(pair[0], pair[1], timeframe);
            quality.gaps += u64::from(missing > 0);
            quality.missing_bars += missing;
        }
    }
    quality
}

fn dataset_name(record: &DatasetRecord) -> String {
    let (symbol, timeframe) = (record.instrument.symbol(), record.timeframe);
    match record.feed.as_str() {
        "" => format!("{symbol}@{timeframe}"),
        feed => format!("{feed}:{symbol}@{timeframe}"),
    }
}

pub(super) fn imported(record: DatasetRecord) -> Dataset {
    let (symbol, timeframe) = (record.instrument.symbol().clone(), record.timeframe);
    let (from, to) = (record.first_open, timeframe.close_of(record.last_open));
    Dataset {
        origin: Origin::Imported(record.id),
        info: DatasetInfo {
            id: dataset_name(&record),
            label: format!(
                "{symbol} {timeframe}{}, {} to {}",
                match record.feed.as_str() {
                    "" => String::new(),
                    feed => format!(" of {feed}"),
                },
                from.to_datetime().date_naive(),
                to.to_datetime().date_naive()
            ),
            symbol,
            timeframe,
            bars: record.bars,
            from,
            to,
            simulated: false,
        },
        instrument: record.instrument,
    }
}

fn list(first: &str, rest: &[String]) -> String {
    std::iter::once(first)
        .chain(rest.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(", ")
}
