//! JSON into types, by as little code as will do.
//!
//! serde_json reads a structure from text or from bytes, as an object or as an array, and each of these ways is compiled
//! for each type: a seventh of the client in the browser. Here text becomes a tree first, by code that knows no types,
//! and each type is read from that tree in one way: structures by the names of their fields, lists in order, variants by
//! their name. Whatever serde_json writes is read back as it was. Where the weight of code does not matter serde_json
//! itself is better: its errors say where they are.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Map, Value};

/// Why a text is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ReadError(#[from] Error);

/// Reads a value from JSON.
///
/// # Errors
/// [`ReadError`] when the text is not JSON, or not that of such a value.
///
/// ```
/// use papertape::model::{Timeframe, json};
/// let timeframe: Timeframe = json::read("\"1h\"")?;
/// assert_eq!(timeframe, Timeframe::HOUR);
/// # Ok::<(), json::ReadError>(())
/// ```
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    Ok(T::deserialize(Node(&parse(text)?))?)
}

/// The part that is compiled once.
fn parse(text: &str) -> Result<Value, Error> {
    serde_json::from_str(text)
}

/// A place in the tree.
#[derive(Clone, Copy)]
struct Node<'a>(&'a Value);

impl Node<'_> {
    /// That something else was expected here.
    fn is_not(self, expected: &dyn Expected) -> Error {
        let found = match self.0 {
            Value::Null => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Number(number) => Unexpected::Float(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Unexpected::Str(text),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        };
        Error::invalid_type(found, expected)
    }
}

