//! The language of the rules: arithmetic, comparisons and sums over published tables.
//!
//! ```text
//! sum(rafdb: matched) == sum(rafdb: samples)
//! uses_max + (assigned - 1) * uses_min <= matched            (row by row)
//! gain == value - encoders[baseline].value                   (a cell of a row that is named by a column)
//! text.k_stable_low == min(k_max: k_stable)
//! count(bins: samples where low >= this.low) > 0             (`this.` is the row of the rule)
//! ```
//!
//! Names are columns of the row at hand; `this.`, `next.` name the rule's row and the one below it; `text.` and `fact.`
//! numbers of the running text and of other sources. `row` is the row's name, `last` says whether there is no next one.
//! Functions: `abs`, `floor`, `round(x, digits)`, `given(x)`, `card(database, split, class)` and its kin. Comparisons are
//! exact up to the error of binary fractions, and may be chained (`0 <= x <= 1`).

use std::fmt;

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Number(f64),
    Text(String),
    /// A column of the row at hand, `row` or `last`.
    Column(String),
    /// `this.column`, `next.column`, `text.id`, `fact.id`.
    Member(String, String),
    /// `table[row].column`.
    Cell(String, Box<Expr>, String),
    /// `sum(table: body where filter)`.
    Over(Over, String, Option<Box<Expr>>, Option<Box<Expr>>),
    Call(String, Vec<Expr>),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    Arithmetic(char, Box<Expr>, Box<Expr>),
    /// One or more comparisons in a chain.
    Compare(Box<Expr>, Vec<(Relation, Expr)>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
}

/// What is formed over the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Sum,
    Min,
    Max,
    Mean,
    Count,
    Distinct,
    All,
    Any,
}

impl Over {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sum" => Self::Sum,
            "min" => Self::Min,
            "max" => Self::Max,
            "mean" => Self::Mean,
            "count" => Self::Count,
            "distinct" => Self::Distinct,
            "all" => Self::All,
            "any" => Self::Any,
            _ => return None,
        })
    }
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Relation {
    /// The sign of what holds when this comparison does not.
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterEqual,
            Self::LessEqual => Self::Greater,
            Self::Greater => Self::LessEqual,
            Self::GreaterEqual => Self::Less,
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "≠",
            Self::Less => "<",
            Self::LessEqual => "≤",
            Self::Greater => ">",
            Self::GreaterEqual => "≥",
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    Sign(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Word(word) => f.write_str(word),
            Self::Sign(sign) => f.write_str(sign),
        }
    }
}

const SIGNS: [&str; 17] = [
    "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]", ",", ".", ":",
];

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let place = text.len() - rest.len();
        if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
        } else if first.is_ascii_digit() {
            let end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let number = rest[..end]
                .parse()
                .map_err(|_| format!("`{}` is not a number", &rest[..end]))?;
            found.push((place, Token::Number(number)));
            rest = &rest[end..];
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            found.push((place, Token::Word(rest[..end].to_owned())));
            rest = &rest[end..];
        } else if first == '"' || first == '\'' {
            let end = rest[1..]
                .find(first)
                .ok_or_else(|| "a quotation mark is not closed".to_owned())?;
            found.push((place, Token::Text(rest[1..=end].to_owned())));
            rest = &rest[end + 2..];
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            found.push((place, Token::Sign(sign)));
            rest = &rest[sign.len()..];
        } else {
            return Err(format!("`{first}` has no meaning here"));
        }
    }
    Ok(found)
}

/// Parses a whole expression.
///
/// # Errors
/// What was found where something else was expected, with the column (from 1).
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let expr = parser.or()?;
    match parser.tokens.get(parser.at) {
        None => Ok(expr),
        Some((place, token)) => Err(format!(
            "column {}: `{token}` is left over after the expression",
            place + 1
        )),
    }
}

