//! Fewer inputs that fail in the same way: delta debugging after Zeller and Hildebrandt, "Simplifying and Isolating
//! Failure-Inducing Input" (IEEE Transactions on Software Engineering 28, 2002).

/// Drops parts of `inputs`, halves first, then ever smaller ones, while what is left still `fails`; of what comes out not
/// one input can be dropped.
pub(crate) fn shrink<T: Clone>(inputs: &[T], fails: impl Fn(&[T]) -> bool) -> Vec<T> {
    let mut left = inputs.to_vec();
    let mut size = left.len().div_ceil(2).max(1);
    loop {
        let mut start = 0;
        let mut has_dropped = false;
        while start < left.len() {
            let end = (start + size).min(left.len());
            let without = [&left[..start], &left[end..]].concat();
            if fails(&without) {
                left = without;
                has_dropped = true;
            } else {
                start = end;
            }
        }
        if size == 1 && !has_dropped {
            return left;
        }
        if !has_dropped {
            size = size.div_ceil(2);
        }
    }
}
