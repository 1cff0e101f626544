//! From an edit of a block to the new text.

use super::condition::{Part, Rule};
use super::document::{Document, Splice, spliced};
use super::forms::{ORDER, PARAM, PRICES};
use super::read::is_bare;
use super::rename::rename;
use super::value::Fragment;
use super::{Check, Refusal, outline_with};
use crate::api::{Edit, Edited};
use crate::strategy::spec;
use crate::strategy::yaml::Content;

/// Makes an edit of a text that stands alone.
///
/// # Errors
/// As [`edit_with`].
pub fn edit(text: &str, edit: &Edit) -> Result<Edited, Refusal> {
    edit_with(text, edit, &super::alone)
}

/// Makes an edit; what is wrong with the new text is what `check` finds.
///
/// # Errors
/// [`Refusal`] when the text is not YAML, when what is to be written is no number, name or expression, or when the part
/// is written in a way that cannot be changed without touching more of the text.
pub fn edit_with(text: &str, edit: &Edit, check: &Check<'_>) -> Result<Edited, Refusal> {
    let (document, focus) = if is_bare(text) {
        begin(text, edit)?
    } else {
        let document = Document::parse(text).map_err(|problem| {
            Refusal::new(format!(
                "blocks can be changed once the text is YAML again: {problem}"
            ))
        })?;
        change(&document, edit)?
    };
    let text = document.text();
    Ok(Edited {
        outline: outline_with(&text, check),
        text,
        focus,
    })
}

/// A changed file and the block to look at.
pub(super) type Changed = (Document, Option<String>);

/// The first edit of a file without keys, which gives it a name too.
fn begin(text: &str, edit: &Edit) -> Result<Changed, Refusal> {
    let start = match text.trim_end().is_empty() {
        true => "name: New strategy\n".to_owned(),
        false => format!("{}\nname: New strategy\n", text.trim_end()),
    };
    let document = Document::parse(&start).map_err(|problem| Refusal::new(problem.message))?;
    change(&document, edit)
}

fn change(document: &Document, edit: &Edit) -> Result<Changed, Refusal> {
    match edit {
        Edit::Set { path, value } => {
            let keys: Vec<&str> = path.split('.').collect();
            let changed = set(document, &keys, value.trim())?;
            Ok((changed, None))
        }
        Edit::Add { path, value } => add(document, path, value.trim()),
        Edit::Remove { path } => remove(document, path),
        Edit::Move { path, to } => shift(document, path, *to),
        Edit::Rename { path, name } => rename(document, path, name.trim()),
    }
}

/// Sets a field.
fn set(document: &Document, keys: &[&str], value: &str) -> Result<Document, Refusal> {
    match keys {
        ["name"] if value.is_empty() => Err(Refusal::new("a strategy needs a name")),
        ["name" | "description" | "timeframe"] => put(document, keys, value),
        ["symbols"] => symbols(document, value),
        ["params", name, key] => param(document, name, key, value),
        ["let", name, "value"] => {
            expression(value)?;
            put(document, &["let", name], value)
        }
        ["entry" | "exit", "long" | "short"] => {
            if !value.is_empty() {
                expression(value)?;
            }
            put(document, keys, value)
        }
        [section @ ("entry" | "exit"), side, "join"] => {
            let rule = rule(document, section, side)?;
            rewrite(document, section, side, &rule, &rule.rejoin(value)?)
        }
        [section @ ("entry" | "exit"), side, index, part] => {
            let rule = rule(document, section, side)?;
            let part = Part::of(part).ok_or_else(unknown)?;
            rewrite(
                document,
                section,
                side,
                &rule,
                &rule.set(number(index)?, part, value)?,
            )
        }
        ["orders", which @ ("entry" | "exit"), "type"] => order_type(document, which, value),
        ["orders", "entry" | "exit", key] => {
            let form = ORDER.iter().find(|form| form.key == *key).ok_or_else(unknown)?;
            if form.words.is_empty() && !value.is_empty() {
                amount(value)?;
            }
            put(document, keys, value)
        }
        ["risk", "size", "method"] if value.is_empty() => Err(Refusal::new("a size needs a method")),
        ["risk", "size", "method"] => put(document, keys, value),
        ["risk", "size", "value"] => {
            amount(value)?;
            put(document, keys, value)
        }
        ["risk", _] => {
            if !value.is_empty() {
                amount(value)?;
            }
            put(document, keys, value)
        }
        _ => Err(unknown()),
    }
}

pub(super) fn unknown() -> Refusal {
    Refusal::new("there is no such field any more")
}

fn number(text: &str) -> Result<usize, Refusal> {
    text.parse().map_err(|_| unknown())
}

/// Refuses what is no expression.
fn expression(text: &str) -> Result<(), Refusal> {
    match crate::strategy::expression::parse(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::new(error.message)),
    }
}

/// Refuses what is neither an expression nor one with a percent sign.
fn amount(text: &str) -> Result<(), Refusal> {
    expression(text.strip_suffix('%').unwrap_or(text))
}

