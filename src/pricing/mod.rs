//! What an option is worth, and how that changes: Black–Scholes–Merton with a continuous dividend yield, its greeks and
//! its inverse, a binomial tree for early exercise, and chains of quoted options.
//!
//! Everything here is `f64` and nothing here is money: a price crosses into decimals where an order is made of it.
//! Transcendental functions come from `libm`, so that the browser computes the same bits.
//!
//! ```
//! use papertape::model::OptionRight;
//! use papertape::pricing::{Vanilla, VanillaInputs, Volatility};
//!
//! let call = Vanilla::new(VanillaInputs {
//!     right: OptionRight::Call,
//!     spot: 42.0,
//!     strike: 40.0,
//!     years: 0.5,
//!     rate: 0.1,
//!     dividend_yield: 0.0,
//! })?;
//! let price = call.price(Volatility::new(0.2)?);
//! assert!((price - 4.759_422).abs() < 1e-6); // Hull, Options, Futures and Other Derivatives, example 15.6
//! assert!((call.implied_volatility(price)?.get() - 0.2).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod american;
mod black_scholes;
mod chain;
mod implied;
mod model_price;
mod normal;

pub use american::TreeSteps;
pub use black_scholes::{Greeks, PricingError, Vanilla, VanillaInputs, Volatility};
pub use chain::{ChainEntry, ChainError, OptionChain};
pub use implied::ImpliedVolatilityError;
pub use model_price::{ModelAssumptions, ModelPrice, model_price, years_between};
pub use normal::{normal_cdf, normal_pdf, normal_quantile};
