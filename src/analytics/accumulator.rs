//! Metrics kept up to date bar by bar.

use super::daily::{self, Days};
use super::{DrawdownTracker, Metrics};
use crate::model::Timestamp;
use crate::model::float::Between;
use serde::{Deserialize, Serialize};

/// Days in a year as the calendar has them on average (Julian year): what a compound growth rate counts by.
const DAYS_A_YEAR: f64 = 365.25;
/// Seconds in a day.
const DAY_SECONDS: f64 = 86_400.0;
const NANOS_A_SECOND: f64 = 1e9;

/// Adds up what [`Metrics`] are made of, a mark, a fill and a trade at a time, in a fixed time each; nothing but the
/// close of each UTC day is kept.
///
/// ```
/// use papertape::analytics::MetricsAccumulator;
/// use papertape::model::Timestamp;
///
/// let mut accumulator = MetricsAccumulator::new(100.0, 365.0);
/// accumulator.start(Timestamp::EPOCH);
/// for (day, equity) in (1..).zip([110.0, 99.0, 120.0]) {
///     accumulator.on_mark(Timestamp::from_secs(day * 86_400), equity, equity, true);
/// }
/// let metrics = accumulator.metrics();
/// assert!((metrics.total_return - 0.2).abs() < 1e-12);
/// assert!((metrics.max_drawdown - 0.1).abs() < 1e-12);
/// assert_eq!(metrics.max_drawdown_duration_s, 2 * 86_400);
/// assert_eq!(metrics.exposure, 1.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsAccumulator {
    initial_capital: f64,
    periods_per_year: f64,
    /// When the first bar opened.
    start: Option<Timestamp>,
    first_close: Option<f64>,
    marks: MarkSums,
    days: Days,
    notional: f64,
    fees: f64,
    trades: TradeSums,
}

/// Sums over marks: what every bar changes, small enough to be kept out of memory while many bars pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MarkSums {
    last_time: Option<Timestamp>,
    equity: f64,
    /// What one unit bought at the first close is worth: `units` at the last close.
    close: f64,
    /// Units that it has become by splits and reinvested dividends.
    units: f64,
    count: u64,
    in_position: u64,
    equity_sum: f64,
    drawdown: DrawdownTracker,
}

impl MarkSums {
    const fn new(initial_capital: f64) -> Self {
        Self {
            last_time: None,
            equity: initial_capital,
            close: 0.0,
            units: 1.0,
            count: 0,
            in_position: 0,
            equity_sum: 0.0,
            drawdown: DrawdownTracker::new(initial_capital),
        }
    }

    /// Takes a mark of the day under way.
    #[inline]
    pub(crate) fn on_mark(&mut self, time: Timestamp, equity: f64, close: f64, in_position: bool) {
        debug_assert!(equity.is_finite() && close.is_finite(), "a mark is a number");
        self.last_time = Some(time);
        self.equity = equity;
        self.close = close * self.units;
        self.count += 1;
        self.in_position += u64::from(in_position);
        self.equity_sum += equity;
        self.drawdown.on_mark(time, equity);
    }
}

impl MarkSums {
    /// The sum of all equity so far.
    pub(crate) const fn equity_sum(&self) -> f64 {
        self.equity_sum
    }

    /// Takes marks of the day under way, one after the other: prices and equity, which lies between two numbers and has been
    /// added to the sum of all, at times that `time_of` tells by their place.
    #[inline]
    pub(crate) fn on_marks(
        &mut self,
        time_of: impl Fn(usize) -> Timestamp,
        (closes, equity): (&[f64], &[f64]),
        (between, equity_sum): (Between, f64),
        in_position: bool,
    ) {
        let (Some(close), Some(last)) = (closes.last(), equity.last()) else {
            return;
        };
        debug_assert!(
            between.least.is_finite() && between.most.is_finite(),
            "a mark is a number"
        );
        self.last_time = Some(time_of(equity.len() - 1));
        self.equity = *last;
        self.close = close * self.units;
        self.count += equity.len() as u64;
        self.in_position += if in_position { equity.len() as u64 } else { 0 };
        self.equity_sum = equity_sum;
        self.drawdown.on_marks(time_of, equity, between);
    }
}

/// Sums over closed trades.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct TradeSums {
    count: u64,
    wins: u64,
    losses: u64,
    gross_profit: f64,
    /// Not negative.
    gross_loss: f64,
    largest_win: f64,
    largest_loss: f64,
    return_sum: f64,
    win_returns: f64,
    loss_returns: f64,
}

/// What closed trades have brought, as shares of their entries' values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TradeRecord {
    /// Trades that won.
    pub wins: u64,
    /// Trades that lost.
    pub losses: u64,
    /// Sum of the winners' returns.
    pub win_returns: f64,
    /// Sum of the losers' returns: negative.
    pub loss_returns: f64,
}

