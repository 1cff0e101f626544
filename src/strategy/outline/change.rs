//! From an edit of a block to the new text.

use super::blocks::texts as said;
use super::condition::{Part, Rule};
use super::document::{Document, Splice, spliced};
use super::forms::{begins, follows, label, start};
use super::list;
use super::read::is_bare;
use super::rename::rename;
use super::shapes::{is_texts, listed, shape, spot};
use super::value::Fragment;
use super::{Check, Refusal, outline_with};
use crate::api::{Edit, Edited};
use crate::strategy::spec::shape::{Holds, Key, Shape};
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
        ["let", _, "value"] => {
            expression(value)?;
            return put(document, &keys[..2], value);
        }
        ["portfolio", "weights", _, "value"] => {
            amount(value)?;
            return put(document, &keys[..3], value);
        }
        _ => {}
    }
    let spot = spot(keys).ok_or_else(unknown)?;
    match spot.rest {
        [] => {}
        ["join"] => {
            let rule = rule(document, spot.keys)?;
            return rewrite(document, spot.keys, &rule, &rule.rejoin(value)?);
        }
        [index, part] => {
            let rule = rule(document, spot.keys)?;
            let part = Part::of(part).ok_or_else(unknown)?;
            return rewrite(
                document,
                spot.keys,
                &rule,
                &rule.set(number(index)?, part, value)?,
            );
        }
        _ => return Err(unknown()),
    }
    let (_, parents) = keys.split_last().ok_or_else(unknown)?;
    let key = spot.of;
    if let Some((shape, key)) = key {
        if value.is_empty() && shape.required.contains(&key.name) {
            let label = label(shape, key.name).to_lowercase();
            return Err(Refusal::new(format!("a {} needs a {label}", shape.name)));
        }
        if !value.is_empty() {
            check(&key.holds, value)?;
        }
    }
    // A path may lead through what is not there any more.
    if parents.len() > 1 && document.get(parents).is_none() {
        return Err(unknown());
    }
    if is_texts(spot.holds) {
        return texts(document, keys, value);
    }
    if let (Some((shape, key)), Some(Content::Scalar(text))) =
        (key, document.get(parents).map(|node| &node.content))
        && !text.is_null()
    {
        return short(document, parents, (shape, key.name), (&text.text, value));
    }
    if let ["entry", .., "name"] = keys {
        return list::rename(document, keys, value);
    }
    let changed = put(document, keys, value)?;
    match key {
        Some((shape, key)) if shape.keys.first().is_some_and(|first| first.name == key.name) => {
            follow(&changed, parents, shape, value)
        }
        _ => Ok(changed),
    }
}

/// Refuses what cannot be there, whatever else the file says.
fn check(holds: &Holds, value: &str) -> Result<(), Refusal> {
    match holds {
        Holds::Number if !value.parse::<f64>().is_ok_and(f64::is_finite) => {
            Err(Refusal::new(format!("'{value}' is not a number")))
        }
        Holds::Expression | Holds::Condition => expression(value),
        Holds::Amount => amount(value),
        Holds::Words(words) if !words().contains(&value) => {
            let words = words().join(", ");
            Err(Refusal::new(format!("'{value}' is none of these: {words}")))
        }
        Holds::Either([first, ..]) if !is_texts(holds) && !matches!(first, Holds::Words(_) | Holds::Flag) => {
            check(first, value)
        }
        _ => Ok(()),
    }
}

/// Sets a key of a form of which only the first is said so far, by a value alone.
fn short(
    document: &Document,
    path: &[&str],
    (shape, key): (&'static Shape, &'static str),
    (known, value): (&str, &str),
) -> Result<Document, Refusal> {
    let first = shape.required.first().ok_or_else(Refusal::text_only)?;
    if *first == key {
        return put(document, path, value);
    }
    if value.is_empty() {
        return Ok(document.clone());
    }
    let scalar = |text: &str| Fragment::scalar(text);
    document.replace(
        path,
        &Fragment::keys([(*first, scalar(known)), (key, scalar(value))]),
    )
}

/// Adds and removes what the word under a form's first key decides on.
fn follow(
    document: &Document,
    path: &[&str],
    shape: &'static Shape,
    word: &str,
) -> Result<Document, Refusal> {
    let (needs, refused) = follows(shape, word);
    let mut document = document.clone();
    for key in refused {
        let own = [path, &[key]].concat();
        if document.get(&own).is_some() {
            document = document.remove(&own)?;
        }
    }
    for key in needs {
        let own = [path, &[key]].concat();
        if document.get(&own).is_none() {
            let fragment = match key {
                "weights" => weights(&document),
                _ => Fragment::Scalar(begins_of(shape, key)),
            };
            document = document.insert(path, document.place_of(path, key), key, fragment)?;
        }
    }
    // What counts units or money carries no percent sign.
    let value = [path, &["value"]].concat();
    if matches!(word, "fixed_quantity" | "fixed_notional")
        && let Some(text) = document.scalar(&value)
        && let Some(bare) = text.text.trim().strip_suffix('%')
    {
        let bare = bare.to_owned();
        document = put(&document, &value, &bare)?;
    }
    // A share of the equity to buy is none to lose: nobody means to risk 95 % at a stop loss.
    if word == "risk_percent"
        && let Some(text) = document.scalar(&value)
        && let Ok(percent) = text.text.trim().trim_end_matches('%').parse::<f64>()
        && percent > MOST_RISKED
    {
        document = put(&document, &value, "1")?;
    }
    Ok(document)
}

