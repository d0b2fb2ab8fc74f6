//! Reads tokens twice in one pass: as text that formatting, comments, docs and lint attributes do not change, and as the
//! paths that occur in them, macros and attributes included.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, Ident, Literal, Spacing, TokenStream, TokenTree};

/// Attributes that change nothing that is computed.
const SILENT: [&str; 6] = ["doc", "allow", "expect", "warn", "deny", "forbid"];

/// Operators of two signs. What else stands close together (`<-`, the end of nested generics) means the same apart.
const PAIRS: [&str; 19] = [
    "&&", "||", "==", "!=", "<=", ">=", "->", "=>", "::", "..", "+=", "-=", "*=", "/=", "%=", "^=", "|=", "&=", ".=",
];

/// Words after which a parenthesis opens a tuple and no list of arguments.
const BEFORE_TUPLE: [&str; 17] = [
    "return", "in", "match", "if", "while", "break", "let", "mut", "ref", "move", "as", "else", "dyn", "where", "for",
    "const", "yield",
];

/// Words that stand alone and name nothing.
const KEYWORDS: [&str; 38] = [
    "as", "async", "await", "box", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false",
    "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self",
    "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while",
];

/// A path as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// `crate`, `self` and `super` are segments like any other.
    pub segments: Vec<String>,
    /// Whether it starts with `::`, and so with the name of a library.
    pub global: bool,
    /// Where it starts.
    pub line: usize,
}

/// A file or folder that a macro embeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// Where.
    pub line: usize,
    /// What is written, `$CARGO_MANIFEST_DIR/` for the package's root.
    pub path: String,
}

/// What was found in tokens.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// The code.
    pub text: String,
    /// Paths of two segments or more.
    pub paths: Vec<Written>,
    /// Names that stand alone, each with its first line: only imports by `*` can make them names of other files.
    pub words: Vec<(String, usize)>,
    /// Macros called by a bare name.
    pub macros: Vec<(String, usize)>,
    /// Names behind a dot or `::`: methods, among others.
    pub members: BTreeSet<String>,
    /// What is embedded.
    pub embedded: Vec<Embedded>,
    /// What could not be understood, with its line.
    pub mistakes: Vec<(usize, String)>,
    seen: BTreeSet<String>,
}

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    delimiter: Delimiter,
    /// Whether a parenthesis can be a tuple.
    tuple: bool,
    attribute: bool,
}

impl Scan {
    /// Adds an item.
    pub fn add(&mut self, stream: TokenStream) {
        let place = Place {
            delimiter: Delimiter::None,
            tuple: false,
            attribute: false,
        };
        self.stream(stream, place);
    }

    fn stream(&mut self, stream: TokenStream, place: Place) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let commas = tokens.iter().filter(|token| is(token, ',')).count();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let before = at.checked_sub(1).and_then(|at| tokens.get(at));
            let after = tokens.get(at + 1);
            match token {
                TokenTree::Group(group) => self.group(group, &tokens[..at], place),
                TokenTree::Ident(ident) => {
                    if at > 0 && is(&tokens[at - 1], '\'') {
                        self.push(&ident.to_string());
                    } else {
                        at += self.ident(ident, &tokens, at);
                    }
                }
                TokenTree::Literal(literal) => {
                    if place.attribute {
                        self.named_in(literal);
                    }
                    self.push(&literal.to_string());
                }
                TokenTree::Punct(punct) => match punct.as_char() {
                    '#' => match silent(&tokens[at + 1..]) {
                        Some(more) => at += more,
                        None => self.push("#"),
                    },
                    ',' if is_idle(before, after, commas, place) => {}
                    sign => {
                        let pair = match after {
                            Some(TokenTree::Punct(next)) if punct.spacing() == Spacing::Joint => {
                                PAIRS.contains(&String::from_iter([sign, next.as_char()]).as_str())
                            }
                            _ => sign == '\'',
                        };
                        self.text.push(sign);
                        if !pair {
                            self.text.push(' ');
                        }
                    }
                },
            }
            at += 1;
        }
    }

    fn push(&mut self, word: &str) {
        self.text.push_str(word);
        self.text.push(' ');
    }

    fn group(&mut self, group: &Group, before: &[TokenTree], place: Place) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        let last = before.last();
        let arrow = || before.len() > 1 && (is(&before[before.len() - 2], '-') || is(&before[before.len() - 2], '='));
        let tuple = match last {
            None => true,
            Some(TokenTree::Ident(word)) => BEFORE_TUPLE.contains(&word.to_string().as_str()),
            Some(TokenTree::Punct(punct)) => match punct.as_char() {
                '>' => arrow(),
                '!' | '?' => false,
                _ => true,
            },
            Some(_) => false,
        };
        let attribute = place.attribute
            || group.delimiter() == Delimiter::Bracket && last.is_some_and(|token| is(token, '#') || is(token, '!'));
        self.text.push_str(open);
        self.text.push(' ');
        self.stream(
            group.stream(),
            Place {
                delimiter: group.delimiter(),
                tuple,
                attribute,
            },
        );
        self.push(close);
    }

    /// Takes a path in, and returns how many tokens it has behind the first.
    fn ident(&mut self, ident: &Ident, tokens: &[TokenTree], at: usize) -> usize {
        let line = ident.span().start().line;
        let first = bare(ident);
        self.push(&ident.to_string());
        if at > 0 && is(&tokens[at - 1], '.') && !(at > 1 && is(&tokens[at - 2], '.')) {
            self.members.insert(first);
            return 0;
        }
        let mut global = false;
        if at > 1 && is(&tokens[at - 1], ':') && is_joint(&tokens[at - 2], ':') {
            let open = at
                .checked_sub(3)
                .is_none_or(|before| !is(&tokens[before], '>') || before > 0 && is(&tokens[before - 1], '-'));
            if !open {
                self.members.insert(first);
                return 0;
            }
            global = true;
        }
        let mut segments = vec![first];
        let mut end = at;
        while let (Some(colon), Some(TokenTree::Punct(_)), Some(TokenTree::Ident(next))) =
            (tokens.get(end + 1), tokens.get(end + 2), tokens.get(end + 3))
            && is_joint(colon, ':')
            && is(&tokens[end + 2], ':')
        {
            let next_bare = bare(next);
            self.text.push_str(":: ");
            self.push(&next.to_string());
            self.members.insert(next_bare.clone());
            segments.push(next_bare);
            end += 3;
        }
        let called = tokens.get(end + 1).is_some_and(|token| is(token, '!'))
            && matches!(tokens.get(end + 2), Some(TokenTree::Group(_)));
        if called && let Some(TokenTree::Group(group)) = tokens.get(end + 2) {
            self.embedding(segments.last().map_or("", String::as_str), group, line);
        }
        self.record(segments, global, called, line);
        end - at
    }

    fn record(&mut self, segments: Vec<String>, global: bool, called: bool, line: usize) {
        let alone = segments.len() == 1 && !global;
        if alone && (KEYWORDS.contains(&segments[0].as_str()) || segments[0] == "Self") {
            return;
        }
        let key = format!(
            "{}{}{}",
            if global { "::" } else { "" },
            segments.join("::"),
            if called { "!" } else { "" }
        );
        if !self.seen.insert(key) {
            return;
        }
        match segments.as_slice() {
            [word] if alone && called => self.macros.push((word.clone(), line)),
            [word] if alone => self.words.push((word.clone(), line)),
            _ => self.paths.push(Written { segments, global, line }),
        }
    }

    /// Attributes name functions in strings: `#[serde(with = "crate::a::b")]`.
    fn named_in(&mut self, literal: &Literal) {
        let text = literal.to_string();
        let Some(text) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
            return;
        };
        let segments: Vec<String> = text.split("::").map(str::to_owned).collect();
        let word = |segment: &String| {
            segment.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && segment.chars().all(|c| c.is_alphanumeric() || c == '_')
        };
        if segments.len() > 1 && segments.iter().all(word) {
            self.members.extend(segments.iter().skip(1).cloned());
            self.record(segments, false, false, literal.span().start().line);
        }
    }

    fn embedding(&mut self, name: &str, group: &Group, line: usize) {
        if !["include_str", "include_bytes", "include_dir", "include"].contains(&name) {
            return;
        }
        match embedded_path(group.stream()) {
            Some(path) => self.embedded.push(Embedded { line, path }),
            None => self.mistakes.push((
                line,
                format!("cannot tell what `{name}!` embeds; write a string, or concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/…\")"),
            )),
        }
    }
}

