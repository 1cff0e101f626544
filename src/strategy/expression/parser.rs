//! Words to a tree: recursive descent with precedence climbing.

use super::{
    MAXIMUM_DEPTH, MAXIMUM_LENGTH, SyntaxError,
    ast::{Binary, Expression, Kind, Name, Span, Unary},
    lexer::{Token, tokens},
};

/// Parses a whole expression.
pub(crate) fn parse(text: &str) -> Result<Expression, SyntaxError> {
    let length = text.chars().count();
    if length > MAXIMUM_LENGTH {
        let span = Span {
            start: 0,
            end: length,
        };
        let message = format!("the expression is too long: {length} characters of at most {MAXIMUM_LENGTH}");
        return Err(SyntaxError::new(span, message));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    if *parser.peek() == Token::End {
        return Err(parser.error_here("an expression is needed here"));
    }
    let expression = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(expression),
        Token::Close => Err(parser.error_here("this ')' closes nothing")),
        Token::Operator(operator) if operator.is_comparison() => {
            Err(parser.error_here("comparisons do not chain: write 'a < b and b < c'"))
        }
        other => {
            let message = format!("an operator is missing before {}", other.describe());
            Err(parser.error_here(message))
        }
    }
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        // The last token is `End` and is never stepped over.
        &self.tokens[self.at].0
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    fn next(&mut self) -> (Token, Span) {
        let token = self.tokens[self.at].clone();
        if token.0 != Token::End {
            self.at += 1;
        }
        token
    }

    fn eat(&mut self, wanted: &Token) -> bool {
        let found = self.peek() == wanted;
        if found {
            self.at += 1;
        }
        found
    }

    fn error_here(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.span(), message)
    }

    fn expect(&mut self, wanted: &Token, why: &str) -> Result<Span, SyntaxError> {
        let span = self.span();
        if self.eat(wanted) {
            return Ok(span);
        }
        let found = self.peek().describe();
        Err(self.error_here(format!("{} is missing before {found}: {why}", wanted.describe())))
    }

    /// Runs `inner` one level deeper, so that no text can exhaust the stack.
    fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        self.depth += 1;
        if self.depth > MAXIMUM_DEPTH {
            return Err(self.error_here(format!("nested deeper than {MAXIMUM_DEPTH} levels")));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn expression(&mut self) -> Result<Expression, SyntaxError> {
        self.deeper(|parser| {
            let condition = parser.binary(1)?;
            if !parser.eat(&Token::Question) {
                return Ok(condition);
            }
            let yes = parser.expression()?;
            parser.expect(&Token::Colon, "a choice is written 'condition ? a : b'")?;
            let no = parser.expression()?;
            let span = Span {
                start: condition.span.start,
                end: no.span.end,
            };
            let kind = Kind::Choice(Box::new(condition), Box::new(yes), Box::new(no));
            Ok(Expression { kind, span })
        })
    }

    /// Operators that bind at least as tightly as `minimum`. A chain `a + b + c …` nests to the left, so its length
    /// counts as depth too.
    fn binary(&mut self, minimum: u8) -> Result<Expression, SyntaxError> {
        let mut left = self.unary(minimum)?;
        let mut length = 0;
        while let Token::Operator(operator) = *self.peek() {
            let precedence = operator.precedence();
            if precedence < minimum || (operator.is_comparison() && is_comparison(&left)) {
                break;
            }
            length += 1;
            if length > MAXIMUM_DEPTH {
                return Err(self.error_here(format!("more than {MAXIMUM_DEPTH} operators in a row")));
            }
            let (_, place) = self.next();
            let right = self.deeper(|parser| parser.binary(precedence + 1))?;
            let span = Span {
                start: left.span.start,
                end: right.span.end,
            };
            let kind = Kind::Binary(operator, place, Box::new(left), Box::new(right));
            left = Expression { kind, span };
        }
        Ok(left)
    }

    fn unary(&mut self, minimum: u8) -> Result<Expression, SyntaxError> {
        let start = self.span();
        let (operator, precedence) = match self.peek() {
            Token::Not => (Unary::Not, Binary::Less.precedence()),
            Token::Operator(Binary::Subtract) => (Unary::Negate, 7),
            _ => return self.postfix(),
        };
        if operator == Unary::Not && minimum > Binary::Less.precedence() {
            return Err(self.error_here("'not' must be put in parentheses here"));
        }
        self.next();
        let operand = self.deeper(|parser| parser.binary(precedence))?;
        let span = Span {
            start: start.start,
            end: operand.span.end,
        };
        Ok(Expression {
            kind: Kind::Unary(operator, Box::new(operand)),
            span,
        })
    }

    fn postfix(&mut self) -> Result<Expression, SyntaxError> {
        let mut operand = self.primary()?;
        let mut length = 0;
        loop {
            let start = operand.span.start;
            let kind = match self.peek() {
                Token::OpenBracket => {
                    self.next();
                    let bars = self.expression()?;
                    self.expect(&Token::CloseBracket, "the past is written 'x[bars]'")?;
                    Kind::History(Box::new(operand), Box::new(bars))
                }
                Token::Dot => {
                    self.next();
                    let (token, span) = self.next();
                    let Token::Word(text) = token else {
                        return Err(SyntaxError::new(
                            span,
                            "a field's name must follow '.', such as '.signal'",
                        ));
                    };
                    Kind::Field(Box::new(operand), Name { text, span })
                }
                Token::At => {
                    self.next();
                    Kind::Higher(Box::new(operand), self.name())
                }
                Token::Of => {
                    self.next();
                    Kind::Of(Box::new(operand), self.name())
                }
                _ => return Ok(operand),
            };
            length += 1;
            if length > MAXIMUM_DEPTH {
                return Err(self.error_here(format!("nested deeper than {MAXIMUM_DEPTH} levels")));
            }
            let end = self.tokens[self.at - 1].1.end;
            operand = Expression {
                kind,
                span: Span { start, end },
            };
        }
    }

    /// The timeframe or symbol that the lexer has put after `@` or `of`.
    fn name(&mut self) -> Name {
        let (token, span) = self.next();
        let text = match token {
            Token::Timeframe(text) | Token::Symbol(text) => text,
            other => other.describe(),
        };
        Name { text, span }
    }

    fn primary(&mut self) -> Result<Expression, SyntaxError> {
        let (token, span) = self.next();
        let kind = match token {
            Token::Number(number) => Kind::Number(number),
            Token::True => Kind::Boolean(true),
            Token::False => Kind::Boolean(false),
            Token::Parameter(name) => Kind::Parameter(name),
            Token::Word(text) if *self.peek() == Token::Open => return self.call(Name { text, span }),
            Token::Word(text) => Kind::Name(text),
            Token::Open => {
                let inner = self.expression()?;
                let close = self.expect(&Token::Close, "every '(' needs its ')'")?;
                return Ok(Expression {
                    kind: inner.kind,
                    span: Span {
                        start: span.start,
                        end: close.end,
                    },
                });
            }
            Token::Operator(Binary::Add) => {
                return Err(SyntaxError::new(span, "a '+' needs a value before it"));
            }
            other => {
                let message = format!("a value is missing before {}", other.describe());
                return Err(SyntaxError::new(span, message));
            }
        };
        Ok(Expression { kind, span })
    }

    fn call(&mut self, name: Name) -> Result<Expression, SyntaxError> {
        self.next();
        let mut arguments = Vec::new();
        if !self.eat(&Token::Close) {
            loop {
                arguments.push(self.expression()?);
                if self.eat(&Token::Close) {
                    break;
                }
                self.expect(
                    &Token::Comma,
                    "arguments are separated by commas and end with ')'",
                )?;
            }
        }
        let span = Span {
            start: name.span.start,
            end: self.tokens[self.at - 1].1.end,
        };
        Ok(Expression {
            kind: Kind::Call(name, arguments),
            span,
        })
    }
}

fn is_comparison(expression: &Expression) -> bool {
    matches!(expression.kind, Kind::Binary(operator, ..) if operator.is_comparison())
}
