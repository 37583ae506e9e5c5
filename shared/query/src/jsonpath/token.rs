//! A compiled JSONPath: the steps behind its root, and how each prints in AWS's error texts.

use std::fmt;

use serde_json::{Map, Value};

use super::filter::Filter;
use super::function::FunctionCall;

/// The steps of a path, in order. An empty list is the root itself.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    pub(crate) tokens: Vec<Token>,
    /// A function behind a path that starts with a scan (`$..price.sum()`): it works on the array of all matches.
    pub(crate) aggregate: Option<FunctionCall>,
    /// How many tokens, from the first on, address one node at most.
    definite_len: usize,
}

/// One step.
#[derive(Debug, Clone)]
pub(crate) enum Token {
    /// `.name` or `['name']`.
    Property(PropertyName),
    /// `['a','b']`: at the end of a path an object of these members, before another step each of them in turn.
    Properties(Vec<PropertyName>),
    /// `[0]`; a negative index counts from the end.
    Index(i32),
    /// `[0,2]`.
    Indexes(Vec<i32>),
    /// `[1:3]`.
    Slice(Slice),
    /// `*` or `[*]`.
    Wildcard,
    /// `..`: the value itself and all below it, each tried with the next step.
    Scan,
    /// `[?(...)]`.
    Filter(Box<Filter>),
    /// `.length()`.
    Function(FunctionCall),
}

/// A member's name as written between its delimiters.
///
/// Recorded from AWS: `$['Test\""Name"']` finds the member whose name contains the backslash. Jayway's documented
/// escapes (`\'`) are therefore tried second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PropertyName {
    pub(crate) raw: String,
    /// The name without its escapes, if it has any.
    pub(crate) unescaped: Option<String>,
    /// The quote it is printed with.
    pub(crate) quote: char,
}

/// The bounds of a slice. Jayway parses a step behind them and ignores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slice {
    /// `[from:]`
    From(i32),
    /// `[:to]`
    To(i32),
    /// `[from:to]`
    Between(i32, i32),
}

impl Steps {
    pub(crate) fn new(mut tokens: Vec<Token>) -> Self {
        let aggregate = match (tokens.first(), tokens.last()) {
            (Some(Token::Scan), Some(Token::Function(call))) => Some(call.clone()),
            _ => None,
        };
        if aggregate.is_some() {
            tokens.pop();
        }
        let last = tokens.len().saturating_sub(1);
        let definite_len = tokens.iter().enumerate().position(|(index, token)| !token.is_definite(index == last)).unwrap_or(tokens.len());
        Steps { tokens, aggregate, definite_len }
    }

    /// Whether the path addresses one node at most, so that its value is the node and not an array of nodes.
    pub(crate) fn is_definite(&self) -> bool {
        self.aggregate.is_some() || self.definite_before(self.tokens.len())
    }

    /// Whether the steps before `position` address one node at most.
    pub(crate) fn definite_before(&self, position: usize) -> bool {
        position <= self.definite_len
    }

    /// Whether the path consists of names and indexes alone, and so can be followed without copies.
    pub(crate) fn is_plain(&self) -> bool {
        self.aggregate.is_none() && self.tokens.iter().all(|token| matches!(token, Token::Property(_) | Token::Index(_)))
    }

    pub(crate) fn is_last(&self, index: usize) -> bool {
        index + 1 == self.tokens.len()
    }

    /// The path of the node that the steps before `position` lead to: `$['a'][0]`.
    pub(crate) fn path_before(&self, position: usize) -> String {
        self.tokens[..position].iter().fold(String::from("$"), |path, token| path + &token.to_string())
    }

    /// The steps from `position` on, as AWS prints them: `[0]['x']`.
    pub(crate) fn fragments_from(&self, position: usize) -> String {
        self.tokens[position..].iter().map(Token::to_string).collect()
    }
}

impl Token {
    fn is_definite(&self, is_last: bool) -> bool {
        match self {
            Token::Property(_) | Token::Index(_) | Token::Function(_) => true,
            Token::Properties(_) => is_last,
            Token::Indexes(_) | Token::Slice(_) | Token::Wildcard | Token::Scan | Token::Filter(_) => false,
        }
    }
}

impl PropertyName {
    /// The member of this name.
    pub(crate) fn find<'v>(&self, members: &'v Map<String, Value>) -> Option<&'v Value> {
        members.get(&self.raw).or_else(|| members.get(self.unescaped.as_deref()?))
    }

    /// The name that a new member gets.
    pub(crate) fn for_new_member(&self) -> &str {
        self.unescaped.as_deref().unwrap_or(&self.raw)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Property(name) => write!(f, "[{name}]"),
            Token::Properties(names) => write_list(f, names),
            Token::Index(index) => write!(f, "[{index}]"),
            Token::Indexes(indexes) => write_list(f, indexes),
            Token::Slice(Slice::From(from)) => write!(f, "[{from}:]"),
            Token::Slice(Slice::To(to)) => write!(f, "[:{to}]"),
            Token::Slice(Slice::Between(from, to)) => write!(f, "[{from}:{to}]"),
            Token::Wildcard => f.write_str("[*]"),
            Token::Scan => f.write_str(".."),
            Token::Filter(_) => f.write_str("[?]"),
            Token::Function(call) => write!(f, ".{}()", call.name()),
        }
    }
}

impl fmt::Display for PropertyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{quote}{name}{quote}", quote = self.quote, name = self.for_new_member())
    }
}

fn write_list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    f.write_str("[")?;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        write!(f, "{item}")?;
    }
    f.write_str("]")
}
