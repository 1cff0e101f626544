//! Options: how a session quotes them, what is listed, several as one order, exercise.

use super::{FieldErrors, Number};
use crate::engine::{ComboRequest, ExerciseRequest, LegRequest, OptionDesk, OptionModel, PositionGreeks};
use crate::market::{listed_option, listed_options, option_expiry};
use crate::model::{
    Instrument, InstrumentKind, OptionName, OptionRight, Price, Quantity, Side, Symbol, Timestamp,
};
use crate::order::TimeInForceWord;
use crate::pricing::{ChainEntry, Greeks, ModelAssumptions, OptionChain, Volatility};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// `options` of `POST /sessions` and `POST /accounts`: how options on the shares of a session are quoted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptionSettings {
    /// Volatility a year (0.3 is 30 %). With `chain` it counts for options of which the chain says none.
    pub volatility: Option<f64>,
    /// Riskless rate a year, continuously compounded.
    pub rate: f64,
    /// Dividend yield a year, continuously compounded.
    pub dividend_yield: f64,
    /// Half the spread, as a share of the model's price; a cent at least.
    pub half_spread: f64,
    /// Contracts quoted on either side.
    pub size: u32,
    /// Whether the options are those of the imported chain, each with the volatility that the chain implies.
    pub chain: bool,
}

impl Default for OptionSettings {
    fn default() -> Self {
        Self {
            volatility: None,
            rate: 0.0,
            dividend_yield: 0.0,
            half_spread: 0.02,
            size: 20,
            chain: false,
        }
    }
}

impl OptionSettings {
    /// Adds what is out of range to `errors`.
    pub fn check(&self, errors: &mut FieldErrors) {
        let within = |value: f64, low: f64, high: f64| (low..=high).contains(&value);
        errors.check(
            self.volatility.map_or(self.chain, |it| within(it, 0.001, 5.0)),
            "options.volatility",
            "say the volatility a year, from 0.001 to 5 (0.3 is 30 %), or chain: true for that of an imported chain",
        );
        for (path, rate) in [
            ("options.rate", self.rate),
            ("options.dividend_yield", self.dividend_yield),
        ] {
            errors.check(
                within(rate, -1.0, 1.0),
                path,
                "write a share a year from -1 to 1 (0.04 is 4 %)",
            );
        }
        errors.check(
            within(self.half_spread, 0.0, 0.5),
            "options.half_spread",
            "write a share of the price from 0 to 0.5",
        );
        errors.check(
            (1..=1_000_000).contains(&self.size),
            "options.size",
            "write a whole number of contracts from 1 to 1000000",
        );
    }

    /// The model that a session runs with; `chains` are the imported ones with their shares, where they are asked for.
    #[must_use]
    pub fn model(&self, chains: &[(Symbol, OptionChain)]) -> OptionModel {
        let volatility = self.volatility.and_then(|it| Volatility::new(it).ok());
        let chain = self.chain.then(|| {
            let all = chains.iter().flat_map(|(shares, chain)| {
                let root = OptionName::root_of(shares).unwrap_or_default();
                chain.entries().iter().filter_map(move |entry| {
                    let name = name_of(&root, entry)?;
                    let implied = implied_volatility(chain, entry).or(volatility)?;
                    Some((name.symbol(), implied))
                })
            });
            let mut all: Vec<_> = all.collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        });
        OptionModel {
            assumptions: ModelAssumptions {
                volatility: volatility.unwrap_or(Volatility::ZERO),
                rate: self.rate,
                dividend_yield: self.dividend_yield,
            },
            half_spread: self.half_spread,
            size: f64::from(self.size),
            chain,
        }
    }
}

fn name_of(root: &str, entry: &ChainEntry) -> Option<OptionName> {
    let day = entry.expiry.to_datetime().date_naive();
    OptionName::new(root, day, entry.right, entry.strike)
}

/// The volatility of an entry, or that of the other right at the same strike: put and call of one strike have the same.
fn implied_volatility(chain: &OptionChain, entry: &ChainEntry) -> Option<Volatility> {
    let other = match entry.right {
        OptionRight::Call => OptionRight::Put,
        OptionRight::Put => OptionRight::Call,
    };
    let stated = entry
        .implied_volatility
        .or_else(|| chain.find(entry.expiry, entry.strike, other)?.implied_volatility);
    Volatility::new(stated?).ok()
}

