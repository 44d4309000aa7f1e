//! The attributes on hooks, and the part of the subscription that each makes.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Attribute, Error, Expr, LitInt, LitStr, Meta, Result};

use crate::argument::{self, Argument};
use crate::quantity;

/// Every hook of the contract; `configure`, `subscribe` and `shutdown` belong to the lifecycle.
pub(crate) const HOOKS: [&str; 12] = [
    "on_request",
    "on_request_body",
    "on_response",
    "on_response_body",
    "on_done",
    "on_logs",
    "scrub",
    "on_tick",
    "on_errors",
    "checks",
    "on_health",
    "on_page",
];

/// The attributes that belong on hooks, each with the hooks that take it.
const ATTRIBUTES: [(&str, &[&str]); 5] = [
    ("fields", &["on_request", "on_response"]),
    ("body", &["on_request_body", "on_response_body"]),
    ("done", &["on_done"]),
    ("logs", &["on_logs"]),
    ("tick", &["on_tick"]),
];

/// Takes the attributes of the SDK off a method, and refuses those that do not belong there.
pub(crate) fn take_attributes(
    hook: &str,
    attributes: &mut Vec<Attribute>,
) -> Result<Option<Attribute>> {
    let mut own = None;
    let mut refused: Option<Error> = None;
    attributes.retain(|attribute| {
        let known = ATTRIBUTES.iter().find(|known| attribute.path().is_ident(known.0));
        let Some((name, hooks)) = known else { return true };
        let error = if !hooks.contains(&hook) {
            let hooks = hooks.join("` and `");
            Some(format!("`#[{name}]` belongs on `{hooks}`"))
        } else if own.is_some() {
            Some(format!("`#[{name}]` stands here twice"))
        } else {
            own = Some(attribute.clone());
            None
        };
        if let Some(error) = error {
            let error = Error::new(
                attribute.path().get_ident().map_or_else(Span::call_site, |name| name.span()),
                error,
            );
            match &mut refused {
                Some(refused) => refused.combine(error),
                None => refused = Some(error),
            }
        }
        false
    });
    match refused {
        Some(error) => Err(error),
        None => Ok(own),
    }
}

fn arguments(attribute: &Attribute) -> Result<Vec<Argument>> {
    match &attribute.meta {
        Meta::List(list) => argument::parse(list.tokens.clone()),
        other => Err(Error::new_spanned(other, "this takes arguments in parentheses")),
    }
}

/// `#[fields("accept")]`, `#[fields(all)]`, `#[fields(none)]`; without one, all.
pub(crate) fn fields(attribute: Option<&Attribute>) -> Result<TokenStream> {
    match attribute {
        Some(attribute) => filter(arguments(attribute)?, NAMES, check_field),
        None => Ok(quote!(::tamis_sdk::Fields::All)),
    }
}