/// Sets, adds or, with an empty value, removes the value at a path.
fn put(document: &Document, keys: &[&str], value: &str) -> Result<Document, Refusal> {
    match (document.get(keys), value.is_empty()) {
        (Some(_), true) => document.remove(keys),
        (None, true) => Ok(document.clone()),
        (Some(_), false) => {
            let known = document
                .scalar(keys)
                .map(|text| text.text.clone())
                .unwrap_or_default();
            document.set(keys, value, &difference(&known, value))
        }
        (None, false) => {
            let (key, parent) = keys.split_last().ok_or_else(unknown)?;
            let index = document.place_of(parent, key);
            document.insert(parent, index, key, Fragment::Scalar(value.to_owned()))
        }
    }
}

/// The one part in which two texts differ.
fn difference(old: &str, new: &str) -> Vec<Splice> {
    let (a, b): (Vec<char>, Vec<char>) = (old.trim_end().chars().collect(), new.chars().collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let most = a.len().min(b.len()) - start;
    let end = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    // An insertion has no character of its own to stand at: it takes its neighbour along.
    let start = if start == a.len() - end {
        start.saturating_sub(1)
    } else {
        start
    };
    if start >= a.len() - end {
        return Vec::new();
    }
    vec![(start..a.len() - end, b[start..b.len() - end].iter().collect())]
}

fn symbols(document: &Document, value: &str) -> Result<Document, Refusal> {
    let items: Vec<String> = value
        .split(',')
        .map(|symbol| symbol.trim().to_owned())
        .filter(|symbol| !symbol.is_empty())
        .collect();
    match (document.get(&["symbols"]), items.is_empty()) {
        (Some(_), true) => document.remove(&["symbols"]),
        (None, true) => Ok(document.clone()),
        (Some(_), false) => document.replace(&["symbols"], &Fragment::List(items)),
        (None, false) => {
            let index = document.place_of(&[], "symbols");
            document.insert(&[], index, "symbols", Fragment::List(items))
        }
    }
}

fn param(document: &Document, name: &str, key: &str, value: &str) -> Result<Document, Refusal> {
    let place = PARAM
        .iter()
        .position(|(known, _)| *known == key)
        .ok_or_else(unknown)?;
    if key != "description" && !value.is_empty() && !value.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(Refusal::new(format!("'{value}' is not a number")));
    }
    if key == "default" && value.is_empty() {
        return Err(Refusal::new("a parameter needs a default"));
    }
    let node = document.get(&["params", name]).ok_or_else(unknown)?;
    match (&node.content, key) {
        (Content::Scalar(_), "default") => document.set(&["params", name], value, &[]),
        (Content::Scalar(_), _) if value.is_empty() => Ok(document.clone()),
        (Content::Scalar(text), _) => {
            let scalar = |text: &str| Fragment::Scalar(text.to_owned());
            let entries = vec![
                ("default".to_owned(), scalar(&text.text)),
                (key.to_owned(), scalar(value)),
            ];
            document.replace(&["params", name], &Fragment::Flow(entries))
        }
        (Content::Mapping(entries), _) => {
            let path = ["params", name, key];
            if document.get(&path).is_some() || value.is_empty() {
                return put(document, &path, value);
            }
            let before = |known: &str| {
                PARAM
                    .iter()
                    .position(|(key, _)| *key == known)
                    .is_some_and(|it| it < place)
            };
            let index = entries
                .iter()
                .rposition(|(key, _)| before(&key.text))
                .map_or(0, |last| last + 1);
            document.insert(&path[..2], index, key, Fragment::Scalar(value.to_owned()))
        }
        (Content::Sequence(_), _) => Err(Refusal::text_only()),
    }
}

/// Changes an order's type, with the prices that the new one needs and without those that it has not.
fn order_type(document: &Document, which: &str, value: &str) -> Result<Document, Refusal> {
    let (_, needs) = spec::order_forms()
        .find(|(name, _)| *name == value)
        .ok_or_else(|| Refusal::new(format!("there is no order of type '{value}'")))?;
    let mut document = put(document, &["orders", which, "type"], value)?;
    for form in ORDER.iter().filter(|form| PRICES.contains(&form.key)) {
        let path = ["orders", which, form.key];
        match (document.get(&path).is_some(), needs.contains(&form.key)) {
            (true, false) => document = document.remove(&path)?,
            (false, true) => {
                let index = 1 + place_of_type(&document, which);
                let value = Fragment::Scalar(form.begins.to_owned());
                document = document.insert(&path[..2], index, form.key, value)?;
            }
            _ => {}
        }
    }
    Ok(document)
}

/// Where an order's type stands among its keys.
fn place_of_type(document: &Document, which: &str) -> usize {
    match document.get(&["orders", which]).map(|node| &node.content) {
        Some(Content::Mapping(entries)) => entries
            .iter()
            .position(|(key, _)| key.text == "type")
            .unwrap_or(0),
        _ => 0,
    }
}

fn rule(document: &Document, section: &str, side: &str) -> Result<Rule, Refusal> {
    let text = document.scalar(&[section, side]).ok_or_else(unknown)?;
    Rule::read(&text.text).map_err(|error| Refusal::new(error.message))
}

