//! What is wrong with a document, where, and what to do.

use std::fmt::{self, Display, Formatter};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

/// One mistake in a file that people write (a recipe, a dataset card, a baseline, published numbers, a catalogue): shown with
/// file, line, caret and advice.
#[derive(Debug)]
pub struct Mistake {
    /// What kind of file it is: `recipe`, `dataset card`.
    pub document: &'static str,
    /// What is wrong.
    pub message: String,
    /// The text in which it stands: the file, one that it extends, or an override.
    pub source_text: NamedSource<String>,
    /// Where.
    pub span: Option<SourceSpan>,
    /// What the caret says.
    pub label: String,
    /// What to do.
    pub advice: Option<String>,
}

impl Mistake {
    /// A mistake of a file as a whole.
    pub(crate) fn of_file(
        document: &'static str,
        file: &str,
        message: impl Into<String>,
        advice: Option<String>,
    ) -> Box<Self> {
        Box::new(Self {
            document,
            message: message.into(),
            source_text: NamedSource::new(file, String::new()),
            span: None,
            label: String::new(),
            advice,
        })
    }

    /// The file; `override` where it is a key laid over one.
    pub fn file(&self) -> &str {
        self.source_text.name()
    }

    /// The 1-based line, where the mistake has a place.
    pub fn line(&self) -> Option<usize> {
        let before = self.source_text.inner().get(..self.span?.offset())?;
        Some(before.matches('\n').count() + 1)
    }

    /// File, line, message and advice on one line, for where there is no room for the source.
    pub fn one_line(&self) -> String {
        let line = self.line().map_or_else(String::new, |line| format!(":{line}"));
        let advice = self
            .advice
            .as_ref()
            .map_or_else(String::new, |advice| format!("; {advice}"));
        format!("{}{line}: {}{advice}", self.file(), self.message)
    }

    /// The same with advice, if it has none of its own.
    #[must_use]
    pub(crate) fn or_advice(mut self: Box<Self>, advice: &str) -> Box<Self> {
        self.advice.get_or_insert_with(|| advice.to_owned());
        self
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(self.document))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.advice
            .as_ref()
            .map(|advice| Box::new(advice) as Box<dyn Display + 'a>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source_text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some(self.label.clone()), self.span?);
        Some(Box::new(std::iter::once(label)))
    }
}
