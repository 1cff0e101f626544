//! Files grown by the language's own schema: whatever key the language has, some of them have it.

use crate::Numbers;
use crate::expressions::Expressions;
use papertape::strategy::{Problem, json_schema};
use serde_json::{Map, Value, json};

/// How often a file is mended at most.
pub(crate) const MENDINGS: usize = 16;

/// Scripts that compile: some end well, some are stopped.
const SCRIPTS: [&str; 5] = [
    "state.n = (state.n ?? 0) + 1; g = close;",
    "let x = [1.0, $q]; x.push(close); state.x = x; h = close > open;",
    "state.all = (state.all ?? []) + [#{a: close, b: \"text\"}]; g = 1.0 / (state.all.len() - 3);",
    "while true {}",
    "fn f(a) { f(a + 1) } f(1);",
];

/// The schema, and what it leaves to be filled in.
pub(crate) struct Files {
    schema: Value,
    expressions: Expressions,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self {
            schema: json_schema(),
            expressions: Expressions::with(&["$p", "$q", "u", "g"]),
        }
    }

    /// Every key as it stands in the schema: `order.price`.
    pub(crate) fn keys(&self) -> Vec<String> {
        let of = |name: &str, shape: &Value| {
            let keys: Vec<String> = shape["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| format!("{name}.{key}"))
                .collect();
            keys
        };
        let definitions = self.schema["$defs"].as_object().into_iter().flatten();
        let parts = definitions.flat_map(|(name, shape)| of(name, shape));
        of("strategy", &self.schema).into_iter().chain(parts).collect()
    }

    /// A file, as JSON, which is YAML as well.
    pub(crate) fn grow(&self, numbers: &mut Numbers) -> Value {
        let mut file = self.shape(&self.schema, numbers, 5);
        if let Some(file) = file.as_object_mut() {
            let described = self.shape(&self.schema["$defs"]["parameter"], numbers, 1);
            file.insert("params".to_owned(), json!({"p": 3, "q": described}));
            // A portfolio takes the place of rules: mostly one of both.
            let dropped = if numbers.below(4) == 0 {
                "entry"
            } else {
                "portfolio"
            };
            file.remove(dropped);
        }
        file
    }

    /// A mapping with what it must have and some of what it may have.
    fn shape(&self, shape: &Value, numbers: &mut Numbers, depth: usize) -> Value {
        let required = shape["required"].as_array().cloned().unwrap_or_default();
        let keys = shape["properties"].as_object().into_iter().flatten();
        let mut grown = Map::new();
        for (key, form) in keys {
            if required.contains(&json!(key)) || numbers.below(3) == 0 {
                grown.insert(key.clone(), self.value(key, form, numbers, depth));
            }
        }
        Value::Object(grown)
    }

    /// A value of this form for a key.
    fn value(&self, key: &str, form: &Value, numbers: &mut Numbers, depth: usize) -> Value {
        let below = depth.saturating_sub(1);
        if let Some(name) = form["$ref"].as_str().and_then(|it| it.strip_prefix("#/$defs/")) {
            return self.shape(&self.schema["$defs"][name], numbers, below);
        }
        if let Some(forms) = form["anyOf"].as_array() {
            return self.value(key, numbers.pick(forms), numbers, depth);
        }
        if let Some(words) = form["enum"].as_array() {
            return numbers.pick(words).clone();
        }
        let names = &form["additionalProperties"];
        if names.is_object() {
            let names_of = names_of(key);
            let some = 1 + numbers.below(names_of.len());
            let some = &names_of[..some];
            return some
                .iter()
                .map(|name| ((*name).to_owned(), self.value(name, names, numbers, below)))
                .collect::<Map<_, _>>()
                .into();
        }
        if form["items"].is_object() {
            let count = 1 + numbers.below(3);
            return (0..count)
                .map(|_| self.value(key, &form["items"], numbers, below))
                .collect();
        }
        self.scalar(key, form, numbers)
    }

    fn scalar(&self, key: &str, form: &Value, numbers: &mut Numbers) -> Value {
        let kinds = form["type"].to_string();
        if kinds == "\"number\"" {
            return json!(numbers.below(9));
        }
        if kinds.contains("boolean") {
            let on = numbers.below(2) == 0;
            let is_flag = !kinds.contains("string");
            return match is_flag {
                true => json!(on),
                false => json!(self.expressions.condition(numbers, 2)),
            };
        }
        if let Some(texts) = texts(key) {
            return json!(numbers.pick(texts));
        }
        match numbers.below(6) {
            0 => json!(1 + numbers.below(5)),
            1 => json!(format!("{}%", 1 + numbers.below(60))),
            2 => json!("$p"),
            3 => json!("0.5"),
            _ => json!(self.expressions.number(numbers, 2)),
        }
    }
}

