//! The JSON Schema of strategy files, for editors: made of the same table that the reader reads by.

use super::spec::shape::{Holds, Key, STRATEGY, Shape};
use serde_json::{Map, Value, json};

/// The schema (draft 2020-12) as JSON. It says which keys there are and what form their values have; what expressions
/// mean is for [`Strategy::compile`](super::Strategy::compile) to say.
#[must_use]
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    let strategy = mapping(&STRATEGY, &mut definitions);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Papertape strategy",
    });
    if let (Some(schema), Value::Object(strategy)) = (schema.as_object_mut(), strategy) {
        schema.extend(strategy);
        schema.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema
}

/// A mapping with known keys and no others.
fn mapping(shape: &'static Shape, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for Key { name, holds, about } in shape.keys {
        let mut value = form(holds, definitions);
        if let Some(value) = value.as_object_mut() {
            value.insert("description".to_owned(), json!(about));
        }
        properties.insert((*name).to_owned(), value);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": shape.required,
        "additionalProperties": false,
    })
}

fn form(holds: &'static Holds, definitions: &mut Map<String, Value>) -> Value {
    match holds {
        Holds::Text => json!({"type": ["string", "number"]}),
        Holds::Number => json!({"type": "number"}),
        Holds::Flag => json!({"type": "boolean"}),
        Holds::Expression | Holds::Amount => json!({"type": ["string", "number"]}),
        Holds::Condition => json!({"type": ["string", "boolean"]}),
        Holds::Words(words) => json!({"enum": words()}),
        Holds::Shape(shape) => {
            if !definitions.contains_key(shape.name) {
                // Its place is taken before its parts are made, which may lead back to it.
                definitions.insert(shape.name.to_owned(), Value::Null);
                let mapping = mapping(shape, definitions);
                definitions.insert(shape.name.to_owned(), mapping);
            }
            json!({"$ref": format!("#/$defs/{}", shape.name)})
        }
        Holds::Names(value) => json!({"type": "object", "additionalProperties": form(value, definitions)}),
        Holds::List(item) => json!({"type": "array", "items": form(item, definitions)}),
        Holds::Either(forms) => {
            let forms: Vec<Value> = forms.iter().map(|one| form(one, definitions)).collect();
            json!({"anyOf": forms})
        }
    }
}
