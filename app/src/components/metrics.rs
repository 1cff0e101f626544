//! Performance figures with their meaning.

use super::{Change, table};
use crate::erased::memo;
use crate::format::{self, Direction, NONE};
use leptos::prelude::*;
use papertape::analytics::Metrics;

/// One figure: name, text, direction where it has one, and what it means.
struct Figure {
    name: &'static str,
    key: &'static str,
    text: String,
    direction: Option<f64>,
    meaning: &'static str,
}

fn or_none(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), text)
}

/// The figures in the order in which a trader asks: what came of it, what it cost to sit through, how the trades were,
/// how it compares.
fn figures(metrics: &Metrics, currency: &str) -> Vec<(&'static str, Vec<Figure>)> {
    let digits = format::currency_digits(currency) as usize;
    let ratio = |value: f64| format::percent(value, 2);
    let signed = |value: f64| format::signed_percent(value, 2);
    let plain = |value: f64| format::number(value, 2);
    let money = |value: f64| format!("{} {currency}", format::signed_number(value, digits));
    let figure = |name, key, text, direction, meaning| Figure {
        name,
        key,
        text,
        direction,
        meaning,
    };
    vec![
        (
            "Return",
            vec![
                figure(
                    "Total return",
                    "total-return",
                    signed(metrics.total_return),
                    Some(metrics.total_return),
                    "Final equity over initial capital, less one; after all fees.",
                ),
                figure(
                    "Annual growth",
                    "cagr",
                    or_none(metrics.cagr, signed),
                    metrics.cagr,
                    "Compound annual growth rate: the steady yearly return that would end at the same equity. Needs at \
                 least a day.",
                ),
                figure(
                    "Buy and hold",
                    "buy-and-hold",
                    or_none(metrics.buy_and_hold_return, signed),
                    metrics.buy_and_hold_return,
                    "What simply holding the instrument would have returned over the same span.",
                ),
                figure(
                    "Alpha",
                    "alpha",
                    or_none(metrics.alpha, signed),
                    metrics.alpha,
                    "Jensen's alpha: the yearly return that holding the market does not explain.",
                ),
                figure(
                    "Beta",
                    "beta",
                    or_none(metrics.beta, plain),
                    None,
                    "How much of the market's daily moves the equity follows: 1 moves with it, 0 ignores it.",
                ),
            ],
        ),
        (
            "Risk",
            vec![
                figure(
                    "Max drawdown",
                    "max-drawdown",
                    ratio(metrics.max_drawdown),
                    None,
                    "The largest fall of equity from a peak, as a share of the peak.",
                ),
                figure(
                    "Longest drawdown",
                    "drawdown-duration",
                    format::duration(metrics.max_drawdown_duration_s as f64),
                    None,
                    "The longest time from a peak of equity until it was reached again, or until the end.",
                ),
                figure(
                    "Volatility",
                    "volatility",
                    or_none(metrics.volatility, ratio),
                    None,
                    "Standard deviation of daily returns, as a yearly rate.",
                ),
                figure(
                    "Sharpe",
                    "sharpe",
                    or_none(metrics.sharpe, plain),
                    None,
                    "Mean daily return over its standard deviation, annualised, risk-free rate 0. Above 1 is good, above \
                 2 rare; on a short span it is mostly luck.",
                ),
                figure(
                    "Sortino",
                    "sortino",
                    or_none(metrics.sortino, plain),
                    None,
                    "Like Sharpe, but only falls count as risk.",
                ),
                figure(
                    "Calmar",
                    "calmar",
                    or_none(metrics.calmar, plain),
                    None,
                    "Annual growth over the largest drawdown.",
                ),
            ],
        ),
        (
            "Trades",
            vec![
                figure(
                    "Trades",
                    "trades",
                    format::count(metrics.trades),
                    None,
                    "Closed round trips.",
                ),
                figure(
                    "Win rate",
                    "win-rate",
                    or_none(metrics.win_rate, |value| format::percent(value, 1)),
                    None,
                    "Share of closed trades with a profit after fees.",
                ),
                figure(
                    "Profit factor",
                    "profit-factor",
                    or_none(metrics.profit_factor, plain),
                    None,
                    "Gross profit over gross loss: above 1 earns. None while nothing was lost.",
                ),
                figure(
                    "Expectancy",
                    "expectancy",
                    or_none(metrics.expectancy, money),
                    metrics.expectancy,
                    "What a trade brought on average, after fees.",
                ),
                figure(
                    "Average win",
                    "average-win",
                    or_none(metrics.average_win, money),
                    metrics.average_win,
                    "Mean profit of the winning trades.",
                ),
                figure(
                    "Average loss",
                    "average-loss",
                    or_none(metrics.average_loss, money),
                    metrics.average_loss,
                    "Mean loss of the losing trades.",
                ),
                figure(
                    "Largest win",
                    "largest-win",
                    or_none(metrics.largest_win, money),
                    metrics.largest_win,
                    "The best single trade. If it carries the whole result, the result is one trade's luck.",
                ),
                figure(
                    "Largest loss",
                    "largest-loss",
                    or_none(metrics.largest_loss, money),
                    metrics.largest_loss,
                    "The worst single trade.",
                ),
            ],
        ),
        (
            "Activity",
            vec![
                figure(
                    "Exposure",
                    "exposure",
                    format::percent(metrics.exposure, 1),
                    None,
                    "Share of bars with a position.",
                ),
                figure(
                    "Turnover",
                    "turnover",
                    format!("{}×", plain(metrics.turnover)),
                    None,
                    "Value of all fills over mean equity: what fees and slippage are paid on.",
                ),
                figure(
                    "Fees",
                    "total-fees",
                    format!("{} {currency}", format::number(metrics.total_fees, digits)),
                    None,
                    "All fees paid.",
                ),
            ],
        ),
    ]
}

