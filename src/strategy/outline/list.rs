//! Lists of rules with names, and of steps of taking profit: an item more.

use super::Refusal;
use super::change::{Changed, expression, put, unknown};
use super::document::Document;
use super::forms::begins;
use super::value::Fragment;
use crate::strategy::spec::shape::Shape;
use crate::strategy::yaml::{Content, Node};
use rust_decimal::Decimal;

/// Adds an item to the list at a path, which may be a list yet to be made of the one thing that is there.
pub(super) fn add(
    document: &Document,
    path: &[&str],
    shape: &'static Shape,
    value: &str,
) -> Result<Changed, Refusal> {
    let changed = match path {
        ["entry" | "exit"] => rule(document, path, shape)?,
        _ => step(document, path, value)?,
    };
    let last = changed.count(path).saturating_sub(1);
    Ok((changed, Some(format!("{}.{last}", path.join(".")))))
}

/// Adds a rule with a name of its own.
fn rule(document: &Document, path: &[&str], shape: &'static Shape) -> Result<Document, Refusal> {
    let section = path.first().ok_or_else(unknown)?;
    let mut document = document.clone();
    let is_one = matches!(
        document.get(path).map(|node| &node.content),
        Some(Content::Mapping(_))
    );
    if is_one {
        document = document.listed(path)?;
    }
    // Of several rules each needs a name.
    for index in 0..document.count(path) {
        let index = index.to_string();
        let own = [path, &[index.as_str()]].concat();
        let name = [own.as_slice(), &["name"]].concat();
        if document.get(&name).is_none() {
            let free = Fragment::Scalar(free_name(&document, section));
            document = document.insert(&own, 0, "name", free)?;
        }
    }
    let long = shape
        .keys
        .iter()
        .find(|key| key.name == "long")
        .ok_or_else(unknown)?;
    let condition = begins(shape, long);
    expression(&condition)?;
    let item = vec![
        ("name".to_owned(), Fragment::Scalar(free_name(&document, section))),
        ("long".to_owned(), Fragment::Scalar(condition)),
    ];
    document.push(path, &Fragment::Mapping(item))
}

/// Adds a step of taking profit: at twice the last one's gain, and the last one closes a part from now on.
fn step(document: &Document, path: &[&str], value: &str) -> Result<Document, Refusal> {
    const PART: &str = "50%";
    let scalar = |text: &str| Fragment::scalar(text);
    if let Some(text) = document.scalar(path) {
        let known = text.text.trim().to_owned();
        let first = Fragment::keys([("at", scalar(&known)), ("close", scalar(PART))]);
        let second = Fragment::keys([("at", Fragment::Scalar(twice(&known)))]);
        return document.replace(path, &Fragment::List(vec![first, second]));
    }
    let Some(last) = document.count(path).checked_sub(1) else {
        return document.push(path, &Fragment::keys([("at", scalar(value))]));
    };
    // Half of what the steps before leave.
    let closed = |index: usize| {
        let index = index.to_string();
        let close = [path, &[index.as_str(), "close"]].concat();
        let part = document.scalar(&close)?.text.trim().strip_suffix('%')?.trim();
        part.parse::<Decimal>().ok()
    };
    let left = (0..last)
        .filter_map(closed)
        .fold(Decimal::ONE_HUNDRED, |left, part| left - part);
    let part = format!("{}%", (left / Decimal::TWO).max(Decimal::ONE).normalize());
    let last = last.to_string();
    let at = [path, &[last.as_str(), "at"]].concat();
    let gain = document
        .scalar(&at)
        .map_or_else(|| value.to_owned(), |text| twice(&text.text));
    let close = [path, &[last.as_str(), "close"]].concat();
    let document = match document.get(&close) {
        None => put(document, &close, &part)?,
        Some(_) => document.clone(),
    };
    document.push(path, &Fragment::keys([("at", Fragment::Scalar(gain))]))
}

/// Twice a distance.
fn twice(amount: &str) -> String {
    let amount = amount.trim();
    let (number, sign) = match amount.strip_suffix('%') {
        Some(number) => (number.trim(), "%"),
        None => (amount, ""),
    };
    match number.parse::<Decimal>().ok().and_then(|it| it.checked_add(it)) {
        Some(number) => format!("{}{sign}", number.normalize()),
        None if sign.is_empty() => format!("2 * ({number})"),
        None => amount.to_owned(),
    }
}

/// The names of the rules of a section, in their order.
fn names(document: &Document, section: &str) -> Vec<String> {
    let name = |node: &Node| {
        let Content::Mapping(entries) = &node.content else {
            return None;
        };
        let (_, node) = entries.iter().find(|(key, _)| key.text == "name")?;
        match &node.content {
            Content::Scalar(text) if !text.is_null() => Some(text.text.trim().to_owned()),
            _ => None,
        }
    };
    match document.get(&[section]) {
        None => Vec::new(),
        Some(node) => match &node.content {
            Content::Sequence(items) => items.iter().filter_map(name).collect(),
            _ => name(node).into_iter().collect(),
        },
    }
}

/// The first entry's name; what an exit can close of the position begins with it.
pub(super) fn first_name(document: &Document) -> String {
    names(document, "entry").into_iter().next().unwrap_or_default()
}

/// Whether there is an entry with a name.
pub(super) fn has_names(document: &Document) -> bool {
    !names(document, "entry").is_empty()
}

/// A name that no rule of the section has.
fn free_name(document: &Document, section: &str) -> String {
    let known = names(document, section);
    (1_u32..)
        .map(|number| format!("{section} {number}"))
        .find(|name| !known.contains(name))
        .unwrap_or_default()
}

/// Gives an entry another name, and the exits that name it.
pub(super) fn rename(document: &Document, path: &[&str], name: &str) -> Result<Document, Refusal> {
    let known = document.scalar(path).map(|text| text.text.trim().to_owned());
    let mut document = put(document, path, name)?;
    let Some(known) = known.filter(|known| !name.is_empty() && known != name) else {
        return Ok(document);
    };
    let rules = match document.get(&["exit"]).map(|node| &node.content) {
        Some(Content::Sequence(items)) => (0..items.len())
            .map(|index| vec!["exit".to_owned(), index.to_string()])
            .collect(),
        Some(Content::Mapping(_)) => vec![vec!["exit".to_owned()]],
        _ => Vec::new(),
    };
    for rule in rules {
        let of: Vec<&str> = rule.iter().map(String::as_str).chain(["of"]).collect();
        let count = document.count(&of);
        let numbers: Vec<String> = (0..count).map(|index| index.to_string()).collect();
        let places = std::iter::once(of.clone())
            .chain(numbers.iter().map(|number| [of.as_slice(), &[number]].concat()));
        for place in places {
            if document
                .scalar(&place)
                .is_some_and(|text| text.text.trim() == known)
            {
                document = put(&document, &place, name)?;
            }
        }
    }
    Ok(document)
}
