//! The fields of a line of text.

/// A field without the quotes and blanks around it.
pub(crate) fn bare(field: &str) -> &str {
    field.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'')
}

/// The fields of one line as spreadsheets and pandas write them: a field in double quotes may hold separators, and `""` for a
/// quote. `None` if a quote is left open.
pub fn fields(line: &str, separator: char) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = Some(line);
    while let Some(text) = rest {
        let Some(mut tail) = text.trim_start_matches(' ').strip_prefix('"') else {
            let (field, more) = match text.split_once(separator) {
                Some((field, more)) => (field, Some(more)),
                None => (text, None),
            };
            fields.push(field.to_owned());
            rest = more;
            continue;
        };
        let mut field = String::new();
        loop {
            let (inner, after) = tail.split_once('"')?;
            field.push_str(inner);
            let Some(more) = after.strip_prefix('"') else {
                tail = after;
                break;
            };
            field.push('"');
            tail = more;
        }
        let (trailing, more) = match tail.split_once(separator) {
            Some((trailing, more)) => (trailing, Some(more)),
            None => (tail, None),
        };
        field.push_str(trailing.trim_end());
        fields.push(field);
        rest = more;
    }
    Some(fields)
}

/// The fields of a line; where a quote is left open, quotes are text.
pub(super) fn split(line: &str, separator: u8) -> Vec<String> {
    let separator = char::from(separator);
    fields(line, separator).unwrap_or_else(|| line.split(separator).map(str::to_owned).collect())
}

/// A header name without surrounding spaces and quotes.
pub fn clean_name(raw: &str) -> String {
    raw.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'' || c == '\u{feff}')
        .to_owned()
}

/// The separator that Excel's line before the header says: `sep=;`. Letters, digits and quotes separate nothing, and what is not
/// ASCII is no single byte.
pub(crate) fn said_separator(text: &str) -> Option<char> {
    let text = text.trim_matches(['"', ' ', '\r']);
    let (word, separator) = text.split_at_checked(4)?;
    let mut separator = separator.chars();
    let said = separator.next().filter(|_| word.eq_ignore_ascii_case("sep="))?;
    let separates = said == '\t' || (said.is_ascii_punctuation() && !['"', '\''].contains(&said));
    (separates && separator.next().is_none()).then_some(said)
}

/// The separator of a file whose first line names its columns, which an earlier line may have said, and the names; `None` if a
/// quote is left open.
pub(crate) fn header(text: &str, said: Option<char>) -> Option<(char, Vec<String>)> {
    let outside = outside_quotes(text);
    let most = [',', '\t', ';']
        .into_iter()
        .max_by_key(|separator| (outside.matches(*separator).count(), *separator == ','));
    let separator = said.or(most).unwrap_or(',');
    let names = fields(text, separator)?;
    Some((separator, names.iter().map(|name| clean_name(name)).collect()))
}

/// What stands outside of quotes: a name in quotes may hold any separator.
fn outside_quotes(text: &str) -> String {
    text.split('"').step_by(2).collect()
}

/// A field in single quotes, which are no quotes to spreadsheets.
pub(crate) fn unquoted(field: &str) -> &str {
    let field = field.trim_matches([' ', '\t']);
    let inner = field.strip_prefix('\'').and_then(|field| field.strip_suffix('\''));
    inner.filter(|inner| !inner.contains('\'')).unwrap_or(field)
}