/// A comma that formatting adds and removes.
fn is_idle(before: Option<&TokenTree>, after: Option<&TokenTree>, commas: usize, place: Place) -> bool {
    match after {
        None => match place.delimiter {
            Delimiter::None => false,
            Delimiter::Parenthesis => commas > 1 || !place.tuple,
            Delimiter::Brace | Delimiter::Bracket => true,
        },
        Some(after) if is(after, '>') => true,
        // Behind an arm with a block.
        Some(_) => {
            place.delimiter == Delimiter::Brace
                && matches!(before, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace)
        }
    }
}

/// How many tokens behind `#` belong to an attribute that changes nothing.
fn silent(tokens: &[TokenTree]) -> Option<usize> {
    let skip = usize::from(tokens.first().is_some_and(|token| is(token, '!')));
    let TokenTree::Group(group) = tokens.get(skip)? else {
        return None;
    };
    if group.delimiter() != Delimiter::Bracket {
        return None;
    }
    let inside: Vec<TokenTree> = group.stream().into_iter().take(4).collect();
    let TokenTree::Ident(name) = inside.first()? else {
        return None;
    };
    let name = name.to_string();
    let only_tests = || match inside.get(1) {
        Some(TokenTree::Group(group)) => {
            let condition: Vec<TokenTree> = group.stream().into_iter().take(2).collect();
            matches!(condition.as_slice(), [TokenTree::Ident(word), comma] if word == "test" && is(comma, ','))
        }
        _ => false,
    };
    let quiet = SILENT.contains(&name.as_str()) || name == "rustfmt" || name == "cfg_attr" && only_tests();
    quiet.then_some(skip + 1)
}

/// The path inside `include_str!("…")` or `include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "…"))`.
fn embedded_path(stream: TokenStream) -> Option<String> {
    let tokens: Vec<TokenTree> = stream.into_iter().filter(|token| !is(token, ',')).collect();
    match tokens.as_slice() {
        [TokenTree::Literal(literal)] => match syn::Lit::new(literal.clone()) {
            syn::Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        [TokenTree::Ident(word), mark, TokenTree::Group(parts)] if word == "concat" && is(mark, '!') => {
            let mut path = String::new();
            let mut rest = parts.stream().into_iter().filter(|token| !is(token, ',')).peekable();
            while let Some(token) = rest.next() {
                match token {
                    TokenTree::Ident(word) if word == "env" => {
                        let root = rest.by_ref().take(2).last()?.to_string().contains("CARGO_MANIFEST_DIR");
                        path.push_str(root.then_some("$CARGO_MANIFEST_DIR")?);
                    }
                    token => path.push_str(&embedded_path(token.into())?),
                }
            }
            Some(path)
        }
        _ => None,
    }
}

fn bare(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}

fn is(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn is_joint(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign && punct.spacing() == Spacing::Joint)
}
