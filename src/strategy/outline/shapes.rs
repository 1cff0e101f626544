//! What the language's table says of a place in a file.

use crate::strategy::spec::shape::{Holds, Key, STRATEGY, Shape};
use crate::strategy::yaml::{Content, Node};

/// The whole file.
static FILE: Holds = Holds::Shape(&STRATEGY);

/// A place in a file by its keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a, 'b> {
    /// What belongs there.
    pub(super) holds: &'static Holds,
    /// The keys that lead to the value.
    pub(super) keys: &'a [&'b str],
    /// What follows inside the value: parts of a condition.
    pub(super) rest: &'a [&'b str],
    /// The mapping that the last key belongs to, and the key, unless that is a name or a number of a list.
    pub(super) of: Option<(&'static Shape, &'static Key)>,
}

/// What is at a path, if the language knows such a place.
pub(super) fn spot<'a, 'b>(keys: &'a [&'b str]) -> Option<Spot<'a, 'b>> {
    let (mut holds, mut of) = (&FILE, None);
    for (index, key) in keys.iter().enumerate() {
        (holds, of) = step(holds, key)?;
        if matches!(holds, Holds::Condition) {
            let (keys, rest) = keys.split_at(index + 1);
            return Some(Spot {
                holds,
                keys,
                rest,
                of,
            });
        }
    }
    let rest = &[];
    Some(Spot {
        holds,
        keys,
        rest,
        of,
    })
}

type Step = (&'static Holds, Option<(&'static Shape, &'static Key)>);

fn step(holds: &'static Holds, key: &str) -> Option<Step> {
    match holds {
        Holds::Shape(shape) => {
            let key = shape.keys.iter().find(|known| known.name == key)?;
            Some((&key.holds, Some((shape, key))))
        }
        Holds::Names(value) => Some((value, None)),
        Holds::List(item) => key.parse::<usize>().ok().map(|_| (*item, None)),
        Holds::Either(forms) => forms.iter().find_map(|form| step(form, key)),
        _ => None,
    }
}

/// How a value of a place is shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Look {
    /// One field.
    Field,
    /// A field for several texts, with commas between them.
    Texts,
    /// A row of conditions.
    Rule,
    /// A form of fields. The value may be short for a form of which only the first is said.
    Form(&'static Shape),
    /// A list of forms.
    List(&'static Shape),
    /// Names with a value each.
    Names,
}

/// How what is written there is shown; `None` for what has no form.
pub(super) fn look(holds: &'static Holds, node: &Node) -> Option<Look> {
    let is_scalar = matches!(node.content, Content::Scalar(_));
    match (holds, &node.content) {
        (Holds::Condition, Content::Scalar(_)) => Some(Look::Rule),
        (Holds::Shape(shape), Content::Mapping(_)) => Some(Look::Form(shape)),
        (Holds::List(Holds::Shape(shape)), Content::Sequence(items)) => items
            .iter()
            .all(|item| matches!(item.content, Content::Mapping(_)))
            .then_some(Look::List(shape)),
        (Holds::Names(_), Content::Mapping(_)) => Some(Look::Names),
        (Holds::Either([_, Holds::List(Holds::Text)]), Content::Scalar(_)) => Some(Look::Texts),
        (Holds::Either([_, Holds::List(Holds::Text)]), Content::Sequence(items)) => items
            .iter()
            .all(|item| matches!(&item.content, Content::Scalar(text) if !text.text.contains(',')))
            .then_some(Look::Texts),
        (Holds::Either([_, Holds::Shape(shape)]), Content::Scalar(_)) => Some(Look::Form(shape)),
        (Holds::Either(forms), _) if !is_scalar => forms.iter().find_map(|form| look(form, node)),
        (
            Holds::Shape(_) | Holds::List(_) | Holds::Names(_) | Holds::Condition,
            Content::Scalar(_) | Content::Sequence(_) | Content::Mapping(_),
        ) => None,
        (_, Content::Scalar(_)) => Some(Look::Field),
        _ => None,
    }
}

/// The mapping that a value may be a form of, whatever is written there.
pub(super) fn shape(holds: &'static Holds) -> Option<&'static Shape> {
    match holds {
        Holds::Shape(shape) | Holds::List(Holds::Shape(shape)) => Some(shape),
        Holds::Either(forms) => forms.iter().find_map(shape),
        _ => None,
    }
}

/// The mappings of a list that may be there.
pub(super) fn listed(holds: &'static Holds) -> Option<&'static Shape> {
    match holds {
        Holds::List(Holds::Shape(shape)) => Some(shape),
        Holds::Either(forms) => forms.iter().find_map(listed),
        _ => None,
    }
}

/// Whether several texts may be there, with commas between them.
pub(super) const fn is_texts(holds: &Holds) -> bool {
    matches!(holds, Holds::Either([_, Holds::List(Holds::Text)]))
}

/// The words that can be chosen, where nothing else can be said.
pub(super) fn words(holds: &Holds) -> Vec<&'static str> {
    match holds {
        Holds::Words(words) => words(),
        Holds::Flag => vec!["true", "false"],
        Holds::Either(forms) if forms.iter().all(|it| matches!(it, Holds::Words(_) | Holds::Flag)) => {
            forms.iter().flat_map(words).collect()
        }
        _ => Vec::new(),
    }
}