/// `POST /accounts/{id}/orders` with `legs`: several options as one order, all legs or none.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComboBody {
    /// What is bought and sold of each, for one combination.
    pub legs: Vec<LegOfComboBody>,
    /// How many combinations; one when absent.
    #[serde(default)]
    pub quantity: Option<Number>,
    /// The most that one may cost, a unit of the underlying: positive is a debit, negative a credit. Absent: what is shown.
    #[serde(default, alias = "price")]
    pub net_price: Option<Number>,
    /// `gtc` (when absent), `day`, `ioc` or `fok`.
    #[serde(default)]
    pub time_in_force: Option<TimeInForceWord>,
}

/// One leg of a [`ComboBody`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegOfComboBody {
    /// Which option.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// How many for one combination; one when absent.
    #[serde(default)]
    pub ratio: Option<u32>,
}

impl From<ComboBody> for ComboRequest {
    fn from(body: ComboBody) -> Self {
        let leg = |leg: LegOfComboBody| LegRequest {
            symbol: leg.symbol,
            side: leg.side,
            ratio: leg.ratio.unwrap_or(1),
        };
        Self {
            legs: body.legs.into_iter().map(leg).collect(),
            quantity: Quantity(body.quantity.map_or(Decimal::ONE, |quantity| quantity.0)),
            net_price: body.net_price.map(|price| price.0),
            time_in_force: body.time_in_force.unwrap_or(TimeInForceWord::Gtc),
        }
    }
}

/// `POST /accounts/{id}/exercise`: options that are held are made use of now.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExerciseBody {
    /// Which option.
    pub symbol: Symbol,
    /// How many contracts.
    pub quantity: Number,
}

impl From<ExerciseBody> for ExerciseRequest {
    fn from(body: ExerciseBody) -> Self {
        Self {
            symbol: body.symbol,
            quantity: Quantity(body.quantity.0),
        }
    }
}

/// `GET /markets/{symbol}/options`: the options on shares, by expiry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptionBoard {
    /// The shares.
    pub underlying: Symbol,
    /// Their price, in quote currency.
    pub price: f64,
    /// When it was that; of an imported chain nobody says.
    pub time: Option<Timestamp>,
    /// Where the prices are from: `model` or `chain`.
    pub source: String,
    /// Nearest first.
    pub expiries: Vec<BoardExpiry>,
}

/// The options of one day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoardExpiry {
    /// The day that the options are named by.
    pub day: String,
    /// The last moment of trading.
    pub expires_at: Option<Timestamp>,
    /// By strike, the call before the put.
    pub options: Vec<BoardOption>,
}

/// One option with its prices, in quote currency a unit of the underlying.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoardOption {
    /// What an order names it by.
    pub symbol: Symbol,
    /// As people write it.
    pub name: String,
    /// Call or put.
    pub right: OptionRight,
    /// The strike.
    pub strike: Price,
    /// The best bid; `None` where nobody bids.
    pub bid: Option<f64>,
    /// The best ask.
    pub ask: Option<f64>,
    /// The model's price; of a chain its close.
    pub price: f64,
    /// Volatility a year (0.3 is 30 %).
    pub implied_volatility: Option<f64>,
    /// How the price of one unit changes: vega and rho per point, theta per day.
    pub greeks: BoardGreeks,
}

/// Greeks as traders quote them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoardGreeks {
    /// Per 1 of the underlying's price.
    pub delta: f64,
    /// Of delta, per 1 of the underlying's price.
    pub gamma: f64,
    /// Per point of volatility.
    pub vega: f64,
    /// Per calendar day.
    pub theta: f64,
    /// Per point of the rate.
    pub rho: f64,
}

impl From<Greeks> for BoardGreeks {
    fn from(greeks: Greeks) -> Self {
        let PositionGreeks {
            delta,
            gamma,
            vega,
            theta,
            rho,
            ..
        } = PositionGreeks::of(&greeks, Volatility::ZERO, 1.0);
        Self {
            delta,
            gamma,
            vega,
            theta,
            rho,
        }
    }
}

