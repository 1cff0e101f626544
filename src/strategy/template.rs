//! Templates: a file that `extends` another one and says only what is different.
//!
//! The other file comes from a loader that the caller hands in, for this crate reads no files. Both are merged before
//! anything is read of them: `params` and `let` by name, `risk` and `orders` by key, everything else whole.

use super::problem::{Position, Problem};
use super::yaml::{self, Content, Node, Text};
use std::borrow::Cow;

/// Longest chain of templates.
const MAXIMUM_CHAIN: usize = 8;
/// The key that names the template.
const EXTENDS: &str = "extends";
/// Sections of which a file may say a part.
const MERGED: [&str; 4] = ["params", "let", "risk", "orders"];

/// Gives the YAML of a template by its name, or `None` when there is none.
pub type Loader<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The file with everything that it extends, as one YAML text that stands on its own; itself when it extends nothing.
/// What runs later, or elsewhere, keeps this text, so that a change of the template does not change it.
///
/// # Errors
/// The [`Problem`] that a template is not known, has no form, or leads back to itself.
pub fn resolve<'a>(source: &'a str, loader: &Loader<'_>) -> Result<Cow<'a, str>, Vec<Problem>> {
    let root = yaml::parse(source).map_err(|problem| vec![problem])?;
    if extends(&root).is_none() {
        return Ok(Cow::Borrowed(source));
    }
    let merged = merged(root, loader)?;
    let mut text = String::new();
    yaml::write(&merged, 0, &mut text);
    Ok(Cow::Owned(text))
}

/// A file's tree with everything that it extends. What comes from a template stands where the template is named.
pub(super) fn merged(root: Node, loader: &Loader<'_>) -> Result<Node, Vec<Problem>> {
    let mut chain = Vec::new();
    with_template(root, loader, &mut chain).map_err(|problem| vec![problem])
}

/// The template that a file names, and where.
fn extends(root: &Node) -> Option<(&Node, usize)> {
    let Content::Mapping(entries) = &root.content else {
        return None;
    };
    let index = entries.iter().position(|(key, _)| key.text == EXTENDS)?;
    Some((&entries[index].1, index))
}

fn with_template(mut root: Node, loader: &Loader<'_>, chain: &mut Vec<String>) -> Result<Node, Problem> {
    let Some((node, index)) = extends(&root) else {
        return Ok(root);
    };
    let at = node.position;
    let problem = |message: String| at.problem(EXTENDS, message);
    let name = match &node.content {
        Content::Scalar(text) if !text.is_null() => text.text.trim().to_owned(),
        _ => return Err(problem("extends must be the name of a strategy".to_owned())),
    };
    if chain.contains(&name) {
        chain.push(name);
        return Err(problem(format!(
            "these templates extend each other in a circle: {}",
            chain.join(" → ")
        )));
    }
    if chain.len() >= MAXIMUM_CHAIN {
        return Err(problem(format!(
            "more than {MAXIMUM_CHAIN} templates extend each other"
        )));
    }
    let source = loader(&name).ok_or_else(|| {
        let shown: String = name.chars().take(40).collect();
        problem(format!("there is no strategy '{shown}' to extend"))
    })?;
    let flaw = |flaw: Problem| problem(format!("the template '{name}' cannot be read, {flaw}"));
    let template = yaml::parse(&source).map_err(flaw)?;
    chain.push(name.clone());
    let template = match with_template(template, loader, chain) {
        Ok(template) => template,
        // Its place is in the template; what matters here is which one was named.
        Err(inner) => return Err(problem(inner.message)),
    };
    let mut template = template;
    stand_at(&mut template, at);
    // Two strategies of one name could not be told apart.
    if let Content::Mapping(entries) = &mut template.content {
        entries.retain(|(key, _)| key.text != "name");
    }
    if let Content::Mapping(entries) = &mut root.content {
        entries.remove(index);
    }
    Ok(overlay(template, root))
}

/// Moves a tree to one place in the file.
fn stand_at(node: &mut Node, at: Position) {
    node.position = at;
    match &mut node.content {
        Content::Scalar(text) => text.stand_at(at),
        Content::Sequence(nodes) => nodes.iter_mut().for_each(|node| stand_at(node, at)),
        Content::Mapping(entries) => {
            for (key, node) in entries {
                key.stand_at(at);
                stand_at(node, at);
            }
        }
    }
}

/// The template with what the file says on top.
fn overlay(template: Node, file: Node) -> Node {
    let position = file.position;
    match (template.content, file.content) {
        (Content::Mapping(template), Content::Mapping(file)) => Node::made(
            position,
            Content::Mapping(merge(template, file, |key, old, new| {
                if MERGED.contains(&key) {
                    overlay_section(key, old, new)
                } else {
                    new
                }
            })),
        ),
        (_, content) => Node::made(position, content),
    }
}

/// One of the sections of which a file may say a part.
fn overlay_section(section: &str, template: Node, file: Node) -> Node {
    let position = file.position;
    match (template.content, file.content) {
        (Content::Mapping(template), Content::Mapping(file)) => Node::made(
            position,
            Content::Mapping(merge(template, file, |_, old, new| {
                if section == "params" {
                    overlay_parameter(old, new)
                } else {
                    new
                }
            })),
        ),
        (_, content) => Node::made(position, content),
    }
}

/// A parameter keeps its range and description when only its value is said.
fn overlay_parameter(template: Node, file: Node) -> Node {
    let position = file.position;
    match (template.content, file.content) {
        (Content::Mapping(old), Content::Mapping(new)) => {
            Node::made(position, Content::Mapping(merge(old, new, |_, _, new| new)))
        }
        (Content::Mapping(old), Content::Scalar(value)) => {
            let value = Node::made(position, Content::Scalar(value));
            let key = Text::standalone("default");
            Node::made(
                position,
                Content::Mapping(merge(old, vec![(key, value)], |_, _, new| new)),
            )
        }
        (_, content) => Node::made(position, content),
    }
}

/// Keys of both, the template's first; what both have is for `both` to say.
fn merge(
    template: Vec<(Text, Node)>,
    file: Vec<(Text, Node)>,
    both: impl Fn(&str, Node, Node) -> Node,
) -> Vec<(Text, Node)> {
    let mut file: Vec<Option<(Text, Node)>> = file.into_iter().map(Some).collect();
    let mut merged = Vec::with_capacity(template.len() + file.len());
    for (key, old) in template {
        let same = file.iter_mut().find(|entry| {
            let other = entry.as_ref();
            other.is_some_and(|(other, _)| other.text == key.text)
        });
        match same.and_then(Option::take) {
            Some((key, new)) => {
                let node = both(&key.text, old, new);
                merged.push((key, node));
            }
            None => merged.push((key, old)),
        }
    }
    merged.extend(file.into_iter().flatten());
    merged
}