/// The highest share of the equity, in percent, that is carried over to what may be lost at a stop loss.
const MOST_RISKED: f64 = 10.0;

/// The same for every symbol.
fn weights(document: &Document) -> Fragment {
    let symbols = document.get(&["symbols"]).map_or_else(Vec::new, said);
    let symbols: Vec<&str> = match symbols.as_slice() {
        [] => vec!["BTC/USDT"],
        symbols => symbols.iter().map(String::as_str).collect(),
    };
    let share = 100 / symbols.len().max(1);
    Fragment::keys(
        symbols
            .iter()
            .map(|it| (*it, Fragment::Scalar(format!("{share}%")))),
    )
}

/// What a key begins with when it is added.
fn begins_of(shape: &'static Shape, key: &str) -> String {
    let key = shape.keys.iter().find(|known| known.name == key);
    key.map_or_else(String::new, |key| begins(shape, key))
}

pub(super) fn unknown() -> Refusal {
    Refusal::new("there is no such field any more")
}

fn number(text: &str) -> Result<usize, Refusal> {
    text.parse().map_err(|_| unknown())
}

/// Refuses what is no expression.
pub(super) fn expression(text: &str) -> Result<(), Refusal> {
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
pub(super) fn put(document: &Document, keys: &[&str], value: &str) -> Result<Document, Refusal> {
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
            document.insert(
                parent,
                document.place_of(parent, key),
                key,
                Fragment::scalar(value),
            )
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

/// Sets several texts with commas between them.
fn texts(document: &Document, keys: &[&str], value: &str) -> Result<Document, Refusal> {
    let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
    let items: Vec<Fragment> = items.map(Fragment::scalar).collect();
    let (key, parent) = keys.split_last().ok_or_else(unknown)?;
    // One that stood alone still does.
    let is_alone = items.len() == 1 && keys != ["symbols"];
    match (document.get(keys).map(|node| &node.content), items.is_empty()) {
        (Some(_), true) => document.remove(keys),
        (None, true) => Ok(document.clone()),
        (Some(Content::Scalar(_)), false) if is_alone => put(document, keys, value),
        (Some(_), false) => document.replace(keys, &Fragment::List(items)),
        (None, false) if is_alone => put(document, keys, value),
        (None, false) => document.insert(parent, document.place_of(parent, key), key, Fragment::List(items)),
    }
}

fn rule(document: &Document, path: &[&str]) -> Result<Rule, Refusal> {
    let text = document.scalar(path).ok_or_else(unknown)?;
    Rule::read(&text.text).map_err(|error| Refusal::new(error.message))
}

fn rewrite(document: &Document, path: &[&str], rule: &Rule, splices: &[Splice]) -> Result<Document, Refusal> {
    document.set(path, &spliced(&rule.text, splices), splices)
}

fn add(document: &Document, path: &str, value: &str) -> Result<Changed, Refusal> {
    let keys: Vec<&str> = path.split('.').collect();
    match keys.as_slice() {
        ["params"] => {
            let name = free_name(document, "params", "length");
            let entries = [("default", value), ("min", "1"), ("max", "200"), ("step", "1")];
            let fragment = Fragment::keys(entries.map(|(key, text)| (key, Fragment::scalar(text))));
            let changed = document.insert(&["params"], document.count(&["params"]), &name, fragment)?;
            return Ok((changed, Some(format!("params.{name}"))));
        }
        ["let"] => {
            expression(value)?;
            let name = free_name(document, "let", "average");
            let fragment = Fragment::scalar(value);
            let changed = document.insert(&["let"], document.count(&["let"]), &name, fragment)?;
            return Ok((changed, Some(format!("let.{name}"))));
        }
        ["portfolio", "weights"] if document.get(&keys).is_some() => {
            let fragment = Fragment::scalar("10%");
            let changed = document.insert(&keys, document.count(&keys), value, fragment)?;
            return Ok((changed, Some(format!("{path}.{value}"))));
        }
        _ => {}
    }
    let spot = spot(&keys)
        .filter(|spot| spot.rest.is_empty())
        .ok_or_else(unknown)?;
    if matches!(spot.holds, Holds::Condition) && document.scalar(&keys).is_some() {
        expression(value)?;
        let rule = rule(document, &keys)?;
        let changed = rewrite(document, &keys, &rule, &rule.add(value)?)?;
        let count = self::rule(&changed, &keys)?.conditions.len();
        return Ok((changed, Some(format!("{path}.{}", count.saturating_sub(1)))));
    }
    if let (Some(_), Some(shape)) = (document.get(&keys), listed(spot.holds)) {
        return list::add(document, &keys, shape, value);
    }
    let (key, parents) = keys.split_last().ok_or_else(unknown)?;
    let name = match *key {
        "of" if value.is_empty() => list::first_name(document),
        _ => String::new(),
    };
    let value = if name.is_empty() { value } else { &name };
    let fragment = match (spot.of, shape(spot.holds)) {
        (Some((_, known)), Some(shape))
            if !start(shape).is_empty() && matches!(known.holds, Holds::Shape(_)) =>
        {
            // The value is for the key of which nothing else is said.
            let entries = start(shape).iter().map(|(key, begins)| {
                let text = if begins.is_empty() { value } else { begins };
                (*key, Fragment::scalar(text))
            });
            Fragment::keys(entries)
        }
        (Some((_, known)), _) if !value.is_empty() => {
            let focus = focus_of(&keys, known);
            return Ok((set(document, &keys, value)?, Some(focus)));
        }
        _ => return Err(unknown()),
    };
    let changed = document.insert(parents, document.place_of(parents, key), key, fragment)?;
    Ok((changed, Some(path.to_owned())))
}

/// The block that a new key is shown in: its own, or the form that it is a field of.
fn focus_of(keys: &[&str], key: &Key) -> String {
    let (_, parents) = keys.split_last().unwrap_or((&"", &[]));
    match parents {
        [] => "about".to_owned(),
        _ if matches!(key.holds, Holds::Condition) => format!("{}.0", keys.join(".")),
        // The keys of a section have a block each.
        ["entry" | "exit" | "risk"] => keys.join("."),
        parents => parents.join("."),
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

/// The rule that a path leads into, and the number of its condition.
fn condition_of<'a, 'b>(keys: &'a [&'b str]) -> Option<(&'a [&'b str], &'b str)> {
    let spot = spot(keys)?;
    match spot.rest {
        [index] => Some((spot.keys, index)),
        _ => None,
    }
}

fn remove(document: &Document, path: &str) -> Result<Changed, Refusal> {
    let keys: Vec<&str> = path.split('.').collect();
    if let Some((path, index)) = condition_of(&keys) {
        let rule = rule(document, path)?;
        let index = number(index)?;
        if let Some(splices) = rule.remove(index)? {
            let changed = rewrite(document, path, &rule, &splices)?;
            let left = rule.conditions.len() - 2;
            return Ok((changed, Some(format!("{}.{}", path.join("."), index.min(left)))));
        }
        let parents = path.len().saturating_sub(1);
        return Ok((document.remove(path)?, Some(path[..parents].join("."))));
    }
    let focus = neighbour(document, &keys);
    Ok((document.remove(&keys)?, focus))
}

/// The block that is looked at when this one has gone.
fn neighbour(document: &Document, keys: &[&str]) -> Option<String> {
    let (last, parents) = keys.split_last()?;
    let mut path: Vec<String> = parents.iter().map(|key| (*key).to_owned()).collect();
    match &document.get(parents)?.content {
        Content::Mapping(entries) => {
            let index = entries.iter().position(|(key, _)| key.text == *last)?;
            let other = entries
                .get(index + 1)
                .or_else(|| entries.get(index.checked_sub(1)?));
            path.extend(other.map(|(key, _)| key.text.clone()));
        }
        Content::Sequence(items) => {
            let index: usize = last.parse().ok()?;
            let left = items.len().checked_sub(2);
            path.extend(left.map(|left| index.min(left).to_string()));
        }
        Content::Scalar(_) => return None,
    }
    Some(match path.join(".").as_str() {
        // Sections whose block has their key's name are called otherwise.
        "when" => "times".to_owned(),
        "portfolio" => "shares".to_owned(),
        path => path.to_owned(),
    })
}

fn shift(document: &Document, path: &str, to: usize) -> Result<Changed, Refusal> {
    let keys: Vec<&str> = path.split('.').collect();
    if let Some((path, index)) = condition_of(&keys) {
        let rule = rule(document, path)?;
        let to = to.min(rule.conditions.len().saturating_sub(1));
        let changed = rewrite(document, path, &rule, &rule.shift(number(index)?, to)?)?;
        return Ok((changed, Some(format!("{}.{to}", path.join(".")))));
    }
    let changed = document.shift(&keys, to)?;
    let (last, parents) = keys.split_last().ok_or_else(unknown)?;
    let is_item = matches!(
        document.get(parents).map(|node| &node.content),
        Some(Content::Sequence(_))
    );
    let focus = if is_item {
        let to = to.min(document.count(parents).saturating_sub(1));
        format!("{}.{to}", parents.join("."))
    } else {
        [parents, &[*last]].concat().join(".")
    };
    Ok((changed, Some(focus)))
}
