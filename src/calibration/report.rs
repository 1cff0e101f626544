//! What became of the orders, compared.

use super::Hypothetical;
use super::feed::{Feed, FillModel};
use super::orders::OrderPlace;
use super::world::{Outcome, worse_by_bps};
use crate::model::Timestamp;
use serde::Serialize;

/// What a calibration found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// The first moment at which orders may have been decided.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// The seed of the orders.
    pub seed: u64,
    /// How many were placed.
    pub orders: usize,
    /// How long each was watched, in seconds.
    pub horizon_secs: u32,
    /// For every feed and model: all orders, then those of each place.
    pub lines: Vec<CalibrationLine>,
}

/// What became of the orders under one feed and model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationLine {
    /// The tier of data.
    pub tier: Feed,
    /// The model's name; of bars, their length too.
    pub model: String,
    /// Whether the others are measured against it.
    pub reference: bool,
    /// Which orders; `None` for all.
    pub place: Option<OrderPlace>,
    /// How many.
    pub orders: usize,
    /// The share of them that filled whole within the horizon; `None` when there are none.
    pub fill_probability: Option<f64>,
    /// Seconds from decision to the last fill, of those that filled whole: the median.
    pub median_seconds: Option<f64>,
    /// The same, on average.
    pub mean_seconds: Option<f64>,
    /// Orders that filled, in part or whole, both here and in the reference.
    pub compared: usize,
    /// By how many basis points their average price was worse than in the reference, on average; negative when better.
    pub price_error_bps: Option<f64>,
    /// The same without sign.
    pub absolute_price_error_bps: Option<f64>,
    /// The share of the orders that filled whole here and not in the reference.
    pub flattered: Option<f64>,
    /// The share of the orders that filled whole in the reference and not here.
    pub missed: Option<f64>,
}

/// The orders' outcomes under one feed and model, beside those of the reference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison<'a> {
    pub(super) feed: Feed,
    pub(super) model: FillModel,
    pub(super) is_reference: bool,
    pub(super) orders: &'a [Hypothetical],
    pub(super) outcomes: &'a [Outcome],
    pub(super) reference: &'a [Outcome],
}

impl Comparison<'_> {
    /// All orders, then those of each place.
    pub(super) fn lines(&self) -> impl Iterator<Item = CalibrationLine> {
        let places = OrderPlace::ALL.into_iter().map(Some);
        std::iter::once(None).chain(places).map(|place| self.line(place))
    }

    fn line(&self, place: Option<OrderPlace>) -> CalibrationLine {
        let pairs = || {
            let outcomes = self.outcomes.iter().zip(self.reference);
            let all = self.orders.iter().zip(outcomes);
            all.filter(move |(order, _)| place.is_none_or(|place| order.place == place))
        };
        let orders = pairs().count();
        let share = |count: usize| (orders > 0).then(|| count as f64 / orders as f64);
        let mut seconds: Vec<f64> = pairs().filter_map(|(_, (here, _))| here.whole_after).collect();
        seconds.sort_by(f64::total_cmp);
        let errors: Vec<f64> = pairs()
            .filter_map(|(order, (here, there))| {
                Some(worse_by_bps(order.request.side, here.price?, there.price?))
            })
            .collect();
        let only = |this: fn(&(&Outcome, &Outcome)) -> bool| {
            share(pairs().filter(|(_, outcomes)| this(outcomes)).count())
        };
        CalibrationLine {
            tier: self.feed,
            model: self.feed.name_of(&self.model),
            reference: self.is_reference,
            place,
            orders,
            fill_probability: share(seconds.len()),
            median_seconds: median(&seconds),
            mean_seconds: mean(seconds.iter().copied()),
            compared: errors.len(),
            price_error_bps: mean(errors.iter().copied()),
            absolute_price_error_bps: mean(errors.iter().map(|error| error.abs())),
            flattered: only(|(here, there)| here.whole_after.is_some() && there.whole_after.is_none()),
            missed: only(|(here, there)| here.whole_after.is_none() && there.whole_after.is_some()),
        }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

/// The middle of sorted values; of an even number the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 {
        *upper
    } else {
        f64::midpoint(sorted[middle - 1], *upper)
    })
}
