//! How requests spell the models: a model by its name, `{"model": "volume_share", "price_impact": 0.1}`.

use super::Fees;
use crate::exchange::{
    FillRules, ImpactModel, LatencyModel, LatencyPoint, LimitFill, LiquidityCurve, PathRule, SlippageModel,
};
use crate::model::{Timestamp, decimal, spelling};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// The model of a list by its name, with what else it says.
fn named<T: DeserializeOwned>(value: Value, what: &str, names: &[&str]) -> Result<T, String> {
    let (name, rest) = match value {
        Value::String(name) => (name, Map::new()),
        Value::Object(mut fields) => match fields.remove("model") {
            Some(Value::String(name)) => (name, fields),
            _ => return Err(format!("it needs a \"model\": {}", names.join(", "))),
        },
        _ => return Err(format!("it is an object with a \"model\": {}", names.join(", "))),
    };
    if !names.contains(&name.as_str()) {
        return Err(spelling::unknown(what, &name, names.iter().copied()));
    }
    // A model without numbers is its name alone.
    if rest.is_empty()
        && let Ok(model) = serde_json::from_value(Value::String(name.clone()))
    {
        return Ok(model);
    }
    let tagged = Map::from_iter([(name, Value::Object(rest))]);
    serde_json::from_value(Value::Object(tagged)).map_err(|error| error.to_string())
}

/// The other way round.
fn with_name<T: Serialize, S: Serializer>(model: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let plain = serde_json::to_value(model).map_err(serde::ser::Error::custom)?;
    let mut fields = Map::new();
    match plain {
        Value::Object(tagged) => {
            for (name, rest) in tagged {
                fields.insert("model".to_owned(), Value::String(name));
                if let Value::Object(rest) = rest {
                    fields.extend(rest);
                }
            }
        }
        name => {
            fields.insert("model".to_owned(), name);
        }
    }
    fields.serialize(serializer)
}

macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident, $model:ty, $what:literal) => {
        $(#[$doc])*
        pub(super) struct $name(pub(super) $model);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = Value::deserialize(deserializer)?;
                named(value, $what, &<$model>::NAMES).map(Self).map_err(D::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                with_name(&self.0, serializer)
            }
        }
    };
}

spelled! {
    /// How our orders move the price.
    SpelledImpact, ImpactModel, "impact model"
}

spelled! {
    /// How deep the market is when.
    SpelledLiquidity, LiquidityCurve, "liquidity curve"
}

/// A model of slippage, or its basis points.
pub(super) struct SpelledSlippage(pub(super) SlippageModel);

impl<'de> Deserialize<'de> for SpelledSlippage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = match &value {
            Value::Number(number) => decimal::parse(&number.to_string()),
            Value::String(text) => decimal::parse(text),
            _ => None,
        };
        match number {
            Some(bps) => Ok(Self(SlippageModel::FixedBps { bps })),
            None => named(value, "slippage model", &SlippageModel::NAMES)
                .map(Self)
                .map_err(D::Error::custom),
        }
    }
}

impl Serialize for SpelledSlippage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        with_name(&self.0, serializer)
    }
}

/// The name of a preset, or a schedule.
pub(super) struct SpelledFees(pub(super) Fees);

impl<'de> Deserialize<'de> for SpelledFees {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) => name
                .parse()
                .map(|name| Self(Fees::Preset(name)))
                .map_err(D::Error::custom),
            value @ Value::Object(_) => serde_json::from_value(value)
                .map(|schedule| Self(Fees::Schedule(schedule)))
                .map_err(D::Error::custom),
            _ => Err(D::Error::custom("fees are the name of a preset or a schedule")),
        }
    }
}

impl Serialize for SpelledFees {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Fees::Preset(name) => name.serialize(serializer),
            fees => fees.schedule().serialize(serializer),
        }
    }
}

/// The rules of fills, those that are as usual left out.
pub(super) struct SpelledFill(pub(super) FillRules);

impl<'de> Deserialize<'de> for SpelledFill {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        check_fill(&fields).map_err(D::Error::custom)?;
        serde_json::from_value(Value::Object(fields))
            .map(Self)
            .map_err(D::Error::custom)
    }
}

