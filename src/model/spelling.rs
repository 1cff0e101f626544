//! What a misspelt name was meant to be.

/// `; did you mean 'sma'?` when one of `names` is close to `name`, otherwise nothing.
pub(crate) fn hint<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, names) {
        Some(near) => format!("; did you mean '{near}'?"),
        None => String::new(),
    }
}

/// Says that there is no `name` among `names`, which it lists, the nearest first.
pub(crate) fn unknown<'a>(what: &str, name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let letters: Vec<char> = name.chars().take(64).flat_map(char::to_lowercase).collect();
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_cached_key(|candidate| (distance(&letters, candidate), *candidate));
    let shown: String = name.chars().take(64).collect();
    format!("there is no {what} '{shown}'; there are {}", names.join(", "))
}

/// The name closest to `name`, unless even that one is too far to be what was meant: a third of the letters may be
/// wrong, at least one.
fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = (name.len() / 3).max(1);
    names
        .into_iter()
        .map(|candidate| (distance(&name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters must be changed, added, dropped or swapped with their neighbour to get from one to the other
/// (optimal string alignment).
fn distance(from: &[char], to: &str) -> usize {
    let to: Vec<char> = to.chars().flat_map(char::to_lowercase).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, a) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in to.iter().enumerate() {
            let mut best = (last[column] + usize::from(a != b))
                .min(last[column + 1] + 1)
                .min(current[column] + 1);
            if row > 0 && column > 0 && from[row - 1] == *b && *a == to[column - 1] {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_one_that_could_have_been_meant() {
        let names = ["sma", "ema", "rsi", "stddev", "cross_above"];
        assert_eq!(nearest("smaa", names), Some("sma"));
        assert_eq!(nearest("crossabove", names), Some("cross_above"));
        assert_eq!(nearest("stdev", names), Some("stddev"));
        assert_eq!(nearest("RIS", names), Some("rsi"));
        assert_eq!(nearest("bollinger", names), None);
    }

    #[test]
    fn a_list_of_names_begins_with_the_one_that_was_meant() {
        let names = ["binance", "coinbase", "kraken"];
        assert_eq!(
            unknown("venue", "krakken", names),
            "there is no venue 'krakken'; there are kraken, binance, coinbase"
        );
    }
}
