//! From the block to what the host has to know about it.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
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
    let plugin = block.self_ty.clone();
    let written = Written::read(&mut block, &mut mistakes);
    let subscription = subscription(&options, &written, &mut mistakes);
    let mistakes = mistakes.into_tokens();
    if !written.configure {
        let configure = configure(&plugin, mistakes.is_some());
        block.items.push(configure);
    }
    let block = quote! {
        #[allow(
            refining_impl_trait,
            reason = "hooks may return what they are asked for, or a result of it"
        )]
        #block
    };
    if let Some(mistakes) = mistakes {
        return quote!(#block #mistakes);
    }

    let hosted = hosted(&plugin, &options, &subscription);
    let exports = exports(&plugin, &options, &written);
    quote! {
        #block
        #hosted
        #exports
    }
}

/// The `configure` of a plugin which is its own settings. Among mistakes it has no body, so that
/// the compiler does not add to them.
fn configure(plugin: &Type, among_mistakes: bool) -> ImplItem {
    let body = if among_mistakes {
        quote!(::core::unreachable!())
    } else {
        // Errors about the type, such as that it cannot be read, belong to its name.
        quote_spanned!(plugin.span() => ::tamis_sdk::__private::parse::<Self>(config))
    };
    ImplItem::Verbatim(quote! {
        fn configure(
            config: ::tamis_sdk::Config,
        ) -> ::core::result::Result<Self, ::std::vec::Vec<::tamis_sdk::ConfigError>> {
            #body
        }
    })
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
        .needed("on_logs", "#[logs(parsed)]", mistakes)
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
            // Off wasm nothing else may name the plugin, and it is not dead code for that.
            let _ = <#plugin as ::tamis_sdk::Plugin>::configure;

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
    let allocator = (!options.own_allocator).then(|| {
        quote! {
            #[global_allocator]
            static POOL: ::tamis_sdk::__private::Pool = ::tamis_sdk::__private::Pool::new();
        }
    });
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "generated")]
        const _: () = {
            #allocator

            type Bridge = ::tamis_sdk::__private::Bridge<#plugin>;
            #(
                ::tamis_sdk::__private::#hooks::export!(
                    Bridge with_types_in ::tamis_sdk::__private::#hooks
                );
            )*
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(arguments: &str, block: &str) -> String {
        let arguments = arguments.parse().expect("these are tokens");
        let block = format!("impl Plugin for Shop {{ {block} }}");
        let block = block.parse().expect("these are tokens");
        plugin(arguments, block).to_string().replace("\\\"", "\"")
    }

    #[track_caller]
    fn refused(arguments: &str, block: &str, messages: &[&str]) {
        let expanded = expand(arguments, block);
        for message in messages {
            assert!(expanded.contains(message), "`{message}` is not in {expanded}");
        }
        assert_eq!(expanded.matches("compile_error").count(), messages.len(), "{expanded}");
        assert!(!expanded.contains("Hosted"), "nothing follows from a block with mistakes");
    }

    #[track_caller]
    fn exported(arguments: &str, block: &str, hooks: &[&str]) {
        let expanded = expand(arguments, block);
        assert!(!expanded.contains("compile_error"), "{expanded}");
        for hook in hook::HOOKS {
            let export = format!("{hook} :: export !");
            assert_eq!(expanded.contains(&export), hooks.contains(&hook), "{hook} in {expanded}");
        }
        assert!(expanded.contains("lifecycle :: export !"), "every plugin has a lifecycle");
    }

    #[test]
    fn what_is_written_is_exported() {
        exported("", "", &[]);
        exported("guard", "fn on_request(&mut self, _: Request) {}", &["on_request"]);
        exported("", "fn on_done(&mut self, _: Summary) {} fn helper() {}", &["on_done"]);
        exported("exchanges(open)", "fn on_response(&mut self) {}", &["on_response", "on_done"]);
        exported(
            "",
            "fn checks(&mut self) {} #[tick(\"1s\")] fn on_tick(&mut self) {} fn on_page() {} \
             fn on_health() {} fn on_errors() {} fn scrub() {} #[logs(block)] fn on_logs() {}",
            &["checks", "on_tick", "on_page", "on_health", "on_errors", "scrub", "on_logs"],
        );
        exported(
            "guard, paths(\"/a\", \"/b/*\")",
            "#[body(whole, max = \"1 MiB\")] fn on_request_body() {} \
             #[body(transform, max = \"1 MiB\")] fn on_response_body() {}",
            &["on_request_body", "on_response_body"],
        );
    }

    #[test]
    fn what_is_missing_is_shown_as_the_line_to_write() {
        refused("", "fn on_tick() {}", &["write `#[tick(\"10s\")]` above `on_tick`"]);
        refused("", "fn on_logs() {}", &["write `#[logs(parsed)]`"]);
        refused(
            "",
            "fn on_request_body() {} fn on_response_body() {}",
            &[
                "write `#[body(observe, max = \"1 MiB\")]` above `on_request_body`",
                "write `#[body(observe, max = \"1 MiB\")]` above `on_response_body`",
            ],
        );
        refused("", "#[body(observe)] fn on_request_body() {}", &["such as `#[body(observe, max"]);
        refused(
            "",
            "#[body(max = \"1 B\")] fn on_request_body() {}",
            &["needs a mode and a limit"],
        );
        refused("", "#[logs(batch = 3)] fn on_logs() {}", &["this needs a form"]);
        refused("", "#[tick] fn on_tick() {}", &["this takes arguments in parentheses"]);
        refused("", "#[tick(10)] fn on_tick() {}", &["expected"]);
    }

    #[test]
    fn only_a_guard_may_change_bodies() {
        for mode in ["transform", "whole"] {
            let hook = format!("#[body({mode}, max = \"1 MiB\")] fn on_response_body() {{}}");
            refused("", &hook, &["write `#[plugin(guard)]` above the block"]);
            refused("watcher", &hook, &["write `#[plugin(guard)]` above the block"]);
            exported("guard", &hook, &["on_response_body"]);
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let check = |arguments: &str, block: &str, message: &str| {
            refused(arguments, block, &[message]);
        };
        check("guarded", "", "`guarded` means nothing here; known are `guard`");
        check("paths(\"health\")", "", "a path is exact");
        check("paths(\"/a*b\")", "", "a path is exact");
        check("paths(\"/a?b\")", "", "a path is exact");
        check("name = \"My Plugin\"", "", "`kebab-case`");
        check("name = 3", "", "a text in quotes");
        check("", "#[fields(\"Accept\")] fn on_request() {}", "in lower case");
        check("", "#[fields(\"content-length\")] fn on_response() {}", "is not shown to plugins");
        check("", "#[fields(all, \"accept\")] fn on_request() {}", "`all` means nothing here");
        check(
            "",
            "#[fields(\"accept\")] fn on_done() {}",
            "belongs on `on_request` and `on_response`",
        );
        check("", "#[tick(\"1s\")] fn helper() {}", "`#[tick]` belongs on `on_tick`");
        check("", "#[done(all)] #[done(all)] fn on_done() {}", "stands here twice");
        check("", "#[done(min = 99)] fn on_done() {}", "a status, 100 to 599");
        check("", "#[done(min = \"500\")] fn on_done() {}", "a status, 100 to 599");
        check("", "#[done(all, \"x\", min = 500)] fn on_done() {}", "`all` means nothing here");
        check("", "#[tick(\"ten\")] fn on_tick() {}", "a duration such as");
        check("", "#[body(observe, max = \"10\")] fn on_request_body() {}", "a size such as");
        check(
            "",
            "#[body(observe, max = \"1 B\", types(\"json\"))] fn on_request_body() {}",
            "a media type is `type/subtype`",
        );
        check(
            "",
            "#[body(observe, max = \"1 B\", unit = \"word\")] fn on_request_body() {}",
            "this has to be \"bytes\" or \"line\" or \"event\"",
        );
        check(
            "",
            "#[body(observe, whole, max = \"1 B\")] fn on_request_body() {}",
            "a body has one mode",
        );
        check("", "#[logs(raw, parsed)] fn on_logs() {}", "records come in one form");
        check("", "#[logs(raw, min = \"loud\")] fn on_logs() {}", "this has to be \"trace\"");
    }

    #[test]
    fn all_mistakes_are_shown_at_once() {
        refused(
            "gaurd, paths(\"x\")",
            "fn on_tick() {} #[fields(\"Host\")] fn on_request() {}",
            &["`gaurd` means nothing", "a path is exact", "above `on_tick`", "in lower case"],
        );
    }

    #[test]
    fn only_the_implementation_of_the_trait_is_a_plugin() {
        let of_type = plugin(TokenStream::new(), quote!(impl Shop {})).to_string();
        assert!(of_type.contains("stands above `impl Plugin for"), "{of_type}");
        let generic = plugin(
            TokenStream::new(),
            quote!(
                impl<T> Plugin for Shop<T> {}
            ),
        )
        .to_string();
        assert!(generic.contains("takes no parameters"), "{generic}");
        let function = plugin(
            TokenStream::new(),
            quote!(
                fn shop() {}
            ),
        )
        .to_string();
        assert!(function.contains("compile_error"), "{function}");
    }

    #[test]
    fn the_configuration_is_read_by_serde_unless_it_is_written() {
        assert!(expand("", "").contains("parse :: < Self >"));
        assert!(!expand("", "fn configure() {}").contains("parse :: < Self >"));
    }
}