impl MetricsAccumulator {
    /// An accumulator for an account that begins with `initial_capital`. `periods_per_year` is the number of days in a
    /// year on which the instrument trades, for annualising daily returns: 365 when it never closes, 252 with sessions.
    #[must_use]
    pub fn new(initial_capital: f64, periods_per_year: f64) -> Self {
        Self {
            initial_capital,
            periods_per_year,
            start: None,
            first_close: None,
            marks: MarkSums::new(initial_capital),
            days: Days::default(),
            notional: 0.0,
            fees: 0.0,
            trades: TradeSums::default(),
        }
    }

    /// Says when the first bar opened, from which growth rates and the first drawdown count; without it they count from
    /// the first mark. Without effect after the first mark.
    pub fn start(&mut self, time: Timestamp) {
        if self.marks.last_time.is_none() {
            self.start = Some(time);
            self.marks.drawdown.start(time);
        }
    }

    /// Takes the close of a bar: its close time, the account's equity, the price, and whether there was a position.
    /// Times rise.
    #[inline]
    pub fn on_mark(&mut self, time: Timestamp, equity: f64, close: f64, in_position: bool) {
        if self.days.is_over(time) {
            self.begin_day(time, close * self.marks.units);
        }
        self.marks.on_mark(time, equity, close, in_position);
    }

    /// The sums over marks and the end of the day that they are in, for many marks at once.
    pub(crate) const fn marks(&self) -> (MarkSums, Timestamp) {
        (self.marks, self.days.end())
    }

    /// Puts the sums back after marks of the day under way.
    pub(crate) const fn set_marks(&mut self, marks: MarkSums) {
        self.marks = marks;
    }

    #[cold]
    fn begin_day(&mut self, time: Timestamp, close: f64) {
        if self.marks.count > 0 {
            self.days.push(self.marks.equity, self.marks.close);
        }
        self.days.begin(time);
        self.start.get_or_insert(time);
        self.first_close.get_or_insert(close);
    }

    /// Each unit of what is traded has become `ratio` units.
    pub fn on_split(&mut self, ratio: f64) {
        self.marks.units *= ratio;
    }

    /// Each unit pays so much from now on to who held it before. Who bought and holds reinvests it at the last close less
    /// the dividend: the convention of adjustment factors, 1 − dividend ÷ last close.
    pub fn on_dividend(&mut self, per_unit: f64) {
        let ex_price = self.marks.close / self.marks.units - per_unit;
        if ex_price > 0.0 {
            self.marks.units *= 1.0 + per_unit / ex_price;
        }
    }

    /// Takes a fill: its value without sign and its fee, in the account's currency.
    pub fn on_fill(&mut self, notional: f64, fee: f64) {
        self.notional += notional.abs();
        self.fees += fee;
    }

    /// Takes a closed round trip: profit or loss after fees in the account's currency, and as a share of its entry's
    /// value.
    pub fn on_trade(&mut self, pnl: f64, return_ratio: f64) {
        let trades = &mut self.trades;
        trades.count += 1;
        trades.return_sum += return_ratio;
        if pnl > 0.0 {
            trades.wins += 1;
            trades.win_returns += return_ratio;
            trades.gross_profit += pnl;
            trades.largest_win = trades.largest_win.max(pnl);
        } else if pnl < 0.0 {
            trades.losses += 1;
            trades.loss_returns += return_ratio;
            trades.gross_loss -= pnl;
            trades.largest_loss = trades.largest_loss.min(pnl);
        }
    }

    /// How many marks were taken in.
    #[must_use]
    pub const fn bars(&self) -> u64 {
        self.marks.count
    }

    /// What the closed trades have brought.
    #[must_use]
    pub const fn record(&self) -> TradeRecord {
        let TradeSums {
            wins,
            losses,
            win_returns,
            loss_returns,
            ..
        } = self.trades;
        TradeRecord {
            wins,
            losses,
            win_returns,
            loss_returns,
        }
    }

    /// The highest equity so far, the initial capital included.
    #[must_use]
    pub const fn peak(&self) -> f64 {
        self.marks.drawdown.peak()
    }

    /// How far equity is below its peak at the last mark, as a positive share of the peak.
    #[must_use]
    pub fn drawdown(&self) -> f64 {
        self.marks.drawdown.drawdown()
    }

    /// The largest such share at any mark so far.
    #[must_use]
    pub const fn max_drawdown(&self) -> f64 {
        self.marks.drawdown.max_drawdown()
    }

    /// Mean return of a closed trade as a share of its entry's value; `None` without trades.
    #[must_use]
    pub fn mean_trade_return(&self) -> Option<f64> {
        ratio(self.trades.return_sum, self.trades.count as f64)
    }

    /// Return of each UTC day with a mark, the day under way included: its last equity over that of the day before
    /// (over the initial capital on the first), less one.
    #[must_use]
    pub fn daily_returns(&self) -> Vec<f64> {
        daily::returns(self.initial_capital, self.days.equity(), self.equity_today())
    }

    fn equity_today(&self) -> Option<f64> {
        (self.marks.count > 0).then_some(self.marks.equity)
    }

