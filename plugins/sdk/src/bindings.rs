//! Bindings to the contract: `generate!` and nothing else.
//!
//! One world per exported interface, so that a component exports exactly the hooks that its plugin
//! wrote; `wit-component` merges the worlds whose export macro was expanded. All share the types of
//! [`wire`](crate::wire), so nothing is converted twice. Only built for wasm.

/// All imports. Those that nobody calls are not linked.
#[allow(
    unreachable_pub,
    unused,
    missing_docs,
    elided_lifetimes_in_paths,
    clippy::mem_forget,
    reason = "generated"
)]
pub(crate) mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: r#"
            package tamis:sdk;
            world sdk-imports { include tamis:plugin/imports@0.1.0; }
        "#,
        with: {
            "tamis:plugin/types@0.1.0": crate::wire::types,
            "tamis:plugin/error-types@0.1.0": crate::wire::error_types,
            "tamis:plugin/metrics@0.1.0/kind": crate::metrics::Kind,
            "tamis:plugin/metrics@0.1.0/register-error": crate::metrics::RegisterReason,
            "tamis:plugin/metrics@0.1.0/series-error": crate::metrics::SeriesError,
            "tamis:plugin/state@0.1.0/scope": crate::host::Scope,
            "tamis:plugin/state@0.1.0/state-error": crate::host::StateError,
            "tamis:plugin/outbound-http@0.1.0/request": crate::outbound::Request,
            "tamis:plugin/outbound-http@0.1.0/response": crate::outbound::Response,
            "tamis:plugin/outbound-http@0.1.0/send-error": crate::outbound::SendError,
            "tamis:plugin/probe@0.1.0/task": crate::probe::Task,
            "tamis:plugin/probe@0.1.0/success": crate::probe::Success,
            "tamis:plugin/probe@0.1.0/failure": crate::probe::Failure,
            "tamis:plugin/probe@0.1.0/reason": crate::probe::Reason,
            "tamis:plugin/exchange@0.1.0/timings": crate::backend::RawTimings,
        },
        generate_all,
    });
}

/// One exported interface: its module, its world, and the interfaces that it takes types from.
macro_rules! export {
    ($module:ident, $world:literal, { $($types:tt)* }) => {
        #[doc(hidden)]
        #[allow(unreachable_pub, unused, missing_docs, elided_lifetimes_in_paths, clippy::mem_forget, reason = "generated")]
        pub mod $module {
            wit_bindgen::generate!({
                path: "../../wit",
                inline: $world,
                with: { $($types)* },
                generate_all,
                pub_export_macro: true,
            });
        }
    };
}

export!(lifecycle,
    "package tamis:sdk; world sdk-lifecycle { export tamis:plugin/lifecycle@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/lifecycle-types@0.1.0": crate::wire::lifecycle_types,
});
export!(on_request,
    "package tamis:sdk; world sdk-on-request { export tamis:plugin/http-request@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/http-types@0.1.0": crate::wire::http_types,
});
export!(on_request_body,
    "package tamis:sdk; world sdk-on-request-body { export tamis:plugin/http-request-body@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/http-types@0.1.0": crate::wire::http_types,
});
export!(on_response,
    "package tamis:sdk; world sdk-on-response { export tamis:plugin/http-response@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/http-types@0.1.0": crate::wire::http_types,
});
export!(on_response_body,
    "package tamis:sdk; world sdk-on-response-body { export tamis:plugin/http-response-body@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/http-types@0.1.0": crate::wire::http_types,
});
export!(on_done,
    "package tamis:sdk; world sdk-on-done { export tamis:plugin/http-done@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/http-types@0.1.0": crate::wire::http_types,
});
export!(on_logs,
    "package tamis:sdk; world sdk-on-logs { export tamis:plugin/log-filter@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/log-types@0.1.0": crate::wire::log_types,
});
export!(scrub,
    "package tamis:sdk; world sdk-scrub { export tamis:plugin/scrubber@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/scrub-types@0.1.0": crate::wire::scrub_types,
});
export!(on_tick,
    "package tamis:sdk; world sdk-on-tick { export tamis:plugin/ticker@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
});
export!(on_errors,
    "package tamis:sdk; world sdk-on-errors { export tamis:plugin/error-sink@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/error-types@0.1.0": crate::wire::error_types,
});
export!(checks,
    "package tamis:sdk; world sdk-checks { export tamis:plugin/health-source@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/health-types@0.1.0": crate::wire::health_types,
});
export!(on_health,
    "package tamis:sdk; world sdk-on-health { export tamis:plugin/health-observer@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/health-types@0.1.0": crate::wire::health_types,
});
export!(on_page,
    "package tamis:sdk; world sdk-on-page { export tamis:plugin/admin-pages@0.1.0; }", {
    "tamis:plugin/types@0.1.0": crate::wire::types,
    "tamis:plugin/http-types@0.1.0": crate::wire::http_types,
    "tamis:plugin/admin-types@0.1.0": crate::wire::admin_types,
});
