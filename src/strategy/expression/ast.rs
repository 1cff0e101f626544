//! An expression as written: a tree with places.

/// Characters of the expression's text, from `start` up to but not including `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    pub(crate) kind: Kind,
    /// All of its text.
    pub(crate) span: Span,
}

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// The forms of expressions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `1.5`
    Number(f64),
    /// `true`
    Boolean(bool),
    /// `$fast`
    Parameter(String),
    /// `close`, or a name from `let`
    Name(String),
    /// `-x`, `not x`
    Unary(Unary, Box<Expression>),
    /// `a + b`; the place is the operator's
    Binary(Binary, Span, Box<Expression>, Box<Expression>),
    /// `condition ? a : b`
    Choice(Box<Expression>, Box<Expression>, Box<Expression>),
    /// `x[n]`
    History(Box<Expression>, Box<Expression>),
    /// `macd(close).hist`
    Field(Box<Expression>, Name),
    /// `sma(close, 20)`
    Call(Name, Vec<Expression>),
    /// `x @ 1h`
    Higher(Box<Expression>, Name),
    /// `close of ETH/USDT`
    Of(Box<Expression>, Name),
}

/// Operators before their operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Negate,
    Not,
}

/// Operators between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

impl Binary {
    /// As written.
    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::And => "and",
            Self::Or => "or",
        }
    }

    /// How tightly it binds; higher is tighter.
    pub(crate) const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            // `not` stands between: it takes a comparison, and `and` takes it.
            Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::Equal
            | Self::NotEqual => 4,
            Self::Add | Self::Subtract => 5,
            Self::Multiply | Self::Divide | Self::Remainder => 6,
        }
    }

    /// Whether it compares two numbers.
    pub(crate) const fn is_comparison(self) -> bool {
        self.precedence() == 4
    }
}
