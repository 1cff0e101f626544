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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::StrategySpec;
    use crate::strategy::yaml::{self, Content, Node};
    use std::fs;

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");

    /// A file as an editor's YAML service sees it.
    fn as_json(node: &Node) -> Value {
        match &node.content {
            Content::Scalar(text) if text.is_null() => Value::Null,
            Content::Scalar(text) => match text.text.as_str() {
                "true" => json!(true),
                "false" => json!(false),
                other => other
                    .parse::<f64>()
                    .map_or_else(|_| json!(other), |number| json!(number)),
            },
            Content::Sequence(nodes) => nodes.iter().map(as_json).collect(),
            Content::Mapping(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, node)| (key.text.clone(), as_json(node)));
                Value::Object(entries.collect())
            }
        }
    }

    /// What is wrong with a value by a schema, as far as [`json_schema`] uses the language of schemas.
    fn flaws(schema: &Value, value: &Value, root: &Value, path: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (word, says) in schema.as_object().expect("a schema is an object") {
            match word.as_str() {
                "$schema" | "$defs" | "title" | "description" => {}
                "$ref" => {
                    let name = says.as_str().and_then(|name| name.strip_prefix("#/$defs/"));
                    let definition = &root["$defs"][name.expect("a definition")];
                    found.extend(flaws(definition, value, root, path));
                }
                "type" => {
                    let own = match value {
                        Value::Null => "null",
                        Value::Bool(_) => "boolean",
                        Value::Number(_) => "number",
                        Value::String(_) => "string",
                        Value::Array(_) => "array",
                        Value::Object(_) => "object",
                    };
                    let allowed = says.as_array().cloned().unwrap_or_else(|| vec![says.clone()]);
                    if !allowed.contains(&json!(own)) {
                        found.push(format!("{path}: {own}"));
                    }
                }
                "enum" => {
                    if !says.as_array().is_some_and(|words| words.contains(value)) {
                        found.push(format!("{path}: {value} is none of {says}"));
                    }
                }
                "anyOf" => {
                    let forms = says.as_array().expect("forms");
                    if !forms.iter().any(|form| flaws(form, value, root, path).is_empty()) {
                        found.push(format!("{path}: {value} has none of the forms"));
                    }
                }
                "required" => {
                    let missing = says.as_array().expect("names").iter().filter(|name| {
                        let name = name.as_str().unwrap_or_default();
                        value.is_object() && value.get(name).is_none()
                    });
                    found.extend(missing.map(|name| format!("{path}: {name} is missing")));
                }
                "properties" => {
                    for (key, schema) in says.as_object().expect("properties") {
                        if let Some(value) = value.get(key) {
                            found.extend(flaws(schema, value, root, &format!("{path}.{key}")));
                        }
                    }
                }
                "additionalProperties" => {
                    let known = schema.get("properties");
                    let others = value.as_object().into_iter().flatten();
                    for (key, value) in others.filter(|(key, _)| known.is_none_or(|it| it.get(key).is_none()))
                    {
                        match says {
                            Value::Bool(false) => found.push(format!("{path}: {key} is not known")),
                            schema => found.extend(flaws(schema, value, root, &format!("{path}.{key}"))),
                        }
                    }
                }
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        found.extend(flaws(says, item, root, path));
                    }
                }
                other => panic!("the test does not know the word {other}"),
            }
        }
        found
    }

    fn flaws_of(yaml: &str) -> Vec<String> {
        let schema = json_schema();
        let file = yaml::parse(yaml).expect("YAML");
        flaws(&schema, &as_json(&file), &schema, "")
    }

    #[test]
    fn the_published_schema_is_the_one_that_the_reader_reads_by() {
        let path = format!("{ROOT}/public/strategy.schema.json");
        let made = format!("{:#}\n", json_schema());
        if std::env::var_os("PAPERTAPE_WRITE_SCHEMA").is_some() {
            fs::write(&path, &made).expect("the file is written");
        }
        let published = fs::read_to_string(&path).expect("the published schema");
        assert_eq!(
            published, made,
            "papertape strategy schema > public/strategy.schema.json"
        );
    }

    #[test]
    fn the_library_and_every_example_keep_to_the_schema() {
        let library = fs::read_dir(format!("{ROOT}/strategies")).expect("the library");
        let mut sources: Vec<String> = library
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|suffix| suffix == "yaml"))
            .map(|path| fs::read_to_string(path).expect("a file"))
            .collect();
        let docs =
            fs::read_to_string(format!("{ROOT}/docs/strategy-language.md")).expect("the documentation");
        let examples = docs.split("```yaml\n").skip(1);
        sources.extend(examples.map(|block| block.split("```").next().unwrap_or_default().to_owned()));
        assert!(sources.len() > 20, "{} files", sources.len());
        for source in sources {
            assert!(flaws_of(&source).is_empty(), "{:?}\n{source}", flaws_of(&source));
        }
    }

    #[test]
    fn a_name_may_stand_for_a_condition() {
        let yaml = "name: x\nlet: {on: true, up: close > open}\nentry: {long: up and on}\n";
        assert!(
            StrategySpec::parse(yaml).is_ok(),
            "{:?}",
            StrategySpec::parse(yaml)
        );
        assert_eq!(flaws_of(yaml), Vec::<String>::new());
    }

    #[test]
    fn schema_and_reader_refuse_the_same_forms() {
        let entry = "entry: {long: true}\n";
        for yaml in [
            entry.to_owned(),
            format!("name: x\n{entry}symbol: A\n"),
            "name: x\nentry: {lnog: true}\n".to_owned(),
            "name: x\nentry: [{name: a, long: true, orders: {}}]\n".to_owned(),
            format!("name: x\n{entry}orders: {{entry: {{type: makret}}}}\n"),
            format!("name: x\n{entry}orders: {{entry: {{time_in_force: never}}}}\n"),
            format!("name: x\n{entry}risk: {{size: {{method: much}}}}\n"),
            format!("name: x\n{entry}risk: {{take_profit: [{{close: 5%}}]}}\n"),
            format!("name: x\n{entry}params: {{a: {{min: 1}}}}\n"),
            format!("name: x\n{entry}params: {{a: high}}\n"),
            format!("name: x\n{entry}when: {{session: night}}\n"),
            format!("name: x\n{entry}exit: {{long: true, cloze: 5%}}\n"),
        ] {
            assert!(!flaws_of(&yaml).is_empty(), "the schema takes {yaml}");
            assert!(StrategySpec::parse(&yaml).is_err(), "the reader takes {yaml}");
        }
    }
}