/// Parentheses may nest so deep; deeper ones are refused before they exhaust the stack.
const DEPTH: usize = 60;

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.sign(sign) {
            Ok(())
        } else {
            self.fail(&format!("`{sign}`"))
        }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => self.fail("a name"),
        }
    }

    fn fail<T>(&self, expected: &str) -> Result<T, String> {
        Err(match self.tokens.get(self.at) {
            Some((place, token)) => format!("column {}: expected {expected}, found `{token}`", place + 1),
            None => format!("expected {expected}, found the end"),
        })
    }

    fn or(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("the expression is nested too deeply".to_owned());
        }
        let mut parts = vec![self.and()?];
        while self.word("or") {
            parts.push(self.and()?);
        }
        self.depth -= 1;
        Ok(one_or(parts, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, String> {
        let mut parts = vec![self.not()?];
        while self.word("and") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Expr::And))
    }

    fn not(&mut self) -> Result<Expr, String> {
        if self.word("not") {
            return Ok(Expr::Not(Box::new(self.compare()?)));
        }
        self.compare()
    }

    fn compare(&mut self) -> Result<Expr, String> {
        let first = self.sum()?;
        let mut links = Vec::new();
        while let Some(Token::Sign(sign)) = self.peek() {
            let relation = match *sign {
                "==" => Relation::Equal,
                "!=" => Relation::NotEqual,
                "<" => Relation::Less,
                "<=" => Relation::LessEqual,
                ">" => Relation::Greater,
                ">=" => Relation::GreaterEqual,
                _ => break,
            };
            self.at += 1;
            links.push((relation, self.sum()?));
        }
        Ok(if links.is_empty() {
            first
        } else {
            Expr::Compare(Box::new(first), links)
        })
    }

    fn sum(&mut self) -> Result<Expr, String> {
        let mut left = self.product()?;
        loop {
            let sign = if self.sign("+") {
                '+'
            } else if self.sign("-") {
                '-'
            } else {
                return Ok(left);
            };
            left = Expr::Arithmetic(sign, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expr, String> {
        let mut left = self.unary()?;
        loop {
            let sign = if self.sign("*") {
                '*'
            } else if self.sign("/") {
                '/'
            } else {
                return Ok(left);
            };
            left = Expr::Arithmetic(sign, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.sign("-") {
            return Ok(Expr::Negative(Box::new(self.atom()?)));
        }
        self.atom()
    }

    fn atom(&mut self) -> Result<Expr, String> {
        match self.peek().cloned() {
            Some(Token::Number(number)) => {
                self.at += 1;
                Ok(Expr::Number(number))
            }
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(Expr::Text(text))
            }
            Some(Token::Sign("(")) => {
                self.at += 1;
                let inner = self.or()?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Token::Word(word)) => {
                self.at += 1;
                if self.sign(".") {
                    return Ok(Expr::Member(word, self.name()?));
                }
                if self.sign("[") {
                    let row = self.or()?;
                    self.expect("]")?;
                    self.expect(".")?;
                    return Ok(Expr::Cell(word, Box::new(row), self.name()?));
                }
                if !self.sign("(") {
                    return Ok(Expr::Column(word));
                }
                if let Some(over) = Over::named(&word) {
                    return self.over(over);
                }
                let mut arguments = Vec::new();
                if !self.sign(")") {
                    loop {
                        arguments.push(self.or()?);
                        if self.sign(")") {
                            break;
                        }
                        self.expect(",")?;
                    }
                }
                Ok(Expr::Call(word, arguments))
            }
            _ => self.fail("a number, a name or `(`"),
        }
    }

    fn over(&mut self, over: Over) -> Result<Expr, String> {
        let table = self.name()?;
        let body = if self.sign(":") {
            Some(Box::new(self.or()?))
        } else {
            None
        };
        let filter = if self.word("where") {
            Some(Box::new(self.or()?))
        } else {
            None
        };
        self.expect(")")?;
        if body.is_none() && over != Over::Count {
            return Err(format!("expected `{table}: expression` between the parentheses"));
        }
        Ok(Expr::Over(over, table, body, filter))
    }
}

fn one_or(mut parts: Vec<Expr>, many: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() == 1 { parts.remove(0) } else { many(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_and_chains() {
        let number = |value| Box::new(Expr::Number(value));
        assert_eq!(
            parse("1 + 2 * 3").unwrap(),
            Expr::Arithmetic(
                '+',
                number(1.0),
                Box::new(Expr::Arithmetic('*', number(2.0), number(3.0)))
            )
        );
        assert_eq!(
            parse("0 <= x < 1").unwrap(),
            Expr::Compare(
                number(0.0),
                vec![
                    (Relation::LessEqual, Expr::Column("x".into())),
                    (Relation::Less, Expr::Number(1.0))
                ]
            )
        );
        assert_eq!(
            parse("not a == 1 and b == 2 or c").unwrap(),
            Expr::Or(vec![
                Expr::And(vec![
                    Expr::Not(Box::new(parse("a == 1").unwrap())),
                    parse("b == 2").unwrap()
                ]),
                Expr::Column("c".into())
            ])
        );
    }

    #[test]
    fn tables_and_cells() {
        assert_eq!(
            parse("sum(bins: n where low >= this.low)").unwrap(),
            Expr::Over(
                Over::Sum,
                "bins".into(),
                Some(Box::new(Expr::Column("n".into()))),
                Some(Box::new(parse("low >= this.low").unwrap()))
            )
        );
        assert_eq!(
            parse("count(bins)").unwrap(),
            Expr::Over(Over::Count, "bins".into(), None, None)
        );
        assert_eq!(
            parse("t['a b'].x").unwrap(),
            Expr::Cell("t".into(), Box::new(Expr::Text("a b".into())), "x".into())
        );
    }

    #[test]
    fn mistakes_are_located() {
        for (text, message) in [
            ("1 +", "expected a number, a name or `(`, found the end"),
            ("(1", "expected `)`, found the end"),
            ("1 2", "column 3: `2` is left over"),
            ("sum(t)", "expected `t: expression`"),
            ("a ? b", "`?` has no meaning here"),
            ("'open", "not closed"),
            ("1.2.3", "`1.2.3` is not a number"),
            ("t[1]", "expected `.`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
        assert!(parse(&"(".repeat(10_000)).unwrap_err().contains("nested too deeply"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[a-z0-9 ()\\[\\]<>=!+*/.,:'-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
