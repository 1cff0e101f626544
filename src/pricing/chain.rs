//! Option chains: all the options on one underlying, as a data vendor lists them at the end of a day.

use super::Greeks;
use crate::model::{OptionRight, Price, Timestamp};

/// One option of a chain, with what the vendor computed for it.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainEntry {
    /// Midnight UTC of the day on which it expires.
    pub expiry: Timestamp,
    /// The strike.
    pub strike: Price,
    /// Call or put.
    pub right: OptionRight,
    /// The last price of the day, in quote currency for one unit of the underlying.
    pub close: f64,
    /// Contracts traded on the day.
    pub volume: f64,
    /// Contracts outstanding, where the vendor says it.
    pub open_interest: Option<f64>,
    /// Volatility a year (0.2 is 20 %); `None` where the vendor could not compute it and wrote zero.
    pub implied_volatility: Option<f64>,
    /// The vendor's greeks, in this library's units.
    pub greeks: Greeks,
}

/// All options on one underlying, by expiry, strike and right.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionChain {
    underlying: f64,
    entries: Vec<ChainEntry>,
}

/// The text is no chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The header lacks a column.
    #[error("line 1: the column '{0}' is missing")]
    MissingColumn(&'static str),
    /// A field says nothing that its column could mean.
    #[error("line {line}: {column} '{text}' is not usable")]
    Field {
        /// Counted from 1.
        line: usize,
        /// Which column.
        column: &'static str,
        /// What it says.
        text: String,
    },
    /// No row without an expiry: the underlying's price is unknown.
    #[error("there is no row of the underlying (one without an expiry)")]
    NoUnderlying,
    /// The same option twice.
    #[error("the {right:?} {strike} of {expiry} is there twice")]
    Duplicate {
        /// Of both.
        expiry: Timestamp,
        /// Of both.
        strike: Price,
        /// Of both.
        right: OptionRight,
    },
}

/// The columns that are read, in the order in which [`Row`] counts them.
const COLUMNS: [&str; 12] = [
    "expiry",
    "strike",
    "right",
    "close",
    "volume",
    "open_interest",
    "implied_volatility",
    "delta",
    "gamma",
    "vega",
    "theta",
    "rho",
];

impl OptionChain {
    /// Reads CSV with a header: `expiry, strike, right (C or P), close, volume, open_interest, implied_volatility, delta,
    /// gamma, vega, theta, rho`, in any order, other columns ignored. The row without an expiry is the underlying. Vega and
    /// rho are per point, theta per day, as vendors write them. Fields hold no commas and no quotes.
    ///
    /// # Errors
    /// [`ChainError`] with the line and what is wrong in it.
    pub fn parse(text: &str) -> Result<Self, ChainError> {
        let mut lines = text.lines();
        let places = places(lines.next().unwrap_or_default())?;
        let mut underlying = None;
        let mut entries = Vec::new();
        for (index, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let row = Row {
                line: index + 2,
                fields: line.split(',').map(str::trim).collect(),
                places,
            };
            if row.text("expiry").is_empty() {
                underlying = Some(row.number("close")?);
            } else {
                entries.push(row.entry()?);
            }
        }
        entries.sort_by_key(|entry: &ChainEntry| (entry.expiry, entry.strike, entry.right));
        let same = |pair: &&[ChainEntry]| {
            (pair[0].expiry, pair[0].strike, pair[0].right) == (pair[1].expiry, pair[1].strike, pair[1].right)
        };
        if let Some([twice, ..]) = entries.windows(2).find(same) {
            let ChainEntry {
                expiry,
                strike,
                right,
                ..
            } = *twice;
            return Err(ChainError::Duplicate {
                expiry,
                strike,
                right,
            });
        }
        Ok(Self {
            underlying: underlying.ok_or(ChainError::NoUnderlying)?,
            entries,
        })
    }

    /// The underlying's last price, in quote currency.
    #[must_use]
    pub const fn underlying(&self) -> f64 {
        self.underlying
    }

    /// All options, by expiry, strike and right.
    #[must_use]
    pub fn entries(&self) -> &[ChainEntry] {
        &self.entries
    }

    /// The days of expiry, nearest first.
    pub fn expiries(&self) -> impl Iterator<Item = Timestamp> {
        self.entries
            .chunk_by(|a, b| a.expiry == b.expiry)
            .map(|of| of[0].expiry)
    }

