//! What a script remembers from bar to bar.

use rhai::{Dynamic, Map};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Most values that it may hold, those inside of others and every 16 characters of a text counted.
pub(super) const MAXIMUM_VALUES: usize = 2_000;
/// Deepest nesting.
const MAXIMUM_DEPTH: usize = 16;

/// The map `state` of a script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(pub(super) Map);

impl Memory {
    /// Checks that a snapshot can hold it.
    ///
    /// # Errors
    /// What is in it that cannot stay, or that it is too large.
    pub(super) fn new(map: Map) -> Result<Self, String> {
        let mut values = 0;
        for value in map.values() {
            weigh(value, 1, &mut values)?;
        }
        Ok(Self(map))
    }
}

/// Adds to the number of values that a value is made of.
fn weigh(value: &Dynamic, depth: usize, values: &mut usize) -> Result<(), String> {
    *values += 1;
    if depth > MAXIMUM_DEPTH {
        return Err(format!("the state is nested deeper than {MAXIMUM_DEPTH} levels"));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        *values += text.len() / 16;
    } else if let Ok(list) = value.as_array_ref() {
        for value in list.iter() {
            weigh(value, depth + 1, values)?;
        }
    } else if let Ok(map) = value.as_map_ref() {
        for (name, value) in map.iter() {
            *values += name.len() / 16;
            weigh(value, depth + 1, values)?;
        }
    } else if !(value.is_unit() || value.is_bool() || value.is_int() || value.is_float()) {
        return Err(format!(
            "the state can hold numbers, texts, true and false, lists and maps, not a value of type {}",
            value.type_name()
        ));
    }
    if *values > MAXIMUM_VALUES {
        return Err(format!("the state holds more than {MAXIMUM_VALUES} values"));
    }
    Ok(())
}

/// The same as plain data.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stored {
    Nothing,
    Flag(bool),
    Whole(i64),
    /// The bits of a float, so that it comes back as it was.
    Number(u64),
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Stored {
    fn of(value: &Dynamic) -> Self {
        if let Ok(flag) = value.as_bool() {
            Self::Flag(flag)
        } else if let Ok(whole) = value.as_int() {
            Self::Whole(whole)
        } else if let Ok(number) = value.as_float() {
            Self::Number(number.to_bits())
        } else if let Ok(text) = value.as_immutable_string_ref() {
            Self::Text(text.to_string())
        } else if let Ok(list) = value.as_array_ref() {
            Self::List(list.iter().map(Self::of).collect())
        } else if let Ok(map) = value.as_map_ref() {
            Self::Map(stored(&map))
        } else {
            Self::Nothing
        }
    }

    fn into_value(self) -> Dynamic {
        match self {
            Self::Nothing => Dynamic::UNIT,
            Self::Flag(flag) => flag.into(),
            Self::Whole(whole) => whole.into(),
            Self::Number(bits) => f64::from_bits(bits).into(),
            Self::Text(text) => text.into(),
            Self::List(list) => Dynamic::from_array(list.into_iter().map(Self::into_value).collect()),
            Self::Map(map) => Dynamic::from_map(live(map)),
        }
    }
}

fn stored(map: &Map) -> BTreeMap<String, Stored> {
    let entries = map.iter();
    entries
        .map(|(name, value)| (name.to_string(), Stored::of(value)))
        .collect()
}

fn live(map: BTreeMap<String, Stored>) -> Map {
    let entries = map.into_iter();
    entries
        .map(|(name, value)| (name.into(), value.into_value()))
        .collect()
}

impl PartialEq for Memory {
    fn eq(&self, other: &Self) -> bool {
        stored(&self.0) == stored(&other.0)
    }
}

impl Serialize for Memory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        stored(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(|map| Self(live(map)))
    }
}