/// Whether all names in the rules of fills are known.
fn check_fill(fields: &Map<String, Value>) -> Result<(), String> {
    for (key, value) in fields {
        if !FillRules::NAMES.contains(&key.as_str()) {
            return Err(spelling::unknown("fill rule", key, FillRules::NAMES));
        }
        let names: &[&str] = match key.as_str() {
            "limit" => &LimitFill::NAMES,
            "path" => &PathRule::NAMES,
            "queue" => &FillRules::QUEUES,
            _ => continue,
        };
        // A rule with a number is an object whose only key is its name.
        let name = match value {
            Value::String(name) => Some(name),
            Value::Object(tagged) => tagged.keys().next(),
            _ => None,
        };
        if let Some(name) = name.filter(|name| !names.contains(&name.as_str())) {
            return Err(spelling::unknown(
                &format!("'{key}' rule"),
                name,
                names.iter().copied(),
            ));
        }
    }
    Ok(())
}

impl Serialize for SpelledFill {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Milliseconds each way, or more about it.
pub(super) struct SpelledLatency(pub(super) LatencyModel);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LatencyFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jitter: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    series: Option<Vec<PointFields>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PointFields {
    time: Timestamp,
    entry: f64,
    response: f64,
}

const NANOS_PER_MILLISECOND: f64 = 1e6;

/// Milliseconds as nanoseconds; what is out of range, as something that the check of ranges finds.
fn nanos(milliseconds: f64) -> i64 {
    if milliseconds.is_finite() {
        (milliseconds * NANOS_PER_MILLISECOND).round() as i64
    } else {
        -1
    }
}

fn milliseconds(nanos: i64) -> f64 {
    nanos as f64 / NANOS_PER_MILLISECOND
}

impl LatencyFields {
    fn read(self) -> Result<LatencyModel, &'static str> {
        let way = |milliseconds: Option<f64>| nanos(milliseconds.unwrap_or(0.0));
        if let Some(series) = self.series {
            if self.entry.or(self.response).or(self.jitter).is_some() || self.seed.is_some() {
                return Err("a series of latencies stands alone");
            }
            let points = series.into_iter().map(|point| LatencyPoint {
                time: point.time,
                entry: nanos(point.entry),
                response: nanos(point.response),
            });
            return Ok(LatencyModel::Series {
                points: points.collect(),
            });
        }
        let (entry, response) = (way(self.entry), way(self.response));
        match (self.jitter, self.seed) {
            (None, None) => Ok(LatencyModel::Fixed { entry, response }),
            (Some(jitter), seed) => Ok(LatencyModel::Jittered {
                entry,
                response,
                jitter: nanos(jitter),
                seed: seed.unwrap_or(0),
            }),
            (None, Some(_)) => Err("a seed of latencies needs a jitter"),
        }
    }
}

impl<'de> Deserialize<'de> for SpelledLatency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(number) => {
                let each = nanos(number.as_f64().unwrap_or(f64::NAN));
                Ok(Self(LatencyModel::Fixed {
                    entry: each,
                    response: each,
                }))
            }
            value => {
                let fields: LatencyFields = serde_json::from_value(value).map_err(D::Error::custom)?;
                fields.read().map(Self).map_err(D::Error::custom)
            }
        }
    }
}

impl Serialize for SpelledLatency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let way = |nanos: i64| Some(milliseconds(nanos));
        let mut fields = LatencyFields {
            entry: None,
            response: None,
            jitter: None,
            seed: None,
            series: None,
        };
        match &self.0 {
            LatencyModel::Fixed { entry, response } => {
                (fields.entry, fields.response) = (way(*entry), way(*response));
            }
            LatencyModel::Jittered {
                entry,
                response,
                jitter,
                seed,
            } => {
                (fields.entry, fields.response) = (way(*entry), way(*response));
                (fields.jitter, fields.seed) = (way(*jitter), Some(*seed));
            }
            LatencyModel::Series { points } => {
                let points = points.iter().map(|point| PointFields {
                    time: point.time,
                    entry: milliseconds(point.entry),
                    response: milliseconds(point.response),
                });
                fields.series = Some(points.collect());
            }
        }
        fields.serialize(serializer)
    }
}
