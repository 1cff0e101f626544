//! What requests may ask for: checked by the server, and by the engine inside the browser, in the same words.

use super::{BacktestRequest, FieldError};
use crate::engine::ExecutionConfig;
use crate::model::{Instrument, Symbol, Timeframe, Timestamp};
use crate::portfolio::AccountConfig;
use crate::strategy::{PortfolioMethod, PortfolioRule, Strategy};
use rust_decimal::Decimal;

/// The most capital that a session or a backtest starts with.
pub const MAX_CAPITAL: Decimal = Decimal::from_parts(0xD4A5_1000, 232, 0, false, 0);

/// Gathers what is wrong with the fields of a request, so that all of it is answered at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Something is wrong with the field at `path`.
    pub fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError {
            path: path.into(),
            message: message.into(),
        });
    }

    /// Something is wrong with the field at `path` unless it is `fine`.
    pub fn check(&mut self, fine: bool, path: &str, message: &str) {
        if !fine {
            self.add(path, message);
        }
    }

    /// Cash at the start.
    pub fn capital(&mut self, capital: Option<Decimal>) {
        self.check(
            capital.is_none_or(|capital| capital > Decimal::ZERO && capital <= MAX_CAPITAL),
            "initial_capital",
            "the capital must be above 0 and at most 1000000000000",
        );
    }

    /// What trading costs.
    pub fn execution(&mut self, execution: Option<&ExecutionConfig>) {
        for problem in execution.into_iter().flat_map(ExecutionConfig::problems) {
            self.add(format!("execution.{}", problem.path), problem.message);
        }
    }

    /// How the account is covered and what borrowing costs it.
    pub fn account(&mut self, account: Option<&AccountConfig>) {
        for problem in account.into_iter().flat_map(AccountConfig::problems) {
            self.add(format!("account.{}", problem.path), problem.message);
        }
    }

    /// A strategy's parameters.
    pub fn params<'a>(&mut self, mut values: impl Iterator<Item = &'a f64>) {
        self.check(
            values.all(|value| value.is_finite()),
            "params",
            "parameters are finite numbers",
        );
    }

    /// First and last moment.
    pub fn order(&mut self, from: Option<Timestamp>, to: Option<Timestamp>) {
        if let (Some(from), Some(to)) = (from, to) {
            self.check(from < to, "to", "the end must come after the beginning");
        }
    }

    /// Bars of one length make bars of its multiples only.
    pub fn timeframe(&mut self, strategy: Timeframe, bars: Timeframe) {
        if !strategy.is_multiple_of(bars) {
            let message =
                format!("bars of {bars} do not make bars of {strategy}: choose a multiple of {bars}");
            self.add("timeframe", message);
        }
    }

    /// Where only one instrument's bars are there.
    pub fn one_symbol(&mut self, symbols: &[Symbol]) {
        if symbols.len() > 1 {
            let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
            let message = format!(
                "{} are traded together, and bars of one are here: run it as a backtest, which reads bars of each",
                names.join(", ")
            );
            self.add("symbols", message);
        }
    }

    /// What several symbols on one account need of each other and of the strategy; the first `traded` of them are traded.
    pub fn together(&mut self, strategy: &Strategy, instruments: &[&Instrument], traded: usize) {
        /// More would make a moment long.
        const MOST: usize = 32;
        self.check(
            instruments.len() <= MOST,
            "symbols",
            "a strategy trades and reads at most 32 symbols",
        );
        let is_there = |symbol: &Symbol| instruments.iter().any(|instrument| instrument.symbol() == symbol);
        // A value that never comes would keep the rules silent for good.
        for symbol in strategy
            .program
            .symbols()
            .iter()
            .filter(|symbol| !is_there(symbol))
        {
            self.add(
                "strategy",
                format!("its rules read {symbol}, of which no bars come in here"),
            );
        }
        if let Some(PortfolioRule {
            method: PortfolioMethod::Target(weights),
            ..
        }) = &strategy.portfolio
        {
            let is_traded = |symbol: &Symbol| {
                let mut traded = instruments.iter().take(traded);
                traded.any(|instrument| instrument.symbol() == symbol)
            };
            for (symbol, _) in weights.iter().filter(|(symbol, _)| !is_traded(symbol)) {
                self.add(
                    "symbols",
                    format!("its portfolio has a weight for {symbol}, which is not traded here"),
                );
            }
        }
        let Some((first, others)) = instruments.split_first() else {
            return;
        };
        for other in others.iter().filter(|other| other.quote() != first.quote()) {
            let message = format!(
                "{} is quoted in {} and {} in {}: symbols of one account share a currency",
                other.symbol(),
                other.quote(),
                first.symbol(),
                first.quote()
            );
            self.add("symbols", message);
        }
    }

    /// A span must hold a bar of those from the first's open to the last's close.
    pub fn span(
        &mut self,
        (first, last): (Timestamp, Timestamp),
        timeframe: Timeframe,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
    ) {
        let have = format!("the bars reach from {first} to {last}");
        if from.is_some_and(|from| timeframe.close_of(from) > last) {
            self.add("from", format!("nothing is left after it: {have}"));
        }
        if to.is_some_and(|to| to < timeframe.close_of(first)) {
            self.add("to", format!("nothing is left before it: {have}"));
        }
    }

    /// A backtest, as far as it can be judged without strategy and bars.
    pub fn backtest(&mut self, request: &BacktestRequest) {
        self.check(
            !request.strategy.trim().is_empty(),
            "strategy",
            "name a strategy of the library, or send a whole YAML file",
        );
        self.capital(request.initial_capital);
        self.execution(request.execution.as_ref());
        self.account(request.account.as_ref());
        self.params(request.params.values());
        self.order(request.from, request.to);
    }

    /// That nothing is wrong.
    ///
    /// # Errors
    /// All that was gathered, when there is any.
    pub fn finish(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_capital_is_what_its_message_says() {
        assert_eq!(MAX_CAPITAL, Decimal::from(1_000_000_000_000_u64));
    }
}
