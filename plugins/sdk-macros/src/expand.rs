//! From the block to what the host has to know about it.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Ident, ImplItem, ItemImpl, Type};

use crate::argument::Mistakes;
use crate::hook;
use crate::options::Options;

/// The hooks which a block writes, with their attributes.
#[derive(Default)]
struct Written {
    hooks: BTreeMap<String, (Ident, Option<Attribute>)>,
    configure: bool,
}

impl Written {
    /// Reads the block and takes the attributes of the SDK off its methods.
    fn read(block: &mut ItemImpl, mistakes: &mut Mistakes) -> Self {
        let mut written = Self::default();
        for item in &mut block.items {
            let ImplItem::Fn(method) = item else { continue };
            let name = method.sig.ident.to_string();
            written.configure |= name == "configure";
            let taken = hook::take_attributes(&name, &mut method.attrs);
            let attribute = mistakes.take(taken).flatten();
            if hook::HOOKS.contains(&&*name) {
                written.hooks.insert(name, (method.sig.ident.clone(), attribute));
            }
        }
        written
    }

    fn has(&self, hook: &str) -> bool {
        self.hooks.contains_key(hook)
    }

    fn attribute(&self, hook: &str) -> Option<&Attribute> {
        self.hooks.get(hook)?.1.as_ref()
    }

    /// The attribute of a hook that cannot do without.
    fn needed(&self, hook: &str, line: &str, mistakes: &mut Mistakes) -> Option<&Attribute> {
        let (name, attribute) = self.hooks.get(hook)?;
        if attribute.is_none() {
            mistakes.say(name.span(), format!("write `{line}` above `{hook}`"));
        }
        attribute.as_ref()
    }
}