/// `#[done("url.path", min = 500)]`, `#[done(all)]`; without one, all exchanges without attributes.
pub(crate) fn done(attribute: Option<&Attribute>) -> Result<TokenStream> {
    let mut fields = quote!(::tamis_sdk::Fields::Nothing);
    let mut min = 0_u16;
    if let Some(attribute) = attribute {
        let (mins, names): (Vec<_>, _) = arguments(attribute)?
            .into_iter()
            .partition(|argument| matches!(argument, Argument::Value(name, _) if name == "min"));
        for argument in mins {
            let Argument::Value(_, value) = argument else { continue };
            min = status(&value)?;
        }
        let known = format!("{NAMES}, and `min = 500`");
        fields = filter(names, &known, |_| Ok(()))?;
    }
    Ok(quote!(::tamis_sdk::DoneSubscription { fields: #fields, min_status: #min }))
}

fn status(value: &Expr) -> Result<u16> {
    let number = syn::parse2::<LitInt>(quote!(#value)).and_then(|number| number.base10_parse());
    match number {
        Ok(status @ 100..=599) => Ok(status),
        _ => Err(Error::new_spanned(value, "this has to be a status, 100 to 599")),
    }
}

/// What stands in an attribute that names fields.
const NAMES: &str = "names in quotes, or `all` or `none` alone";

fn filter(
    arguments: Vec<Argument>,
    known: &str,
    check: fn(&LitStr) -> Result<()>,
) -> Result<TokenStream> {
    let mut names = Vec::new();
    let alone = arguments.len() == 1;
    for argument in arguments {
        match argument {
            Argument::Word(word) if word == "all" && alone => {
                return Ok(quote!(::tamis_sdk::Fields::All));
            }
            Argument::Word(word) if word == "none" && alone => {
                return Ok(quote!(::tamis_sdk::Fields::Nothing));
            }
            Argument::Text(name) => {
                check(&name)?;
                names.push(name);
            }
            other => return Err(other.unknown(known)),
        }
    }
    Ok(quote!(::tamis_sdk::Fields::only([#(#names),*] as [&str; _])))
}

/// Fields which the host never shows; see `header` in the contract.
const OF_THE_HOST: [&str; 8] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
];

fn check_field(name: &LitStr) -> Result<()> {
    let written = name.value();
    let complaint =
        if written.is_empty() || written.contains(|letter: char| letter.is_ascii_uppercase()) {
            "names of headers are in lower case".to_owned()
        } else if OF_THE_HOST.contains(&&*written) {
            format!("`{written}` frames or routes the message and is not shown to plugins")
        } else {
            return Ok(());
        };
    Err(Error::new(name.span(), complaint))
}

/// How a body hook wants its body.
pub(crate) struct Body {
    /// Where a mode stands that changes content.
    pub(crate) changes: Option<Span>,
    /// The body mode.
    pub(crate) mode: TokenStream,
}

/// `#[body(transform, max = "1 MiB", types("text/*"), decode, unit = "line", overflow = "reject")]`
pub(crate) fn body(attribute: &Attribute) -> Result<Body> {
    const KNOWN: &str = "`observe`, `transform`, `whole`, `max = \"1 MiB\"`, `types(\"text/*\")`, \
                         `decode`, `unit = \"bytes\" | \"line\" | \"event\"` and `overflow = \
                         \"pass\" | \"reject\"`";
    let (mut mode, mut max, mut types, mut decode) = (None, None, Vec::new(), false);
    let mut unit = quote!(Bytes);
    let mut overflow = quote!(Pass);
    for argument in arguments(attribute)? {
        match argument {
            Argument::Word(word) if word == "observe" || word == "transform" || word == "whole" => {
                if mode.is_some() {
                    return Err(Error::new(word.span(), "a body has one mode"));
                }
                mode = Some(word);
            }
            Argument::Word(word) if word == "decode" => decode = true,
            Argument::Value(name, value) if name == "max" => {
                max = Some(quantity::bytes(&argument::text(&value)?)?);
            }
            Argument::List(name, list) if name == "types" => {
                types = argument::texts(list)?;
                for media_type in &types {
                    check_media_type(media_type)?;
                }
            }
            Argument::Value(name, value) if name == "unit" => {
                unit = one_of(&value, &[("bytes", "Bytes"), ("line", "Line"), ("event", "Event")])?;
            }
            Argument::Value(name, value) if name == "overflow" => {
                overflow = one_of(&value, &[("pass", "Pass"), ("reject", "Reject")])?;
            }
            other => return Err(other.unknown(KNOWN)),
        }
    }
    let (Some(mode), Some(max)) = (mode, max) else {
        return Err(Error::new_spanned(
            attribute,
            "this needs a mode and a limit: `observe` looks, `transform` changes chunks, `whole` \
             gets the body at once; such as `#[body(observe, max = \"1 MiB\")]`",
        ));
    };
    let changes = (mode != "observe").then(|| mode.span());
    let mode = match &*mode.to_string() {
        "observe" => quote!(Observe),
        "transform" => quote!(Transform),
        _ => quote!(Whole),
    };
    let mode = quote! {
        ::tamis_sdk::BodyMode::#mode(::tamis_sdk::BodyLimits {
            max_bytes: #max,
            on_overflow: ::tamis_sdk::Overflow::#overflow,
            media_types: ::std::vec![#(::std::string::String::from(#types)),*],
            decode: #decode,
            unit: ::tamis_sdk::Unit::#unit,
        })
    };
    Ok(Body { changes, mode })
}

fn check_media_type(media_type: &LitStr) -> Result<()> {
    let written = media_type.value();
    match written.split_once('/') {
        Some((kind, subtype))
            if !kind.is_empty() && !subtype.is_empty() && !written.contains([';', ' ']) =>
        {
            Ok(())
        }
        _ => Err(Error::new(
            media_type.span(),
            "a media type is `type/subtype`, either of which may be or begin with `*`, without parameters",
        )),
    }
}

fn one_of(value: &Expr, known: &[(&str, &str)]) -> Result<TokenStream> {
    let text = argument::text(value)?;
    match known.iter().find(|known| known.0 == text.value()) {
        Some((_, case)) => {
            let case = syn::Ident::new(case, text.span());
            Ok(quote!(#case))
        }
        None => {
            let known: Vec<_> = known.iter().map(|known| format!("\"{}\"", known.0)).collect();
            Err(Error::new(text.span(), format!("this has to be {}", known.join(" or "))))
        }
    }
}

/// `#[logs(raw, min = "info", batch = 512, delay = "50ms", access_log)]`
pub(crate) fn logs(attribute: &Attribute) -> Result<TokenStream> {
    const KNOWN: &str = "`raw`, `block`, `parsed`, `min = \"info\"`, `batch = 512`, `delay = \
                         \"50ms\"` and `access_log`";
    const SEVERITIES: [(&str, &str); 6] = [
        ("trace", "Trace"),
        ("debug", "Debug"),
        ("info", "Info"),
        ("warn", "Warn"),
        ("error", "Error"),
        ("fatal", "Fatal"),
    ];
    let mut form = None;
    let mut min = quote!(Trace);
    let (mut batch, mut delay, mut access_log) = (512_u32, 50_000_000_u64, false);
    for argument in arguments(attribute)? {
        match argument {
            Argument::Word(word) if word == "raw" || word == "block" || word == "parsed" => {
                if form.is_some() {
                    return Err(Error::new(word.span(), "records come in one form"));
                }
                form = Some(word.to_string());
            }
            Argument::Word(word) if word == "access_log" => access_log = true,
            Argument::Value(name, value) if name == "min" => min = one_of(&value, &SEVERITIES)?,
            Argument::Value(name, value) if name == "batch" => {
                let number: LitInt = syn::parse2(quote!(#value))?;
                batch = number.base10_parse()?;
            }
            Argument::Value(name, value) if name == "delay" => {
                delay = quantity::nanoseconds(&argument::text(&value)?)?;
            }
            other => return Err(other.unknown(KNOWN)),
        }
    }
    let form = match form.as_deref() {
        Some("raw") => quote!(Raw),
        Some("block") => quote!(Block),
        Some(_) => quote!(Parsed),
        None => {
            return Err(Error::new_spanned(
                attribute,
                "this needs a form: `raw` is text as it was read, `block` many records at once, \
                 `parsed` message and attributes; such as `#[logs(parsed)]`",
            ));
        }
    };
    Ok(quote! {
        ::tamis_sdk::LogSubscription {
            form: ::tamis_sdk::LogForm::#form,
            min_severity: ::tamis_sdk::Severity::#min,
            max_batch: #batch,
            max_delay: ::std::time::Duration::from_nanos(#delay),
            access_log: #access_log,
        }
    })
}

/// `#[tick("10s")]`
pub(crate) fn tick(attribute: &Attribute) -> Result<TokenStream> {
    match &*arguments(attribute)? {
        [Argument::Text(text)] => {
            let nanoseconds = quantity::nanoseconds(text)?;
            Ok(quote!(::std::time::Duration::from_nanos(#nanoseconds)))
        }
        _ => Err(Error::new_spanned(attribute, "this takes a duration: `#[tick(\"10s\")]`")),
    }
}
