//! What only one venue has, as a configuration says it: `depth = 100`, `plan = "pro"`, `id.BTC = "bitcoin"`.

use super::nearest;
use serde::{Deserialize, Deserializer, de::Error};
use std::collections::BTreeMap;
use toml::Value;

/// Options by name. Numbers, truths and times are what one would write between quotes; a table within is a part of the name, with a
/// dot: `id = { BTC = "bitcoin" }` is `id.BTC`.
pub(super) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let mut flat = BTreeMap::new();
    for (name, value) in toml::Table::deserialize(from)? {
        flatten(name, value, &mut flat).map_err(D::Error::custom)?;
    }
    Ok(flat)
}

fn flatten(name: String, value: Value, into: &mut BTreeMap<String, String>) -> Result<(), String> {
    let text = match value {
        Value::String(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(_) => {
            return Err(format!(
                "the option {name} is a list; it is one text, number or truth"
            ));
        }
        Value::Table(table) => {
            return table
                .into_iter()
                .try_for_each(|(part, value)| flatten(format!("{name}.{part}"), value, into));
        }
    };
    match into.insert(name.clone(), text) {
        None => Ok(()),
        Some(_) => Err(format!("the option {name} is there twice")),
    }
}

/// That there are no options but the `known` ones, of which `id.*` is `id.` and anything.
///
/// # Errors
/// Names the first that there is not, and what may have been meant.
pub fn check_options(venue: &str, options: &BTreeMap<String, String>, known: &[&str]) -> Result<(), String> {
    let is_known = |name: &str| {
        known.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => name.len() > beginning.len() && name.starts_with(beginning),
            None => *known == name,
        })
    };
    let Some(name) = options.keys().find(|name| !is_known(name)) else {
        return Ok(());
    };
    let instead = match (nearest(name, known.iter()), known) {
        (Some(near), _) => format!("did you mean {near}?"),
        (None, []) => "it has none".to_owned(),
        (None, known) => format!("it has {}", known.join(", ")),
    };
    Err(format!("{venue} has no option '{name}'; {instead}"))
}
