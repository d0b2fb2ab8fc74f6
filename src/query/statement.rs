//! How deep a statement may be.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Error, Result};

/// Operators, set operations and opening parentheses that a statement may have between two commas: its planner descends into
/// each of them, on a stack that is large enough for so many (`super::engine`). The longest statement of a report has 60.
const MOST: usize = 2_000;

/// Parts that a statement may have at all.
const LONGEST: usize = 200_000;

/// Refuses a statement that is deeper than the engine can descend.
///
/// # Errors
/// [`Error::Usage`]. What is no SQL passes: the parser says what is wrong with it.
pub(super) fn check(sql: &str) -> Result<()> {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize() else {
        return Ok(());
    };
    let mut parts = 0;
    let mut deep = 0;
    for token in &tokens {
        parts += usize::from(!matches!(token, Token::Whitespace(_)));
        deep += usize::from(descends(token));
    }
    if parts > LONGEST || deep > MOST {
        return Err(Error::Usage(format!(
            "the statement has {parts} parts, {deep} of them operators, joins or parentheses; at most {LONGEST} and {MOST} are \
             answered: compare with a list (x IN (1, 2, 3)) or a view instead of with each value"
        )));
    }
    Ok(())
}

/// Whether a part may lie deeper than the one before it.
fn descends(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::XOR
                | Keyword::LIKE
                | Keyword::IS
                | Keyword::BETWEEN
                | Keyword::CASE
                | Keyword::WHEN
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::JOIN
                | Keyword::SELECT
                | Keyword::DIV
                | Keyword::AT
                | Keyword::COLLATE
        ),
        Token::Whitespace(_)
        | Token::Number(..)
        | Token::Char(_)
        | Token::SingleQuotedString(_)
        | Token::Comma
        | Token::Period
        | Token::SemiColon
        | Token::RParen
        | Token::RBracket
        | Token::RBrace
        | Token::Placeholder(_)
        | Token::EOF => false,
        // Operators of all sorts, and what opens a part of its own.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn lists_may_be_long_and_operators_not() {
        let list = |n: usize| format!("SELECT 1 WHERE 1 IN ({})", vec!["1"; n].join(","));
        assert!(check(&list(90_000)).is_ok());
        assert!(check(&list(110_000)).is_err());
        for joint in [" + ", " OR ", " || ", " UNION ALL SELECT ", "::int + ", "-"] {
            let long = |n: usize| format!("SELECT {}", vec!["1"; n].join(joint));
            assert!(check(&long(900)).is_ok(), "{joint}");
            assert!(check(&long(2_100)).is_err(), "{joint}");
        }
        for deep in ["(", "NOT ", "- ", "abs(", "[", "CASE WHEN "] {
            assert!(check(&format!("SELECT {}1", deep.repeat(2_100))).is_err(), "{deep}");
        }
        assert!(check("SELECT 'unfinished").is_ok());
    }
}
