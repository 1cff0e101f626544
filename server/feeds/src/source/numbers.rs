//! Numbers that do not go on where the last ended.

/// No venue numbers so much between two messages: a number so far ahead is a mistake, or the venue numbers anew.
pub(super) const MOST_JUMP: u64 = 1 << 32;

/// Watches numbers that do not go on. One is a mistake or was told before; many that rise in a row, each of something newer
/// than all that was told, are the venue's own: it has begun to number anew, or what was taken for the last was none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Anew {
    last: u64,
    count: u32,
}

impl Anew {
    /// So many in a row are believed.
    const ENOUGH: u32 = 8;

    /// Takes a number that does not go on; whether numbers begin anew with it.
    #[cold]
    pub(super) fn is_begun(&mut self, number: u64) -> bool {
        match number.checked_sub(self.last) {
            // The same message twice says nothing.
            Some(0) if self.count > 0 => {}
            Some(step) if self.count > 0 && step <= MOST_JUMP => self.count += 1,
            _ => self.count = 1,
        }
        self.last = number;
        let is_begun = self.count >= Self::ENOUGH;
        if is_begun {
            self.count = 0;
        }
        is_begun
    }

    /// A number went on.
    #[inline]
    pub(super) const fn goes_on(&mut self) {
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_that_rise_in_a_row_are_believed() {
        let begun = |numbers: &[u64]| {
            let mut anew = Anew::default();
            numbers.iter().position(|number| anew.is_begun(*number))
        };
        assert_eq!(begun(&(1..100).collect::<Vec<_>>()), Some(7));
        let twice: Vec<u64> = (1..100).flat_map(|number| [number, number]).collect();
        assert_eq!(begun(&twice), Some(14));
        assert_eq!(begun(&[5; 100]), None);
        assert_eq!(begun(&(1..100).rev().collect::<Vec<_>>()), None);
        assert_eq!(begun(&(0..30).map(|n| n << 33).collect::<Vec<_>>()), None);
        let mut anew = Anew::default();
        for number in 1..100 {
            assert!(!anew.is_begun(number));
            if number % 7 == 0 {
                anew.goes_on();
            }
        }
    }
}
