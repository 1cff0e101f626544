//! Prices and greeks of a real day's chain: GOOG, 24 December 2015, as QuantConnect's Lean holds it.
//!
//! What the vendor assumed is not written beside the numbers; the numbers say it. The calls without a volatility have
//! delta = e^(−qT) and rho = K T e^(−rT), and vega ÷ gamma = S² σ T for the others: together r = 1.00 % (the Federal
//! Reserve's primary credit rate since 17 December 2015), q = 0.11373 % and T = whole days from the midnight that ended the
//! day to the midnight that began the day of expiry, ÷ 365. Greeks are of the European option. Its gamma leaves out the
//! factor e^(−qT).

#[path = "support/shared_data.rs"]
mod shared_data;

use papertape::model::{OptionRight, Timestamp};
use papertape::pricing::{
    ChainEntry, Greeks, OptionChain, Vanilla, VanillaInputs, Volatility, years_between,
};

const RATE: f64 = 0.01;
const DIVIDEND_YIELD: f64 = 0.001_137_32;

/// The chain, when the machine has it: `PAPERTAPE_SHARED` names the folder above `data`.
fn chain() -> Option<OptionChain> {
    let path = shared_data::shared_data("GOOG-20151224-option-chain.csv")?;
    let text = std::fs::read_to_string(path).expect("a text");
    Some(OptionChain::parse(&text).expect("a chain"))
}

fn vanilla(chain: &OptionChain, entry: &ChainEntry) -> Vanilla {
    let close = Timestamp::parse("2015-12-25").expect("a day");
    Vanilla::new(VanillaInputs {
        right: entry.right,
        spot: chain.underlying(),
        strike: entry.strike.to_f64(),
        years: years_between(close, entry.expiry),
        rate: RATE,
        dividend_yield: DIVIDEND_YIELD,
    })
    .expect("an option")
}

fn is_out_of_the_money(chain: &OptionChain, entry: &ChainEntry) -> bool {
    (entry.right == OptionRight::Call) == (entry.strike.to_f64() > chain.underlying())
}

#[test]
fn the_greeks_of_every_option_with_a_volatility_are_the_vendors() {
    let Some(chain) = chain() else { return };
    let mut worst = [0.0_f64; 5];
    let mut count = 0;
    for entry in chain.entries() {
        let Some(sigma) = entry.implied_volatility else {
            continue;
        };
        let option = vanilla(&chain, entry);
        let greeks = option.greeks(Volatility::new(sigma).expect("a volatility"));
        let undiscounted = libm::exp(DIVIDEND_YIELD * option.inputs().years);
        let in_vendors_units = |greeks: &Greeks| {
            [
                greeks.delta,
                greeks.gamma,
                greeks.vega_per_point(),
                greeks.theta_per_day(),
                greeks.rho_per_point(),
            ]
        };
        let ours = in_vendors_units(&Greeks {
            gamma: greeks.gamma * undiscounted,
            ..greeks
        });
        for (index, (ours, theirs)) in ours.into_iter().zip(in_vendors_units(&entry.greeks)).enumerate() {
            worst[index] = worst[index].max((ours - theirs).abs());
        }
        count += 1;
    }
    eprintln!(
        "{count} options; delta, gamma, vega and rho a point, theta a day are off by at most {}",
        worst.map(|off| format!("{off:.0e}")).join(", ")
    );
    assert_eq!(count, 1_862);
    // The file writes seven digits after the point, of the greeks and of the volatility that they are computed from.
    for (worst, tolerance) in worst.into_iter().zip([2e-6, 1e-7, 1e-5, 2e-7, 3e-5]) {
        assert!(worst < tolerance, "{worst} {tolerance}");
    }
}