/// What is not told of data with spans left out.
const AGAINST_THE_MARKET: [&str; 3] = ["buy-and-hold", "alpha", "beta"];

/// The figures of all data beside those without the spans that are in doubt.
pub(crate) fn compared(all: &Metrics, without: &Metrics, currency: &str) -> AnyView {
    let flat = |metrics| {
        let groups = figures(metrics, currency).into_iter();
        groups.flat_map(|(_, figures)| figures)
    };
    let rows: Vec<_> = flat(all)
        .zip(flat(without))
        .filter(|(figure, _)| !AGAINST_THE_MARKET.contains(&figure.key))
        .map(|(all, without)| {
            view! {
                <tr title=all.meaning>
                    {table::cell("Figure", all.name.into_any(), None)}
                    {table::figure("All data", all.text)}
                    {table::figure("Without them", without.text)}
                </tr>
            }
        })
        .collect();
    let columns = vec![
        table::text("Figure"),
        table::number("All data"),
        table::number("Without them"),
    ];
    table::table("cards-on-phone", columns, rows.into_any())
}

/// All figures in groups; what each means shows on hover and focus.
#[component]
pub(crate) fn MetricList(
    /// The figures.
    #[prop(into)]
    metrics: Signal<Metrics>,
    /// The currency of amounts.
    #[prop(into)]
    currency: String,
) -> impl IntoView {
    let currency = StoredValue::new(currency);
    // The list's shape never changes, only its texts: each figure is its own signal.
    let all = memo(move |_| {
        let groups = metrics.with(|metrics| currency.with_value(|currency| figures(metrics, currency)));
        groups
            .into_iter()
            .flat_map(|(_, figures)| figures)
            .map(|figure| (figure.text, figure.direction))
            .collect::<Vec<_>>()
    });
    let mut index = 0;
    let groups: Vec<_> = figures(&Metrics::default(), "")
        .into_iter()
        .map(|(title, figures)| {
            let rows: Vec<_> = figures
                .into_iter()
                .map(|figure| {
                    let at = index;
                    index += 1;
                    let text = Signal::derive(move || all.with(|all| all[at].0.clone()));
                    let value = Signal::derive(move || all.with(|all| all[at].1.unwrap_or_default()));
                    let directed = memo(move |_| {
                        all.with(|all| {
                            all[at]
                                .1
                                .is_some_and(|value| Direction::of(value) != Direction::Flat)
                        })
                    });
                    let about = format!("about-{}", figure.key);
                    let described_by = about.clone();
                    view! {
                        <div class="metric" tabindex="0" aria-describedby=described_by>
                            <dt>{figure.name}</dt>
                            <dd data-testid=format!("metric-{}", figure.key)>
                                <Show when=move || directed.get() fallback=move || text>
                                    <Change value text />
                                </Show>
                            </dd>
                            <span class="meaning" role="tooltip" id=about>{figure.meaning}</span>
                        </div>
                    }
                })
                .collect();
            view! {
                <div class="metrics">
                    <h3>{title}</h3>
                    <dl>{rows}</dl>
                </div>
            }
        })
        .collect();
    view! { <div class="metric-groups">{groups}</div> }
}