impl OptionBoard {
    /// What a session's options are quoted at now: those of its chain, else those that exchanges would have listed.
    #[must_use]
    pub fn of_desk(desk: &OptionDesk) -> Self {
        let shares = desk.underlying.symbol();
        let names: Vec<OptionName> = match &desk.model.chain {
            Some(chain) => chain
                .iter()
                .filter_map(|(symbol, _)| OptionName::of(symbol))
                .filter(|name| name.is_on(shares))
                .collect(),
            None => listed_options(shares, desk.spot, desk.time),
        };
        let options = names
            .iter()
            .filter_map(|name| Some((name.clone(), row_of_model(desk, name)?)));
        Self {
            underlying: shares.clone(),
            price: desk.spot,
            time: Some(desk.time),
            source: "model".to_owned(),
            expiries: by_day(options),
        }
    }

    /// What a chain says.
    #[must_use]
    pub fn of_chain(shares: &Symbol, chain: &OptionChain) -> Self {
        let root = OptionName::root_of(shares).unwrap_or_default();
        let options = chain.entries().iter().filter_map(|entry| {
            let name = name_of(&root, entry)?;
            let option = BoardOption {
                bid: None,
                ask: None,
                price: entry.close,
                implied_volatility: entry.implied_volatility,
                greeks: entry.greeks.into(),
                ..BoardOption::named(&name)
            };
            Some((name, option))
        });
        Self {
            underlying: shares.clone(),
            price: chain.underlying(),
            time: None,
            source: "chain".to_owned(),
            expiries: by_day(options),
        }
    }
}

impl BoardOption {
    fn named(name: &OptionName) -> Self {
        Self {
            symbol: name.symbol(),
            name: name.to_string(),
            right: name.right(),
            strike: name.strike(),
            bid: None,
            ask: None,
            price: 0.0,
            implied_volatility: None,
            greeks: BoardGreeks {
                delta: 0.0,
                gamma: 0.0,
                vega: 0.0,
                theta: 0.0,
                rho: 0.0,
            },
        }
    }
}

/// `None` of what is over, or cannot be priced.
fn row_of_model(desk: &OptionDesk, name: &OptionName) -> Option<BoardOption> {
    let option: Instrument = listed_option(name, &desk.underlying)?;
    let InstrumentKind::Option(terms) = option.kind() else {
        return None;
    };
    if terms.expiry <= desk.time {
        return None;
    }
    let symbol = option.symbol();
    let model = desk.model.price(symbol, terms, desk.time, desk.spot).ok()?;
    let told = desk.quotes.iter().find(|(quoted, _)| quoted == symbol);
    let quote = match told {
        Some((_, quote)) => *quote,
        None => desk.model.quote(&option, model.price, desk.time)?,
    };
    Some(BoardOption {
        bid: (quote.bid_size > 0.0).then_some(quote.bid),
        ask: (quote.ask_size > 0.0).then_some(quote.ask),
        price: model.price,
        implied_volatility: desk.model.volatility(symbol).map(Volatility::get),
        greeks: model.greeks.into(),
        ..BoardOption::named(name)
    })
}