/// Expands `#[plugin(arguments)] block`.
pub(crate) fn plugin(arguments: TokenStream, block: TokenStream) -> TokenStream {
    let mut block: ItemImpl = match syn::parse2(block.clone()) {
        Ok(block) => block,
        Err(error) => {
            let error = error.into_compile_error();
            return quote!(#block #error);
        }
    };
    let mut mistakes = Mistakes::default();
    let options = Options::parse(arguments, &mut mistakes);
    if block.trait_.is_none() {
        mistakes
            .say(proc_macro2::Span::call_site(), "`#[plugin]` stands above `impl Plugin for …`");
    }
    if !block.generics.params.is_empty() {
        mistakes.push(syn::Error::new_spanned(
            &block.generics,
            "a component holds one plugin, so its type takes no parameters",
        ));
    }
    let written = Written::read(&mut block, &mut mistakes);
    let subscription = subscription(&options, &written, &mut mistakes);
    if !written.configure {
        let configure = syn::parse2(quote! {
            fn configure(
                config: ::tamis_sdk::Config,
            ) -> ::core::result::Result<Self, ::std::vec::Vec<::tamis_sdk::ConfigError>> {
                config.parse()
            }
        });
        block.items.extend(mistakes.take(configure));
    }
    if let Some(errors) = mistakes.into_tokens() {
        return quote!(#block #errors);
    }

    let plugin = &block.self_ty;
    let hosted = hosted(plugin, &options, &subscription);
    let exports = exports(plugin, &options, &written);
    quote! {
        #[allow(refining_impl_trait, reason = "hooks may return what they are asked for, or a result of it")]
        #block
        #hosted
        #exports
    }
}

/// The subscription that the attributes describe.
fn subscription(options: &Options, written: &Written, mistakes: &mut Mistakes) -> TokenStream {
    let paths = &options.paths;
    let request = phase("on_request", "on_request_body", options, written, mistakes);
    let response = phase("on_response", "on_response_body", options, written, mistakes);
    let done = if written.has("on_done") || !options.exchanges.is_empty() {
        let fields = mistakes.take(hook::done(written.attribute("on_done")));
        quote!(::core::option::Option::Some(#fields))
    } else {
        quote!(::core::option::Option::None)
    };
    let logs = written
        .needed("on_logs", "#[logs(parsed)]` (or `raw`, or `block)", mistakes)
        .and_then(|attribute| mistakes.take(hook::logs(attribute)));
    let logs = optional(logs);
    let tick = written
        .needed("on_tick", "#[tick(\"10s\")]", mistakes)
        .and_then(|attribute| mistakes.take(hook::tick(attribute)));
    let tick = optional(tick);
    let health = written.has("on_health");
    let errors = written.has("on_errors");
    quote! {
        ::tamis_sdk::Subscription {
            paths: ::std::vec![#(::std::string::String::from(#paths)),*],
            request: #request,
            response: #response,
            done: #done,
            logs: #logs,
            tick: #tick,
            health: #health,
            errors: #errors,
        }
    }
}

/// What the hooks of one direction receive.
fn phase(
    head: &str,
    body: &str,
    options: &Options,
    written: &Written,
    mistakes: &mut Mistakes,
) -> TokenStream {
    if !written.has(head) && !written.has(body) {
        return quote!(::core::option::Option::None);
    }
    let fields = if written.has(head) {
        mistakes.take(hook::fields(written.attribute(head)))
    } else {
        Some(quote!(::tamis_sdk::Fields::Nothing))
    };
    let mode = written
        .needed(body, "#[body(observe, max = \"1 MiB\")]", mistakes)
        .and_then(|attribute| mistakes.take(hook::body(attribute)));
    if let Some(changes) = mode.as_ref().and_then(|body| body.changes)
        && options.guard.is_none()
    {
        mistakes.say(
            changes,
            "this mode changes content, which only a guard may; write `#[plugin(guard)]` above \
             the block, or `#[body(observe, …)]` here",
        );
    }
    let mode = mode.map_or_else(|| quote!(::tamis_sdk::BodyMode::Skip), |body| body.mode);
    quote! {
        ::core::option::Option::Some(::tamis_sdk::Phase { fields: #fields, body: #mode })
    }
}

fn optional(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// Where the plugin is kept, and who it is.
fn hosted(plugin: &Type, options: &Options, subscription: &TokenStream) -> TokenStream {
    let name = match &options.name {
        Some(name) => quote!(#name),
        None => quote!(::tamis_sdk::__private::plugin_name(::core::env!("CARGO_PKG_NAME"))),
    };
    let summary = match &options.summary {
        Some(summary) => quote!(#summary),
        None => quote!(::core::env!("CARGO_PKG_DESCRIPTION")),
    };
    let stance = if options.guard.is_some() { quote!(Guard) } else { quote!(Watcher) };
    let schema = optional(
        options.schema.as_ref().map(|schema| quote!(::std::string::String::from(#schema))),
    );
    let metrics = &options.metrics;
    let forget = &options.exchanges;
    let forget = (!forget.is_empty()).then(|| {
        quote! {
            fn forget(&mut self, exchange: ::tamis_sdk::Exchange) {
                #(let _ = self.#forget.remove(exchange);)*
            }
        }
    });
    quote! {
        const _: () = {
            ::std::thread_local! {
                static SLOT: ::core::cell::RefCell<::core::option::Option<#plugin>> =
                    const { ::core::cell::RefCell::new(::core::option::Option::None) };
            }

            impl ::tamis_sdk::__private::Hosted for #plugin {
                fn slot() -> &'static ::std::thread::LocalKey<
                    ::core::cell::RefCell<::core::option::Option<Self>>,
                > {
                    &SLOT
                }

                fn manifest() -> ::tamis_sdk::__private::Manifest {
                    ::tamis_sdk::__private::Manifest {
                        name: ::std::string::String::from(#name),
                        version: ::std::string::String::from(::core::env!("CARGO_PKG_VERSION")),
                        summary: ::std::string::String::from(#summary),
                        stance: ::tamis_sdk::Stance::#stance,
                        config_schema: #schema,
                        metrics: ::tamis_sdk::__private::names(&[
                            #(<#metrics as ::tamis_sdk::metrics::Set>::NAMES),*
                        ]),
                    }
                }

                fn subscription() -> ::tamis_sdk::Subscription {
                    #subscription
                }

                #forget
            }
        };
    }
}

/// The exports of the component: the lifecycle, and the hooks which are written.
fn exports(plugin: &Type, options: &Options, written: &Written) -> TokenStream {
    let mut hooks: Vec<&str> = written.hooks.keys().map(String::as_str).collect();
    if !options.exchanges.is_empty() && !written.has("on_done") {
        hooks.push("on_done");
    }
    hooks.push("lifecycle");
    let hooks = hooks.into_iter().map(|hook| format_ident!("{hook}"));
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "generated")]
        const _: () = {
            type Bridge = ::tamis_sdk::__private::Bridge<#plugin>;
            #(
                ::tamis_sdk::__private::#hooks::export!(
                    Bridge with_types_in ::tamis_sdk::__private::#hooks
                );
            )*
        };
    }
}
