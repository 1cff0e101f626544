//! Text to words.

use super::{
    SyntaxError,
    ast::{Binary, Span},
};

/// A word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Number(f64),
    /// A name, not a keyword.
    Word(String),
    /// `$name`, without the sign.
    Parameter(String),
    /// What follows `@`: `1h`.
    Timeframe(String),
    /// What follows `of`: `ETH/USDT`.
    Symbol(String),
    True,
    False,
    Not,
    Operator(Binary),
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Comma,
    Dot,
    Question,
    Colon,
    At,
    Of,
    End,
}

impl Token {
    /// The token as a message names it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Number(number) => format!("number {number}"),
            Self::Word(text) | Self::Timeframe(text) | Self::Symbol(text) => format!("'{text}'"),
            Self::Parameter(text) => format!("'${text}'"),
            Self::True => "'true'".into(),
            Self::False => "'false'".into(),
            Self::Not => "'not'".into(),
            Self::Operator(operator) => format!("'{}'", operator.symbol()),
            Self::Open => "'('".into(),
            Self::Close => "')'".into(),
            Self::OpenBracket => "'['".into(),
            Self::CloseBracket => "']'".into(),
            Self::Comma => "','".into(),
            Self::Dot => "'.'".into(),
            Self::Question => "'?'".into(),
            Self::Colon => "':'".into(),
            Self::At => "'@'".into(),
            Self::Of => "'of'".into(),
            Self::End => "the end".into(),
        }
    }
}

/// Cuts `text` into tokens; the last one is [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<(Token, Span)>, SyntaxError> {
    let characters: Vec<char> = text.chars().collect();
    let mut lexer = Lexer {
        characters: &characters,
        at: 0,
    };
    let mut tokens: Vec<(Token, Span)> = Vec::new();
    loop {
        lexer.skip_space();
        let start = lexer.at;
        let token = match tokens.last() {
            // After these two a word is not a number or a name: `1h`, `ETH/USDT`.
            Some((Token::At, _)) => Token::Timeframe(lexer.run(|c| c.is_ascii_alphanumeric())),
            Some((Token::Of, _)) => {
                Token::Symbol(lexer.run(|c| c.is_ascii_alphanumeric() || "/.-_:".contains(c)))
            }
            _ => lexer.token()?,
        };
        let span = Span { start, end: lexer.at };
        match &token {
            Token::Timeframe(text) if text.is_empty() => {
                return Err(SyntaxError::new(
                    span,
                    "a timeframe must follow '@', such as '@ 1h'",
                ));
            }
            Token::Symbol(text) if text.is_empty() => {
                return Err(SyntaxError::new(
                    span,
                    "a symbol must follow 'of', such as 'close of ETH/USDT'",
                ));
            }
            _ => {}
        }
        let end = token == Token::End;
        tokens.push((token, span));
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    characters: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn run(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
        self.characters[start..self.at].iter().collect()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn token(&mut self) -> Result<Token, SyntaxError> {
        let start = self.at;
        let Some(character) = self.peek() else {
            return Ok(Token::End);
        };
        let next_is_digit = self.characters.get(start + 1).is_some_and(char::is_ascii_digit);
        // After `)` or a name a dot begins a field, never a number.
        let after_operand = start > 0 && {
            let before = self.characters[start - 1];
            before.is_alphanumeric() || matches!(before, '_' | ')' | ']')
        };
        if character.is_ascii_digit() || (character == '.' && next_is_digit && !after_operand) {
            return self.number();
        }
        if character.is_alphabetic() || character == '_' {
            return Ok(self.word());
        }
        self.at += 1;
        let here = |end| Span { start, end };
        Ok(match character {
            '$' => {
                let name = self.run(|c| c.is_alphanumeric() || c == '_');
                if name.is_empty() {
                    return Err(SyntaxError::new(
                        here(self.at),
                        "a parameter's name must follow '$'",
                    ));
                }
                Token::Parameter(name)
            }
            '(' => Token::Open,
            ')' => Token::Close,
            '[' => Token::OpenBracket,
            ']' => Token::CloseBracket,
            ',' => Token::Comma,
            '.' => Token::Dot,
            '?' => Token::Question,
            ':' => Token::Colon,
            '@' => Token::At,
            '+' => Token::Operator(Binary::Add),
            '-' => Token::Operator(Binary::Subtract),
            '*' => Token::Operator(Binary::Multiply),
            '/' => Token::Operator(Binary::Divide),
            '%' => Token::Operator(Binary::Remainder),
            '<' if self.eat('=') => Token::Operator(Binary::LessOrEqual),
            '<' => Token::Operator(Binary::Less),
            '>' if self.eat('=') => Token::Operator(Binary::GreaterOrEqual),
            '>' => Token::Operator(Binary::Greater),
            '=' if self.eat('=') => Token::Operator(Binary::Equal),
            '!' if self.eat('=') => Token::Operator(Binary::NotEqual),
            '=' => {
                return Err(SyntaxError::new(
                    here(self.at),
                    "'=' compares nothing: write '=='",
                ));
            }
            '!' => return Err(SyntaxError::new(here(self.at), "write 'not' instead of '!'")),
            '&' => return Err(SyntaxError::new(here(self.at), "write 'and' instead of '&'")),
            '|' => return Err(SyntaxError::new(here(self.at), "write 'or' instead of '|'")),
            other => {
                return Err(SyntaxError::new(
                    here(self.at),
                    format!("'{other}' means nothing here"),
                ));
            }
        })
    }

    fn word(&mut self) -> Token {
        let word = self.run(|c| c.is_alphanumeric() || c == '_');
        match word.as_str() {
            "and" => Token::Operator(Binary::And),
            "or" => Token::Operator(Binary::Or),
            "not" => Token::Not,
            "true" => Token::True,
            "false" => Token::False,
            "of" => Token::Of,
            _ => Token::Word(word),
        }
    }

    fn number(&mut self) -> Result<Token, SyntaxError> {
        let start = self.at;
        let mut text = self.run(|c| c.is_ascii_digit());
        if self.eat('.') {
            text.push('.');
            text += &self.run(|c| c.is_ascii_digit());
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            text.push('e');
            if self.eat('-') {
                text.push('-');
            } else {
                self.eat('+');
            }
            text += &self.run(|c| c.is_ascii_digit());
        }
        // `20x`, `1_000`, `1.2.3`: one broken word rather than a number and something odd after it.
        let rest = self.run(|c| c.is_alphanumeric() || c == '_' || c == '.');
        let span = Span { start, end: self.at };
        match text.parse::<f64>() {
            Ok(number) if rest.is_empty() && number.is_finite() => Ok(Token::Number(number)),
            _ => {
                let written: String = self.characters[start..self.at].iter().take(40).collect();
                Err(SyntaxError::new(span, format!("'{written}' is not a number")))
            }
        }
    }
}
