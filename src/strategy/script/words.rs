//! The words of a script, found without understanding it: which names it may read, and which parameters.

/// A word outside of comments and texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Without its sign.
    pub(crate) text: String,
    /// Its first character, the sign included, counted in characters from 0.
    pub(crate) start: usize,
    /// Whether a `$` stands before it.
    pub(crate) is_parameter: bool,
}

/// All words, in order. Properties (`state.name`) are none. Between backticks all counts, as code may stand there.
pub(crate) fn words(code: &str) -> Vec<Word> {
    let characters: Vec<char> = code.chars().collect();
    let at = |index: usize| characters.get(index).copied().unwrap_or('\n');
    let mut found = Vec::new();
    let mut index = 0;
    while index < characters.len() {
        index = match (at(index), at(index + 1)) {
            ('/', '/') => line_end(&characters, index),
            ('/', '*') => comment_end(&characters, index),
            ('"', _) => text_end(&characters, index),
            ('\'', '\\') => text_end(&characters, index),
            ('\'', _) if at(index + 2) == '\'' => index + 3,
            ('$', next) if begins(next) => {
                let end = word_end(&characters, index + 1);
                found.push(Word {
                    text: characters[index + 1..end].iter().collect(),
                    start: index,
                    is_parameter: true,
                });
                end
            }
            (first, _) if begins(first) => {
                let end = word_end(&characters, index);
                if !is_property(&characters[..index]) {
                    found.push(Word {
                        text: characters[index..end].iter().collect(),
                        start: index,
                        is_parameter: false,
                    });
                }
                end
            }
            // A number with what belongs to it, such as the e of 1e5.
            (first, _) if first.is_ascii_digit() => word_end(&characters, index),
            _ => index + 1,
        };
    }
    found
}

fn begins(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

fn word_end(characters: &[char], start: usize) -> usize {
    let rest = characters[start..].iter();
    start
        + rest
            .take_while(|character| character.is_alphanumeric() || **character == '_')
            .count()
}

fn line_end(characters: &[char], start: usize) -> usize {
    start
        + characters[start..]
            .iter()
            .take_while(|character| **character != '\n')
            .count()
}

/// Comments of this kind stand inside each other.
fn comment_end(characters: &[char], start: usize) -> usize {
    let (mut depth, mut index) = (1, start + 2);
    while index < characters.len() && depth > 0 {
        index += match characters[index..] {
            ['/', '*', ..] => {
                depth += 1;
                2
            }
            ['*', '/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
    }
    index
}

fn text_end(characters: &[char], start: usize) -> usize {
    let quote = characters[start];
    let mut index = start + 1;
    while let Some(character) = characters.get(index) {
        index += 1;
        match *character {
            '\\' => index += 1,
            character if character == quote => break,
            _ => {}
        }
    }
    index.min(characters.len())
}

/// Whether what follows is read off a value: a point stands before it, which is not the end of a range `..`.
fn is_property(before: &[char]) -> bool {
    let mut back = before
        .iter()
        .rev()
        .skip_while(|character| character.is_whitespace());
    back.next() == Some(&'.') && back.next() != Some(&'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(code: &str) -> Vec<String> {
        let sign = |word: &Word| if word.is_parameter { "$" } else { "" };
        let words = words(code);
        words
            .iter()
            .map(|word| format!("{}{}", sign(word), word.text))
            .collect()
    }

    #[test]
    fn words_stand_outside_of_comments_texts_and_properties() {
        assert_eq!(texts("let x = close * $step;"), ["let", "x", "close", "$step"]);
        assert_eq!(texts("state.high + high"), ["state", "high"]);
        assert_eq!(texts("for i in 0..length {}"), ["for", "i", "in", "length"]);
        assert_eq!(texts("a // b $c\nd /* e /* f */ g */ h"), ["a", "d", "h"]);
        assert_eq!(texts(r#"x = "close \" $low" + 'o' + '\'' + y"#), ["x", "y"]);
        assert_eq!(texts("`at ${close}`"), ["at", "close"]);
        assert_eq!(texts("1e5 + 0x_ff + 2.0e"), Vec::<String>::new());
        assert_eq!(texts("$1 $ $é"), ["$é"]);
    }

    proptest! {
        #[test]
        fn every_word_stands_where_it_says(code in "[a-c$_./*\"'`\\\\ \n1é]{0,40}") {
            let characters: Vec<char> = code.chars().collect();
            for word in words(&code) {
                let start = word.start + usize::from(word.is_parameter);
                let there: String = characters[start..].iter().take(word.text.chars().count()).collect();
                prop_assert_eq!(there, word.text);
                prop_assert_eq!(word.is_parameter, characters[word.start] == '$');
            }
        }
    }
}
