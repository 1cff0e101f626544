//! Another name for a parameter or an expression, everywhere.

use super::Refusal;
use super::change::{Changed, unknown};
use super::document::{Document, Splice};
use crate::model::Symbol;
use crate::strategy::expression::lexer::{Token, tokens};
use crate::strategy::indicator::catalogue;
use crate::strategy::script::words;
use crate::strategy::yaml::{Content, Node};

/// Longest name, in characters.
const MAXIMUM_NAME: usize = 64;

/// Renames a parameter or an expression, and all that use it.
pub(super) fn rename(document: &Document, path: &str, name: &str) -> Result<Changed, Refusal> {
    let keys: Vec<&str> = path.split('.').collect();
    if let ["portfolio", "weights", _] = keys.as_slice() {
        return symbol(document, &keys, name);
    }
    let [section @ ("params" | "let"), old] = keys.as_slice() else {
        return Err(unknown());
    };
    if *old == name {
        return Ok((document.clone(), Some(path.to_owned())));
    }
    let is_name = matches!(
        tokens(name).as_deref(),
        Ok([(Token::Word(_), _), (Token::End, _)])
    );
    if !is_name || name.chars().count() > MAXIMUM_NAME {
        let message =
            format!("'{name}' cannot be a name: use letters, digits and '_', beginning with a letter");
        return Err(Refusal::new(message));
    }
    if *section == "let" && catalogue::is_value(name) {
        return Err(Refusal::new(format!(
            "'{name}' is a word of the language: choose another name"
        )));
    }
    if document.get(&[section, name]).is_some() {
        return Err(Refusal::new(format!("'{name}' is there already")));
    }
    let mut uses = Vec::new();
    if let Content::Mapping(entries) = &document.root.content {
        for (key, node) in entries
            .iter()
            .filter(|(key, _)| !PROSE.contains(&key.text.as_str()))
        {
            let wanted = (*section == "params", *old, name);
            gather_uses(node, &mut vec![key.text.clone()], wanted, &mut uses);
        }
    }
    let changed = document.rename(&keys, name, &uses)?;
    Ok((changed, Some(format!("{section}.{name}"))))
}

/// Gives a weight to another symbol.
fn symbol(document: &Document, keys: &[&str], name: &str) -> Result<Changed, Refusal> {
    if let Err(error) = name.parse::<Symbol>() {
        return Err(Refusal::new(error.to_string()));
    }
    let (known, parents) = keys.split_last().ok_or_else(unknown)?;
    let path = [parents, &[name]].concat();
    if *known != name && document.get(&path).is_some() {
        return Err(Refusal::new(format!("'{name}' is there already")));
    }
    let changed = document.rename(keys, name, &[])?;
    Ok((changed, Some(path.join("."))))
}

/// Keys whose values are words for people or of the language, never expressions.
const PROSE: [&str; 19] = [
    "name",
    "description",
    "symbols",
    "symbol",
    "timeframe",
    "params",
    "type",
    "method",
    "time_in_force",
    "of",
    "extends",
    "days",
    "hours",
    "from",
    "to",
    "timezone",
    "session",
    "post_only",
    "extended_hours",
];

/// Finds where a name is used, in parts without blocks too.
fn gather_uses(
    node: &Node,
    path: &mut Vec<String>,
    (is_param, old, new): (bool, &str, &str),
    uses: &mut Vec<(Vec<String>, Vec<Splice>)>,
) {
    match &node.content {
        Content::Scalar(text) if path.as_slice() == ["script", "code"] => {
            let splices: Vec<Splice> = words(&text.text)
                .into_iter()
                .filter(|word| word.is_parameter == is_param && word.text == old)
                .map(|word| {
                    let begin = word.start + usize::from(is_param);
                    (begin..begin + old.chars().count(), new.to_owned())
                })
                .collect();
            if !splices.is_empty() {
                uses.push((path.clone(), splices));
            }
        }
        Content::Scalar(text) => {
            let Ok(tokens) = tokens(&text.text) else { return };
            let mut splices: Vec<Splice> = Vec::new();
            for (index, (token, span)) in tokens.iter().enumerate() {
                let range = span.start..span.end;
                let before = index.checked_sub(1).and_then(|before| tokens.get(before));
                let field = matches!(before, Some((Token::Dot, _)));
                let call = matches!(tokens.get(index + 1), Some((Token::Open, _)));
                match token {
                    Token::Parameter(name) if is_param && name == old => {
                        splices.push((range, format!("${new}")))
                    }
                    Token::Word(name) if !is_param && name == old && !field && !call => {
                        splices.push((range, new.to_owned()));
                    }
                    _ => {}
                }
            }
            if !splices.is_empty() {
                uses.push((path.clone(), splices));
            }
        }
        Content::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                gather_uses(item, path, (is_param, old, new), uses);
                path.pop();
            }
        }
        Content::Mapping(entries) => {
            for (key, node) in entries
                .iter()
                .filter(|(key, _)| !PROSE.contains(&key.text.as_str()))
            {
                path.push(key.text.clone());
                gather_uses(node, path, (is_param, old, new), uses);
                path.pop();
            }
        }
    }
}
