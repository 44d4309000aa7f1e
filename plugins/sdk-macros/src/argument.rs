//! The one grammar of all attributes here: `word`, `"text"`, `name = value`, `name(…)`, by commas.

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, LitStr, Result, Token, parenthesized};

/// One argument of an attribute.
pub(crate) enum Argument {
    /// `guard`
    Word(Ident),
    /// `"content-type"`
    Text(LitStr),
    /// `max = "1 MiB"`
    Value(Ident, Expr),
    /// `types("text/*", "application/json")`
    List(Ident, TokenStream),
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(LitStr) {
            return input.parse().map(Self::Text);
        }
        let name: Ident = input.parse()?;
        if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            return Ok(Self::Value(name, input.parse()?));
        }
        if input.peek(syn::token::Paren) {
            let content;
            parenthesized!(content in input);
            return Ok(Self::List(name, content.parse()?));
        }
        Ok(Self::Word(name))
    }
}

impl Argument {
    /// The error that nothing here knows this argument.
    pub(crate) fn unknown(&self, known: &str) -> Error {
        let (span, written) = match self {
            Self::Word(name) | Self::Value(name, _) | Self::List(name, _) => {
                (name.span(), name.to_string())
            }
            Self::Text(text) => (text.span(), format!("\"{}\"", text.value())),
        };
        Error::new(span, format!("`{written}` means nothing here; known are {known}"))
    }
}

/// All arguments of an attribute.
pub(crate) fn parse(tokens: TokenStream) -> Result<Vec<Argument>> {
    let parser = Punctuated::<Argument, Token![,]>::parse_terminated;
    Ok(parser.parse2(tokens)?.into_iter().collect())
}

/// The texts of a list such as `types("text/*")`.
pub(crate) fn texts(tokens: TokenStream) -> Result<Vec<LitStr>> {
    let parser = Punctuated::<LitStr, Token![,]>::parse_terminated;
    Ok(parser.parse2(tokens)?.into_iter().collect())
}

/// The text that an expression has to be.
pub(crate) fn text(value: &Expr) -> Result<LitStr> {
    match value {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Ok(text.clone()),
        other => Err(Error::new(other.span(), "this has to be a text in quotes")),
    }
}

/// Collects errors, so that an author sees all of them at once.
#[derive(Default)]
pub(crate) struct Mistakes {
    first: Option<Error>,
}

impl Mistakes {
    /// Adds one.
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.first {
            Some(first) => first.combine(error),
            None => self.first = Some(error),
        }
    }

    /// Adds one made of its text.
    pub(crate) fn say(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(Error::new(span, message));
    }

    /// The value, unless it is a mistake.
    pub(crate) fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// All of them as compile errors; nothing when there are none.
    pub(crate) fn into_tokens(self) -> Option<TokenStream> {
        self.first.map(|error| error.into_compile_error())
    }
}
