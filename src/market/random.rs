//! A small random-number generator, the same on every machine.

use serde::{Deserialize, Serialize};

/// Random numbers from a seed: xoshiro256++ 1.0 by Blackman and Vigna, its state filled from SplitMix64 as they advise
/// (<https://prng.di.unimi.it>). Its state travels in snapshots, and only integer arithmetic, IEEE arithmetic and
/// `libm` make its numbers, so the same seed gives the same numbers natively and in WebAssembly.
///
/// Not for secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Random {
    state: [u64; 4],
    /// The second normal deviate of a pair, kept for the next call.
    spare: Option<f64>,
}

impl Random {
    /// The generator of a seed. Any seed is as good as any other.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let mut splitmix = seed;
        let mut state = [0; 4];
        let mut index = 0;
        while index < 4 {
            (splitmix, state[index]) = splitmix64(splitmix);
            index += 1;
        }
        Self { state, spare: None }
    }

    /// Sixty-four random bits.
    #[inline]
    pub const fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let c = c ^ a;
        let d = d ^ b;
        let shifted = self.state[1] << 17;
        let result = a.wrapping_add(self.state[3]).rotate_left(23).wrapping_add(a);
        self.state = [a ^ d, b ^ c, c ^ shifted, d.rotate_left(45)];
        result
    }

    /// A number in `[0, 1)`, a multiple of 2⁻⁵³.
    #[inline]
    pub const fn unit(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.bits() >> 11) as f64 * STEP
    }

    /// A whole number below `bound`; 0 when `bound` is 0. Lemire's multiply-and-shift; its bias, at most
    /// `bound` / 2⁶⁴, is beyond notice.
    #[inline]
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.bits() as u128 * bound as u128) >> 64) as u64
    }

    /// Whether something of this probability happens.
    #[inline]
    pub const fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A standard normal deviate, by Marsaglia's polar method (SIAM Review 6, 1964).
    #[inline]
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let x = 2.0 * self.unit() - 1.0;
            let y = 2.0 * self.unit() - 1.0;
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * libm::log(square) / square).sqrt();
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014): the next state and the number it gives.
const fn splitmix64(state: u64) -> (u64, u64) {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state, mixed ^ (mixed >> 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_come_out() {
        let mut random = Random {
            state: [1, 2, 3, 4],
            spare: None,
        };
        let expected = [
            41_943_041,
            58_720_359,
            3_588_806_011_781_223,
            3_591_011_842_654_386,
            9_228_616_714_210_784_205,
            9_973_669_472_204_895_162,
        ];
        assert_eq!(expected.map(|_| random.bits()), expected);

        let (state, first) = splitmix64(1_234_567);
        let (_, second) = splitmix64(state);
        assert_eq!(
            [first, second],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
    }

    #[test]
    fn deviates_have_the_moments_of_their_distributions() {
        let mut random = Random::new(7);
        let count = 200_000;
        let (mut sum, mut square, mut fourth, mut unit) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..count {
            let deviate = random.normal();
            sum += deviate;
            square += deviate * deviate;
            fourth += deviate * deviate * deviate * deviate;
            unit += random.unit();
        }
        let n = f64::from(count);
        assert!((sum / n).abs() < 0.01, "mean {}", sum / n);
        assert!((square / n - 1.0).abs() < 0.02, "variance {}", square / n);
        assert!((fourth / n - 3.0).abs() < 0.1, "kurtosis {}", fourth / n);
        assert!((unit / n - 0.5).abs() < 0.005, "mean of the unit {}", unit / n);
    }

    #[test]
    fn whole_numbers_stay_below_their_bound_and_reach_each_value() {
        let mut random = Random::new(0);
        let mut seen = [false; 6];
        for _ in 0..1_000 {
            seen[random.below(6) as usize] = true;
        }
        assert_eq!(seen, [true; 6]);
        assert_eq!(random.below(0), 0);
    }
}