    /// The options that expire on a day, by strike and right; none for a day without any.
    #[must_use]
    pub fn expiring(&self, expiry: Timestamp) -> &[ChainEntry] {
        let from = self.entries.partition_point(|entry| entry.expiry < expiry);
        let to = self.entries.partition_point(|entry| entry.expiry <= expiry);
        &self.entries[from..to]
    }

    /// The strikes of an expiry, lowest first.
    pub fn strikes(&self, expiry: Timestamp) -> impl Iterator<Item = Price> {
        self.expiring(expiry)
            .chunk_by(|a, b| a.strike == b.strike)
            .map(|of| of[0].strike)
    }

    /// The option of an expiry, strike and right.
    #[must_use]
    pub fn find(&self, expiry: Timestamp, strike: Price, right: OptionRight) -> Option<&ChainEntry> {
        let of = self.expiring(expiry);
        let index = of
            .binary_search_by_key(&(strike, right), |entry| (entry.strike, entry.right))
            .ok()?;
        Some(&of[index])
    }

    /// The calls or the puts of an expiry, by strike.
    pub fn of_right(&self, expiry: Timestamp, right: OptionRight) -> impl Iterator<Item = &ChainEntry> {
        self.expiring(expiry)
            .iter()
            .filter(move |entry| entry.right == right)
    }

    /// The call or put of an expiry whose strike is nearest to the underlying; of two as near, the lower strike.
    #[must_use]
    pub fn nearest_to_the_money(&self, expiry: Timestamp, right: OptionRight) -> Option<&ChainEntry> {
        let distance = |entry: &&ChainEntry| (entry.strike.to_f64() - self.underlying).abs();
        self.of_right(expiry, right)
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }

    /// The call or put of an expiry whose delta is nearest to `delta` (a put's is negative), among those whose volatility
    /// the vendor computed: without one, delta says only which side of the strike the market is on.
    #[must_use]
    pub fn nearest_by_delta(&self, expiry: Timestamp, right: OptionRight, delta: f64) -> Option<&ChainEntry> {
        let distance = |entry: &&ChainEntry| (entry.greeks.delta - delta).abs();
        self.of_right(expiry, right)
            .filter(|entry| entry.implied_volatility.is_some())
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }
}

/// Where each of [`COLUMNS`] stands in a line.
fn places(header: &str) -> Result<[usize; COLUMNS.len()], ChainError> {
    let mut places = [0; COLUMNS.len()];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let mut names = header.split(',');
        *place = names
            .position(|name| name.trim() == column)
            .ok_or(ChainError::MissingColumn(column))?;
    }
    Ok(places)
}

struct Row<'a> {
    line: usize,
    fields: Vec<&'a str>,
    places: [usize; COLUMNS.len()],
}