/// Names that a file chooses.
fn names_of(key: &str) -> &'static [&'static str] {
    match key {
        "gives" => &["g", "h"],
        "weights" => &["BTC/USDT", "ETH/USDT"],
        _ => &["u", "v", "w"],
    }
}

/// What is good for keys that hold neither a number nor an expression.
fn texts(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "name" => &["a", "b", "c", "x"],
        "description" => &["for people", "…"],
        "extends" => &["base", "base", "self", "none"],
        "symbols" => &["BTC/USDT", "ETH/USDT", "SOL/USDT"],
        "timeframe" => &["1m", "5m", "1h", "1d", "1w", "30s", "7q"],
        "days" => &["mon..fri", "sat", "sun..tue", "day"],
        "hours" => &["09:30-16:00", "22:00-02:00", "10:00-10:00"],
        "from" => &["2024-01-01", "2024-02-30"],
        "to" => &["2024-06-01T12:00:00Z", "2030-01-01"],
        "of" => &["a", "b", "c"],
        "flatten_before_close" => &["15m", "1h", "25h"],
        "code" => &SCRIPTS,
        _ => return None,
    })
}

/// Takes out what is said to be wrong; `false` when there is nothing left to take out.
pub(crate) fn mend(file: &mut Value, problem: &Problem) -> bool {
    let steps: Vec<&str> = problem.path.split('.').collect();
    // What is missing is not there: then what lacks it goes.
    (1..=steps.len())
        .rev()
        .any(|length| take_out(file, &steps[..length]))
}

fn take_out(value: &mut Value, steps: &[&str]) -> bool {
    match (value, steps) {
        (Value::Object(keys), [last]) => keys.remove(*last).is_some(),
        (Value::Object(keys), [first, rest @ ..]) => {
            keys.get_mut(*first).is_some_and(|inner| take_out(inner, rest))
        }
        (Value::Array(items), [first, rest @ ..]) => match first.parse::<usize>() {
            Ok(index) if index < items.len() && rest.is_empty() => {
                items.remove(index);
                true
            }
            Ok(index) => items.get_mut(index).is_some_and(|inner| take_out(inner, rest)),
            // A list of one is that one.
            Err(_) => items.first_mut().is_some_and(|inner| take_out(inner, steps)),
        },
        _ => false,
    }
}

/// The keys of a file as they stand in the schema.
pub(crate) fn keys_of(files: &Files, file: &Value) -> Vec<String> {
    let mut found = Vec::new();
    gather(files, "strategy", &files.schema, file, &mut found);
    found
}

fn gather(files: &Files, shape: &str, form: &Value, value: &Value, found: &mut Vec<String>) {
    if let Some(name) = form["$ref"].as_str().and_then(|it| it.strip_prefix("#/$defs/")) {
        return gather(files, name, &files.schema["$defs"][name], value, found);
    }
    if let (Some(properties), Value::Object(keys)) = (form["properties"].as_object(), value) {
        for (key, value) in keys {
            if let Some(form) = properties.get(key) {
                found.push(format!("{shape}.{key}"));
                gather(files, shape, form, value, found);
            }
        }
    }
    for form in form["anyOf"].as_array().into_iter().flatten() {
        gather(files, shape, form, value, found);
    }
    for item in value.as_array().into_iter().flatten() {
        gather(files, shape, &form["items"], item, found);
    }
    for value in value.as_object().into_iter().flat_map(Map::values) {
        gather(files, shape, &form["additionalProperties"], value, found);
    }
}