fn rewrite(
    document: &Document,
    section: &str,
    side: &str,
    rule: &Rule,
    splices: &[Splice],
) -> Result<Document, Refusal> {
    document.set(&[section, side], &spliced(&rule.text, splices), splices)
}

fn add(document: &Document, path: &str, value: &str) -> Result<Changed, Refusal> {
    let keys: Vec<&str> = path.split('.').collect();
    let scalar = |text: &str| Fragment::Scalar(text.to_owned());
    match keys.as_slice() {
        ["params"] => {
            let name = free_name(document, "params", "length");
            let words = ["default", "min", "max", "step"];
            let numbers = [value, "1", "200", "1"];
            let entries = words
                .iter()
                .zip(numbers)
                .map(|(key, text)| ((*key).to_owned(), scalar(text)));
            let fragment = Fragment::Flow(entries.collect());
            let changed = document.insert(&["params"], document.count(&["params"]), &name, fragment)?;
            Ok((changed, Some(format!("params.{name}"))))
        }
        ["let"] => {
            expression(value)?;
            let name = free_name(document, "let", "average");
            let changed = document.insert(&["let"], document.count(&["let"]), &name, scalar(value))?;
            Ok((changed, Some(format!("let.{name}"))))
        }
        [section @ ("entry" | "exit"), side @ ("long" | "short")] => {
            expression(value)?;
            if document.scalar(&keys).is_none() {
                let changed = put(document, &keys, value)?;
                return Ok((changed, Some(format!("{path}.0"))));
            }
            let rule = rule(document, section, side)?;
            let changed = rewrite(document, section, side, &rule, &rule.add(value)?)?;
            let count = self::rule(&changed, section, side)?.conditions.len();
            Ok((changed, Some(format!("{path}.{}", count.saturating_sub(1)))))
        }
        ["orders", which @ ("entry" | "exit")] => {
            let fragment = Fragment::Flow(vec![("type".to_owned(), scalar(value))]);
            let changed = document.insert(&["orders"], document.count(&["orders"]), which, fragment)?;
            Ok((changed, Some(path.to_owned())))
        }
        ["orders", which @ ("entry" | "exit"), _] => {
            Ok((set(document, &keys, value)?, Some(format!("orders.{which}"))))
        }
        ["risk", "size"] => {
            let entries = vec![
                ("method".to_owned(), scalar("percent_of_equity")),
                ("value".to_owned(), scalar(value)),
            ];
            let changed = document.insert(&["risk"], 0, "size", Fragment::Flow(entries))?;
            Ok((changed, Some(path.to_owned())))
        }
        ["risk", _] => Ok((set(document, &keys, value)?, Some(path.to_owned()))),
        _ => Err(unknown()),
    }
}

/// A name that nothing has yet.
fn free_name(document: &Document, section: &str, base: &str) -> String {
    let taken = |name: &str| document.get(&[section, name]).is_some();
    let numbered = (2_u32..).map(|number| format!("{base}_{number}"));
    std::iter::once(base.to_owned())
        .chain(numbered)
        .find(|name| !taken(name))
        .unwrap_or_default()
}

fn remove(document: &Document, path: &str) -> Result<Changed, Refusal> {
    let keys: Vec<&str> = path.split('.').collect();
    if let [section @ ("entry" | "exit"), side, index] = keys.as_slice() {
        let rule = rule(document, section, side)?;
        let index = number(index)?;
        return match rule.remove(index)? {
            Some(splices) => {
                let changed = rewrite(document, section, side, &rule, &splices)?;
                let left = rule.conditions.len() - 2;
                Ok((changed, Some(format!("{section}.{side}.{}", index.min(left)))))
            }
            None => Ok((document.remove(&[section, side])?, Some((*section).to_owned()))),
        };
    }
    let focus = neighbour(document, &keys);
    Ok((document.remove(&keys)?, focus))
}

/// The block that is looked at when this one has gone.
fn neighbour(document: &Document, keys: &[&str]) -> Option<String> {
    let (last, parents) = keys.split_last()?;
    let Content::Mapping(entries) = &document.get(parents)?.content else {
        return None;
    };
    let index = entries.iter().position(|(key, _)| key.text == *last)?;
    let other = entries
        .get(index + 1)
        .or_else(|| entries.get(index.checked_sub(1)?));
    let mut path = parents.to_vec();
    path.extend(other.map(|(key, _)| key.text.as_str()));
    Some(path.join("."))
}

fn shift(document: &Document, path: &str, to: usize) -> Result<Changed, Refusal> {
    let keys: Vec<&str> = path.split('.').collect();
    if let [section @ ("entry" | "exit"), side, index] = keys.as_slice() {
        let rule = rule(document, section, side)?;
        let to = to.min(rule.conditions.len().saturating_sub(1));
        let changed = rewrite(document, section, side, &rule, &rule.shift(number(index)?, to)?)?;
        return Ok((changed, Some(format!("{section}.{side}.{to}"))));
    }
    Ok((document.shift(&keys, to)?, Some(path.to_owned())))
}