impl Row<'_> {
    fn text(&self, column: &'static str) -> &str {
        let place = COLUMNS.iter().position(|name| *name == column);
        place
            .and_then(|place| self.fields.get(self.places[place]))
            .copied()
            .unwrap_or_default()
    }

    fn unusable(&self, column: &'static str) -> ChainError {
        let text = self.text(column).chars().take(40).collect();
        ChainError::Field {
            line: self.line,
            column,
            text,
        }
    }

    fn number(&self, column: &'static str) -> Result<f64, ChainError> {
        let number = self.text(column).parse().ok();
        number
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| self.unusable(column))
    }

    /// A number that is not negative.
    fn amount(&self, column: &'static str) -> Result<f64, ChainError> {
        let number = self.number(column)?;
        if number < 0.0 {
            Err(self.unusable(column))
        } else {
            Ok(number)
        }
    }

    fn entry(&self) -> Result<ChainEntry, ChainError> {
        let strike = self.text("strike").parse().map_err(|_| self.unusable("strike"))?;
        if strike <= rust_decimal::Decimal::ZERO {
            return Err(self.unusable("strike"));
        }
        let volatility = self.amount("implied_volatility")?;
        Ok(ChainEntry {
            expiry: Timestamp::parse(self.text("expiry")).map_err(|_| self.unusable("expiry"))?,
            strike: Price(strike),
            right: match self.text("right") {
                "C" => OptionRight::Call,
                "P" => OptionRight::Put,
                _ => return Err(self.unusable("right")),
            },
            close: self.amount("close")?,
            volume: self.amount("volume")?,
            open_interest: match self.text("open_interest") {
                "" => None,
                _ => Some(self.amount("open_interest")?),
            },
            implied_volatility: (volatility > 0.0).then_some(volatility),
            greeks: Greeks {
                delta: self.number("delta")?,
                gamma: self.number("gamma")?,
                vega: self.number("vega")? * 100.0,
                theta: self.number("theta")? * 365.0,
                rho: self.number("rho")? * 100.0,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    const HEADER: &str =
        "expiry,strike,right,open,close,volume,open_interest,implied_volatility,delta,gamma,vega,theta,rho";
    const ROWS: &str = "\
,,,99,100.4,1000,,,,,,,
2024-03-15,105,C,1,1.5,3,7,0.21,0.30,0.03,0.1,-0.02,0.05
2024-03-15,100,P,2,2.5,0,,0.20,-0.48,0.04,0.12,-0.03,-0.06
2024-03-15,100,C,3,3.5,4,9,0.20,0.52,0.04,0.12,-0.03,0.06
2024-02-16,100,C,3,1.9,4,9,0,1,0,0,0,0
";

    #[test]
    fn a_chain_is_read_in_order_and_asked_by_expiry_strike_money_and_delta() {
        let chain = OptionChain::parse(&format!("{HEADER}\n{ROWS}")).expect("a chain");
        let [february, march] = ["2024-02-16", "2024-03-15"].map(|day| Timestamp::parse(day).expect("a day"));
        assert_eq!(chain.underlying(), 100.4);
        assert_eq!(chain.expiries().collect::<Vec<_>>(), [february, march]);
        assert_eq!(
            chain.strikes(march).collect::<Vec<_>>(),
            [Price(Decimal::from(100)), Price(Decimal::from(105))]
        );
        assert_eq!(chain.of_right(march, OptionRight::Put).count(), 1);
        let strike = |entry: Option<&ChainEntry>| entry.map(|entry| entry.strike.0);
        assert_eq!(
            strike(chain.nearest_to_the_money(march, OptionRight::Call)),
            Some(Decimal::from(100))
        );
        assert_eq!(
            strike(chain.nearest_by_delta(march, OptionRight::Call, 0.25)),
            Some(Decimal::from(105))
        );
        // Its volatility was not computed.
        assert_eq!(chain.nearest_by_delta(february, OptionRight::Call, 1.0), None);
        let call = chain
            .find(march, Price(Decimal::from(105)), OptionRight::Call)
            .expect("it is there");
        assert_eq!(
            (call.open_interest, call.implied_volatility),
            (Some(7.0), Some(0.21))
        );
        assert!((call.greeks.vega_per_point() - 0.1).abs() < 1e-15);
        assert_eq!(chain.expiring(Timestamp::EPOCH), []);
    }

    #[test]
    fn what_is_no_chain_says_where_and_why() {
        let twice = format!(
            "{HEADER}\n{ROWS}{}",
            "2024-03-15,100.0,C,3,3.5,4,9,0.20,0.52,0.04,0.12,-0.03,0.06\n"
        );
        for (text, message) in [
            (
                "expiry,strike".to_owned(),
                "line 1: the column 'right' is missing",
            ),
            (
                HEADER.to_owned(),
                "there is no row of the underlying (one without an expiry)",
            ),
            (
                format!("{HEADER}\n2024-03-15,105,X,1,1,3,7,0.2,0,0,0,0,0"),
                "line 2: right 'X' is not usable",
            ),
            (
                format!("{HEADER}\n2024-03-15,-5,C,1,1,3,7,0.2,0,0,0,0,0"),
                "line 2: strike '-5' is not usable",
            ),
            (
                format!("{HEADER}\n\nsoon,105,C,1,1,3,7,0.2,0,0,0,0,0"),
                "line 3: expiry 'soon' is not usable",
            ),
            (
                format!("{HEADER}\n2024-03-15,105,C,1,NaN,3,7,0.2,0,0,0,0,0"),
                "line 2: close 'NaN' is not usable",
            ),
            (twice, "the Call 100 of 2024-03-15T00:00:00Z is there twice"),
        ] {
            assert_eq!(
                OptionChain::parse(&text).expect_err("no chain").to_string(),
                message
            );
        }
    }
}
