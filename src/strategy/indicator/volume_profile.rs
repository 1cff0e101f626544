//! The volume profile: at which prices the last bars traded.

use super::window::Extreme;
use crate::market::Bar;
use serde::{Deserialize, Serialize};

/// Volume by price over the last n bars (J. P. Steidlmayer's market profile, with volume in place of time).
///
/// The range from the lowest low to the highest high is cut into equal bins, and each bar's volume is spread evenly
/// over its own range. The point of control is the middle of the fullest bin (of equals the lower); the value area
/// grows from it, always to the fuller neighbour (of equals the upper), until it holds the wanted share of the volume.
///
/// The bins move with the range, so each bar costs a pass over the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct VolumeProfile {
    /// The last bars, in a ring.
    slices: Vec<Slice>,
    next: usize,
    highest: Extreme,
    lowest: Extreme,
    share: f64,
    bins: Vec<f64>,
}

/// What one bar adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Slice {
    low: f64,
    high: f64,
    volume: f64,
    /// Volume for each unit of price; 0 for a bar without range.
    density: f64,
}

impl VolumeProfile {
    /// Over `period` bars, in `bins` bins, with a value area that holds `share` (0 … 1) of the volume.
    pub(crate) fn new(period: usize, bins: usize, share: f64) -> Self {
        Self {
            slices: vec![Slice::default(); period.max(1)],
            next: 0,
            highest: Extreme::highest(period),
            lowest: Extreme::lowest(period),
            share,
            bins: vec![0.0; bins.max(1)],
        }
    }

    /// Point of control, value area high, value area low. Undefined until n bars have come, or without volume.
    pub(crate) fn next(&mut self, bar: &Bar) -> [f64; 3] {
        let range = bar.high - bar.low;
        self.slices[self.next] = Slice {
            low: bar.low,
            high: bar.high,
            volume: bar.volume,
            density: if range > 0.0 { bar.volume / range } else { 0.0 },
        };
        self.next += 1;
        if self.next == self.slices.len() {
            self.next = 0;
        }
        let (highest, lowest) = (self.highest.next(bar.high), self.lowest.next(bar.low));
        if highest.is_nan() || lowest.is_nan() {
            return [f64::NAN; 3];
        }
        let width = (highest - lowest) / self.bins.len() as f64;
        if width <= 0.0 {
            // One single price: it is the control and the whole area.
            let traded = self.slices.iter().any(|slice| slice.volume > 0.0);
            return [if traded { lowest } else { f64::NAN }; 3];
        }
        self.fill(lowest, width);
        self.read(lowest, width)
    }

    fn fill(&mut self, lowest: f64, width: f64) {
        self.bins.fill(0.0);
        let last = self.bins.len() - 1;
        let each = 1.0 / width;
        for slice in &self.slices {
            let first_bin = (((slice.low - lowest) * each) as usize).min(last);
            let last_bin = (((slice.high - lowest) * each) as usize).min(last);
            if first_bin == last_bin {
                self.bins[first_bin] += slice.volume;
                continue;
            }
            // Part of the first bin, part of the last, all of those between.
            let first_top = lowest + (first_bin + 1) as f64 * width;
            let last_bottom = lowest + last_bin as f64 * width;
            self.bins[first_bin] += slice.density * (first_top - slice.low).max(0.0);
            self.bins[last_bin] += slice.density * (slice.high - last_bottom).max(0.0);
            let whole = slice.density * width;
            for bin in &mut self.bins[first_bin + 1..last_bin] {
                *bin += whole;
            }
        }
    }

    fn read(&self, lowest: f64, width: f64) -> [f64; 3] {
        let total: f64 = self.bins.iter().sum();
        if total <= 0.0 {
            return [f64::NAN; 3];
        }
        let mut control = 0;
        for (index, volume) in self.bins.iter().enumerate() {
            if *volume > self.bins[control] {
                control = index;
            }
        }
        let (mut bottom, mut top) = (control, control);
        let mut held = self.bins[control];
        while held < self.share * total && (bottom > 0 || top + 1 < self.bins.len()) {
            let below = bottom.checked_sub(1).map_or(-1.0, |index| self.bins[index]);
            let above = self.bins.get(top + 1).copied().unwrap_or(-1.0);
            if above >= below {
                top += 1;
                held += above;
            } else {
                bottom -= 1;
                held += below;
            }
        }
        let price = |bins: f64| lowest + bins * width;
        [
            price(control as f64 + 0.5),
            price(top as f64 + 1.0),
            price(bottom as f64),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn bar(low: f64, high: f64, volume: f64) -> Bar {
        Bar {
            open_time: Timestamp::EPOCH,
            open: low,
            high,
            low,
            close: high,
            volume,
        }
    }

    #[test]
    fn the_fullest_price_controls_and_the_area_grows_to_the_fuller_side() {
        let mut profile = VolumeProfile::new(3, 4, 0.7);
        assert!(profile.next(&bar(10.0, 14.0, 4.0))[0].is_nan());
        assert!(profile.next(&bar(12.0, 13.0, 5.0))[0].is_nan());
        // Bins 10–11, 11–12, 12–13, 13–14 hold 1, 4, 6, 1 of 12: two of them hold the 8.4 that 70 % ask for.
        assert_eq!(profile.next(&bar(11.0, 12.0, 3.0)), [12.5, 13.0, 11.0]);
    }

    #[test]
    fn one_price_is_the_whole_area_and_no_volume_has_none() {
        let mut profile = VolumeProfile::new(1, 10, 0.7);
        assert_eq!(profile.next(&bar(10.0, 10.0, 1.0)), [10.0; 3]);
        assert!(profile.next(&bar(10.0, 12.0, 0.0)).iter().all(|x| x.is_nan()));
    }
}