/// Methods that expect one kind of value.
macro_rules! expect {
    ($read:ident, $visit:ident: $($deserialize:ident)*) => { $(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0.$read() {
                Some(value) => visitor.$visit(value),
                None => Err(self.is_not(&visitor)),
            }
        }
    )* };
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Error;

    /// For what does not know its own form: enumerations with a tag inside, and flattened fields.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => visitor.visit_u64(value),
                (None, Some(value)) => visitor.visit_i64(value),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_str(text),
            Value::Array(list) => visitor.visit_seq(Items(list.iter())),
            Value::Object(map) => visitor.visit_map(Entries::of(map)),
        }
    }

    expect! { as_bool, visit_bool: deserialize_bool }
    expect! { as_u64, visit_u64: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 }
    expect! { as_i64, visit_i64: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 }
    expect! { as_f64, visit_f64: deserialize_f32 deserialize_f64 }
    expect! { as_str, visit_str: deserialize_char deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(list) => visitor.visit_seq(Items(list.iter())),
            _ => Err(self.is_not(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(map) => visitor.visit_map(Entries::of(map)),
            _ => Err(self.is_not(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant = match self.0 {
            Value::String(name) => Some((name, None)),
            Value::Object(map) if map.len() == 1 => {
                map.iter().next().map(|(name, value)| (name, Some(Node(value))))
            }
            _ => None,
        };
        match variant {
            Some((name, inside)) => visitor.visit_enum(Variant { name, inside }),
            None => Err(self.is_not(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct }
}

/// What is left of a list.
struct Items<'a>(std::slice::Iter<'a, Value>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|item| seed.deserialize(Node(item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// What is left of an object.
struct Entries<'a> {
    left: serde_json::map::Iter<'a>,
    value: Option<&'a Value>,
}

impl<'a> Entries<'a> {
    fn of(map: &'a Map<String, Value>) -> Self {
        Self {
            left: map.iter(),
            value: None,
        }
    }

    fn next_key(&mut self) -> Option<StrDeserializer<'a, Error>> {
        let (key, value) = self.left.next()?;
        self.value = Some(value);
        Some(StrDeserializer::new(key))
    }

    fn next_value(&mut self) -> Result<Node<'a>, Error> {
        let value = self.value.take();
        value
            .map(Node)
            .ok_or_else(|| Error::custom("a value before its key"))
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.next_key().map(|key| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.next_value()?)
    }
}

/// A variant by its name, with what is in it.
#[derive(Clone, Copy)]
struct Variant<'a> {
    name: &'a str,
    inside: Option<Node<'a>>,
}

impl<'a> Variant<'a> {
    fn inside(self) -> Result<Node<'a>, Error> {
        let nothing = || Error::custom(format_args!("there is nothing in `{}`", self.name));
        self.inside.ok_or_else(nothing)
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = StrDeserializer::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.inside()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.inside()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.inside()?.deserialize_map(visitor)
    }
}

/// An enumeration whose JSON has its variant's name in a field: `{"kind": "bar", …}`.
///
/// It is written by serde's own internal tag. Reading that way compiles every type in it once more, against serde's
/// buffer; so it is read from the tree here, by the second enumeration, which is the same but for the tag.
macro_rules! tagged {
    ($tag:literal: $(#[$about:meta])* pub enum $name:ident, $remote:literal as $form:ident { $($variants:tt)* }) => {
        $(#[$about])*
        #[derive(serde::Serialize)]
        #[serde(tag = $tag, rename_all = "snake_case")]
        pub enum $name { $($variants)* }

        #[derive(serde::Deserialize)]
        #[serde(remote = $remote, rename_all = "snake_case")]
        #[allow(dead_code, clippy::large_enum_variant, reason = "it only describes the other")]
        enum $form { $($variants)* }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let fields = serde::Deserialize::deserialize(deserializer)?;
                let tagged = $crate::model::json::Tagged { tag: $tag, fields };
                $form::deserialize(&tagged).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use tagged;

/// The fields of a variant, one of which is its name.
pub(crate) struct Tagged {
    pub(crate) tag: &'static str,
    pub(crate) fields: Value,
}

impl<'de> Deserializer<'de> for &Tagged {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.fields.get(self.tag) {
            Some(Value::String(name)) => visitor.visit_enum(Variant {
                name,
                inside: Some(Node(&self.fields)),
            }),
            _ => Err(Error::missing_field(self.tag)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{LiveEvent, ServerMessage};
    use std::collections::BTreeMap;

    #[test]
    fn a_text_is_read_as_serde_json_reads_it() {
        for text in ["[1, -2, 3.5]", "[]", "[1, 2"] {
            let (ours, theirs) = (read::<Vec<f64>>(text), serde_json::from_str::<Vec<f64>>(text));
            assert_eq!(ours.ok(), theirs.ok(), "{text}");
        }
        for text in [
            r#"{"a": null, "b": "tag"}"#,
            r#"{"it": "it", "tag": "it"}"#,
            r#"{"a": 1}"#,
        ] {
            let ours = read::<BTreeMap<String, Option<String>>>(text);
            assert_eq!(ours.ok(), serde_json::from_str(text).ok(), "{text}");
        }
        assert_eq!(read::<u64>("18446744073709551615").expect("a number"), u64::MAX);
        for wrong in ["1, 2", "1} ", "", "{\"tag\": \"it\"", "1 2", "nul"] {
            assert!(read::<u64>(wrong).is_err(), "{wrong}");
        }
        let deep = "[".repeat(100_000);
        assert!(read::<Vec<u64>>(&deep).is_err());
    }

    #[test]
    fn messages_with_tags_and_flattened_parts_are_read() {
        let text = r#"{"event": {"session": "s-1", "seq": 7, "time": "2024-01-01T00:00:00Z",
                       "kind": "order_accepted", "order_id": 3}}"#;
        let theirs: ServerMessage = serde_json::from_str(text).expect("a message");
        let ours: ServerMessage = read(text).expect("a message");
        assert_eq!(ours, theirs);
        assert!(matches!(ours, ServerMessage::Event(event) if event.seq == 7));
        let error = read::<LiveEvent>("{}").expect_err("no event").to_string();
        assert!(error.contains("missing field"), "{error}");
    }
}