fn by_day(options: impl Iterator<Item = (OptionName, BoardOption)>) -> Vec<BoardExpiry> {
    let mut all: Vec<_> = options.collect();
    all.sort_by_key(|(name, _)| (name.day(), name.strike(), name.right()));
    let mut expiries: Vec<BoardExpiry> = Vec::new();
    for (name, option) in all {
        let day = name.day().to_string();
        match expiries.last_mut() {
            Some(last) if last.day == day => last.options.push(option),
            _ => expiries.push(BoardExpiry {
                day,
                expires_at: option_expiry(&name),
                options: vec![option],
            }),
        }
    }
    expiries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::SimulatedMarket;

    const CHAIN: &str = "\
expiry,strike,right,open,close,volume,open_interest,implied_volatility,delta,gamma,vega,theta,rho
,,,99,100.4,1000,,,,,,,
2024-03-15,105,C,1,1.5,3,7,0.21,0.30,0.03,0.1,-0.02,0.05
2024-03-15,100,P,2,2.5,0,,0.20,-0.48,0.04,0.12,-0.03,-0.06
2024-03-15,100,C,3,3.5,4,9,0,1,0,0,0,0
2024-02-16,100,C,3,1.9,4,9,0,1,0,0,0,0
";

    fn settings(json: &str) -> OptionSettings {
        serde_json::from_str(json).expect(json)
    }

    #[test]
    fn settings_are_read_by_their_names_and_checked() {
        for (json, wrong) in [
            (r#"{"volatility": 0.3}"#, &[][..]),
            (r#"{"chain": true}"#, &[]),
            ("{}", &["options.volatility"]),
            (r#"{"volatility": 0}"#, &["options.volatility"]),
            (
                r#"{"volatility": 9, "rate": 4, "dividend_yield": -2, "half_spread": 1, "size": 0}"#,
                &[
                    "options.volatility",
                    "options.rate",
                    "options.dividend_yield",
                    "options.half_spread",
                    "options.size",
                ],
            ),
        ] {
            let mut errors = FieldErrors::default();
            settings(json).check(&mut errors);
            let errors = errors.finish().err().unwrap_or_default();
            let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
            assert_eq!(paths, wrong, "{json}");
        }
        assert!(serde_json::from_str::<OptionSettings>(r#"{"vol": 1}"#).is_err());
    }

    #[test]
    fn a_chain_gives_its_volatilities_and_those_of_the_other_right() {
        let shares: Symbol = "AAPL".parse().expect("a symbol");
        let chains = [(shares.clone(), OptionChain::parse(CHAIN).expect("a chain"))];
        let of = |json: &str| {
            let model = settings(json).model(&chains);
            let all = model.chain.expect("it is asked for").into_iter();
            all.map(|(symbol, volatility)| format!("{symbol} {}", volatility.get()))
                .collect::<Vec<_>>()
        };
        let known = [
            "AAPL240315C00100000 0.2",
            "AAPL240315C00105000 0.21",
            "AAPL240315P00100000 0.2",
        ];
        assert_eq!(of(r#"{"chain": true}"#), known);
        assert_eq!(
            of(r#"{"chain": true, "volatility": 0.5}"#)[0],
            "AAPL240216C00100000 0.5"
        );
        let board = OptionBoard::of_chain(&shares, &chains[0].1);
        assert_eq!((board.source.as_str(), board.price), ("chain", 100.4));
        let days: Vec<_> = board.expiries.iter().map(|it| it.day.as_str()).collect();
        assert_eq!(days, ["2024-02-16", "2024-03-15"]);
        assert_eq!(board.expiries[1].options[1].name, "AAPL 2024-03-15 100 P");
        assert!((board.expiries[1].options[1].greeks.vega - 0.12).abs() < 1e-12);
    }

    #[test]
    fn a_board_shows_both_prices_around_the_model_s_and_greeks() {
        let shares: Symbol = "AAPL".parse().expect("a symbol");
        let desk = OptionDesk {
            underlying: SimulatedMarket::instrument(&shares),
            spot: 103.0,
            time: Timestamp::parse("2024-03-11T15:00:00Z").expect("a time"),
            model: settings(r#"{"volatility": 0.3}"#).model(&[]),
            quotes: vec![(
                "AAPL240315C00100000".parse().expect("a symbol"),
                crate::market::Quote {
                    time: Timestamp::EPOCH,
                    bid: 3.0,
                    bid_size: 5.0,
                    ask: 3.9,
                    ask_size: 0.0,
                },
            )],
        };
        let board = OptionBoard::of_desk(&desk);
        // Four weeks and seven months; the third Friday of March is of both.
        assert_eq!(board.expiries.len(), 4 + 7 - 1);
        let nearest = &board.expiries[0];
        assert_eq!(nearest.day, "2024-03-15");
        let find = |name: &str| {
            let found = nearest.options.iter().find(|option| option.name == name);
            found.expect(name)
        };
        let put = find("AAPL 2024-03-15 105 P");
        let (bid, ask) = (put.bid.expect("a bid"), put.ask.expect("an ask"));
        assert!(bid < put.price && put.price < ask && ask - bid < 0.2);
        assert!((-1.0..-0.5).contains(&put.greeks.delta) && put.greeks.theta < 0.0);
        assert_eq!(put.implied_volatility, Some(0.3));
        // What somebody quotes is theirs.
        let told = find("AAPL 2024-03-15 100 C");
        assert_eq!((told.bid, told.ask), (Some(3.0), None));
        // Nobody bids for what is worth less than a cent.
        assert_eq!(find("AAPL 2024-03-15 150 C").bid, None);
    }
}