#[test]
fn options_without_a_volatility_have_the_greeks_of_its_absence() {
    let Some(chain) = chain() else { return };
    let mut count = 0;
    for entry in chain
        .entries()
        .iter()
        .filter(|entry| entry.implied_volatility.is_none())
    {
        // The vendor's search failed and left zero, and it took every call to be exercised and no put, wherever its
        // strike is: what a volatility of nearly none says of a strike below the market.
        let VanillaInputs { years, strike, .. } = *vanilla(&chain, entry).inputs();
        let (delta, rho) = match entry.right {
            OptionRight::Call => (
                libm::exp(-DIVIDEND_YIELD * years),
                strike * years * libm::exp(-RATE * years),
            ),
            OptionRight::Put => (0.0, 0.0),
        };
        assert!((entry.greeks.delta - delta).abs() < 1e-6, "{entry:?}");
        assert!((entry.greeks.rho - rho).abs() < 2e-3, "{entry:?} {rho}");
        assert_eq!((entry.greeks.gamma, entry.greeks.vega), (0.0, 0.0), "{entry:?}");
        count += 1;
    }
    eprintln!("{count} options without a volatility");
}

#[test]
fn closes_that_were_quoted_are_the_prices_of_the_volatilities_given() {
    let Some(chain) = chain() else { return };
    // Of (option, cents off): with open interest the close is a trade's, hours or weeks old, and the volatility was not
    // computed from it; without, it is the last quote's.
    let (mut quoted, mut traded) = (Vec::new(), Vec::new());
    for entry in chain
        .entries()
        .iter()
        .filter(|entry| is_out_of_the_money(&chain, entry))
    {
        let Some(sigma) = entry.implied_volatility else {
            continue;
        };
        let sigma = Volatility::new(sigma).expect("a volatility");
        let off = (vanilla(&chain, entry).price(sigma) - entry.close).abs();
        if entry.open_interest.is_none() {
            quoted.push(off)
        } else {
            traded.push(off)
        }
    }
    let within = |offs: &[f64], most: f64| offs.iter().filter(|off| **off <= most).count();
    for (what, offs) in [("quoted", &quoted), ("traded", &traded)] {
        let counts = [0.01, 0.05, 0.5, 5.0].map(|most| within(offs, most));
        eprintln!(
            "{what}: {} options, within 0.01, 0.05, 0.50, 5.00: {counts:?}",
            offs.len()
        );
    }
    assert_eq!((quoted.len(), traded.len()), (286, 645));
    assert_eq!(within(&quoted, 0.01), 286);
    assert_eq!(within(&traded, 0.05), 2);
}

#[test]
fn the_volatility_of_a_quoted_close_is_the_vendors() {
    let Some(chain) = chain() else { return };
    let quoted = |entry: &&ChainEntry| is_out_of_the_money(&chain, entry) && entry.open_interest.is_none();
    let mut off: Vec<f64> = chain
        .entries()
        .iter()
        .filter(quoted)
        .filter_map(|entry| {
            let implied = vanilla(&chain, entry)
                .implied_volatility(entry.close)
                .expect("a volatility")
                .get();
            Some((implied / entry.implied_volatility? - 1.0).abs())
        })
        .collect();
    off.sort_by(f64::total_cmp);
    eprintln!(
        "{} volatilities: median {:.1e}, largest {:.1e} off, as shares",
        off.len(),
        off[off.len() / 2],
        off[off.len() - 1]
    );
    assert!(off[off.len() - 1] < 2e-4);
}

#[test]
fn the_chain_is_asked_as_traders_ask() {
    let Some(chain) = chain() else { return };
    assert_eq!(chain.underlying(), 748.4);
    assert_eq!((chain.entries().len(), chain.expiries().count()), (2_016, 11));
    let january = Timestamp::parse("2016-01-22").expect("a day");
    assert_eq!(
        (chain.expiring(january).len(), chain.strikes(january).count()),
        (174, 87)
    );
    let strike = |entry: Option<&ChainEntry>| entry.map(|entry| entry.strike.to_string());
    let call = OptionRight::Call;
    assert_eq!(
        strike(chain.nearest_to_the_money(january, call)).as_deref(),
        Some("747.5")
    );
    let by_delta = chain.nearest_by_delta(january, call, 0.25).expect("a call");
    assert!((by_delta.greeks.delta - 0.25).abs() < 0.05, "{by_delta:?}");
}