    /// The metrics as they stand. All numbers are finite.
    ///
    /// | metric | formula | source |
    /// |---|---|---|
    /// | `total_return` | E/E₀ − 1, with E the last equity and E₀ the initial capital | |
    /// | `cagr` | (E/E₀)^(1/y) − 1, y = years of 365.25 days from the first open to the last close | CFA Institute, *GIPS* |
    /// | `volatility` | s·√N, s = sample standard deviation (n − 1) of daily returns, N = days of trade a year | |
    /// | `sharpe` | m/s·√N, m = mean daily return, risk-free rate 0 | Sharpe, J. of Portfolio Management 21 (1994) |
    /// | `sortino` | m/d·√N, d = √(mean of min(r, 0)²) over all days | Sortino and Price, J. of Investing 3 (1994) |
    /// | `calmar` | `cagr` / `max_drawdown` | Young, Futures 20 (1991), over the whole span |
    /// | `max_drawdown` | largest (peak − E)/peak over the marks; the first peak is E₀ | |
    /// | `profit_factor` | Σ profits / Σ losses of closed trades | |
    /// | `expectancy` | Σ P&L / closed trades | |
    /// | `exposure` | marks in position / marks | |
    /// | `turnover` | Σ fill values / mean equity over the marks | |
    /// | `buy_and_hold_return` | last close / first close − 1; splits followed, dividends reinvested | |
    /// | `beta` | cov(r, b)/var(b), b = daily return of one who bought at the first close and holds | Sharpe, J. of Finance 19 (1964) |
    /// | `alpha` | N·(mean r − β·mean b) | Jensen, J. of Finance 23 (1968) |
    ///
    /// Daily statistics need two days, and none at which equity was gone.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let growth = ratio(self.marks.equity, self.initial_capital);
        let cagr = growth.and_then(|growth| self.annual_growth(growth));
        let returns = self.daily_returns();
        let statistics = daily::Statistics::of(&returns, self.periods_per_year);
        let benchmark = self.benchmark_returns();
        let regression = daily::Regression::of(&returns, &benchmark, self.periods_per_year);
        let max_drawdown = self.max_drawdown();
        let first_close = self.first_close.unwrap_or(0.0);
        let mut metrics = Metrics {
            total_return: growth.map_or(0.0, |growth| growth - 1.0),
            cagr,
            volatility: statistics.volatility,
            sharpe: statistics.sharpe,
            sortino: statistics.sortino,
            calmar: cagr.and_then(|cagr| ratio(cagr, max_drawdown)),
            max_drawdown,
            max_drawdown_duration_s: self.marks.drawdown.max_duration_secs(),
            exposure: ratio(self.marks.in_position as f64, self.marks.count as f64).unwrap_or(0.0),
            turnover: self.turnover(),
            total_fees: self.fees,
            buy_and_hold_return: ratio(self.marks.close, first_close).map(|growth| growth - 1.0),
            alpha: regression.map(|regression| regression.alpha),
            beta: regression.map(|regression| regression.beta),
            ..Metrics::default()
        };
        self.trades.write(&mut metrics);
        metrics
    }

    fn annual_growth(&self, growth: f64) -> Option<f64> {
        let seconds = self.marks.last_time?.since(self.start?) as f64 / NANOS_A_SECOND;
        let years = seconds / DAY_SECONDS / DAYS_A_YEAR;
        if seconds < DAY_SECONDS || growth < 0.0 {
            return None;
        }
        finite(libm::pow(growth, 1.0 / years) - 1.0)
    }

    /// Daily returns of an account that held the instrument from the first close on.
    fn benchmark_returns(&self) -> Vec<f64> {
        let today = (self.marks.count > 0).then_some(self.marks.close);
        daily::returns(self.first_close.unwrap_or(0.0), self.days.close(), today)
    }

    fn turnover(&self) -> f64 {
        let mean_equity = ratio(self.marks.equity_sum, self.marks.count as f64).filter(|mean| *mean > 0.0);
        mean_equity
            .and_then(|mean| ratio(self.notional, mean))
            .unwrap_or(0.0)
    }
}

impl TradeSums {
    fn write(&self, metrics: &mut Metrics) {
        let (count, wins, losses) = (self.count as f64, self.wins as f64, self.losses as f64);
        metrics.trades = self.count;
        metrics.winning_trades = self.wins;
        metrics.losing_trades = self.losses;
        metrics.win_rate = ratio(wins, count);
        metrics.profit_factor = ratio(self.gross_profit, self.gross_loss);
        metrics.expectancy = ratio(self.gross_profit - self.gross_loss, count);
        metrics.average_win = ratio(self.gross_profit, wins);
        metrics.average_loss = ratio(-self.gross_loss, losses);
        metrics.largest_win = (self.wins > 0).then_some(self.largest_win);
        metrics.largest_loss = (self.losses > 0).then_some(self.largest_loss);
    }
}

/// `part / whole`; `None` when the whole is zero or the result is no finite number.
fn ratio(part: f64, whole: f64) -> Option<f64> {
    if whole == 0.0 { None } else { finite(part / whole) }
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}
