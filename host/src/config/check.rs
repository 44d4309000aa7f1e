//! What settings say about each other.
//!
//! Each section is right in itself when this begins. Faults are contradictions that would show
//! only once tamis runs; warnings are for what works and is probably not meant. What only a
//! loaded component can tell, such as where a guard stands in a chain, is checked by the room
//! that loads it.

use std::net::IpAddr;

use super::Config;
use super::fault::Fault;
use super::logs::SinkKind;
use super::plugin::OnFault;
use super::reader::Findings;
use super::value::{HttpOrigin, Listen, Scheme};

/// Reports every contradiction within a file. `has_logs` says whether it has a section `[logs]`.
pub(super) fn check(config: &Config, has_logs: bool, findings: &mut Findings) {
    addresses(config, findings);
    routes(config, has_logs, findings);
    upstreams(config, findings);
    plugins(config, findings);
    logs(config, has_logs, findings);
}

/// What can also go wrong without a file: the addresses that are listened on.
pub(super) fn addresses(config: &Config, findings: &mut Findings) {
    listeners(config, findings);
    loops(config, findings);
    exposure(config, findings);
}

/// Two listeners on one address; TLS without a certificate and a certificate without TLS.
fn listeners(config: &Config, findings: &mut Findings) {
    let listen = &config.server.listen;
    let admin = &config.admin.listen;
    for (at, one) in listen.iter().enumerate() {
        let before = listen[..at].iter().map(|given| (given.value.address, &given.origin));
        let admin = admin.value.address().map(|address| (address, &admin.origin));
        for (address, origin) in
            before.chain(admin).filter(|(other, _)| one.value.collides_with(*other))
        {
            let problem =
                format!("`{}` and `{address}` cannot both be listened on", one.value.address);
            let fault = Fault::new(&one.origin, problem).note("the other", origin);
            findings.report(fault.remedy("give one of them another port"));
        }
    }
    let encrypted = listen.iter().find(|given| given.value.scheme == Scheme::Https);
    match (encrypted, &config.server.tls) {
        (Some(listen), None) => {
            let fault = Fault::new(&listen.origin, "HTTPS without a certificate").consequence();
            findings.report(fault.remedy(
                "add certificate = \"cert.pem\" and key = \"key.pem\"\nunder [server.tls]",
            ));
        }
        (None, Some(tls)) => {
            let fault = Fault::new(&tls.origin, "no listener uses this certificate").consequence();
            findings.warn(fault.remedy("write listen = [\"https://0.0.0.0:8443\"] in [server]"));
        }
        _ => {}
    }
}

/// An upstream that is tamis itself.
fn loops(config: &Config, findings: &mut Findings) {
    let reached_by = |listen: &Listen, server: &HttpOrigin| {
        let ip: Option<IpAddr> = match server.host.as_str() {
            "localhost" => Some([127, 0, 0, 1].into()),
            host => host.parse().ok(),
        };
        let own = listen.address.ip();
        listen.address.port() == server.port
            && server.port != 0
            && ip.is_some_and(|ip| ip == own || (own.is_unspecified() && ip.is_loopback()))
    };
    for server in config.upstreams.iter().flat_map(|upstream| &upstream.servers) {
        let listen =
            config.server.listen.iter().find(|listen| reached_by(&listen.value, &server.value));
        if let Some(listen) = listen {
            let fault = Fault::new(
                &server.origin,
                format!("`{}` is tamis itself: requests would go in a circle", server.value),
            );
            findings.report(
                fault
                    .note("listened on", &listen.origin)
                    .remedy("write the address of the application"),
            );
        }
    }
}

/// Names given twice, and routes that are never reached.
fn routes(config: &Config, has_logs: bool, findings: &mut Findings) {
    for (at, route) in config.routes.iter().enumerate() {
        let before = &config.routes[..at];
        if let Some(first) = before.iter().find(|first| first.covers(route)) {
            let problem =
                format!("no request gets here: the route `{}` takes them all", first.name);
            let fault =
                Fault::new(&route.origin, problem).note("it stands", &first.origin).consequence();
            findings.warn(fault.remedy("put the special route before the general one"));
        } else if let Some(first) = before.iter().find(|first| first.name == route.name) {
            let fault =
                Fault::new(&route.origin, format!("two routes are called `{}`", route.name));
            findings.report(
                fault
                    .note("the first", &first.origin)
                    .remedy("rename one; metrics tell routes apart by their names"),
            );
        }
    }
    // A file about logs alone needs no route.
    if config.routes.is_empty() && !has_logs {
        let fault = Fault::new(&config.logs.origin, "there is no route: every request gets 404");
        let remedy = "write upstream = \"http://127.0.0.1:9000\"\nunder [[routes]]";
        findings.warn(fault.consequence().remedy(remedy));
    }
}

/// Upstreams that no request goes to, or that nobody asks how they are.
fn upstreams(config: &Config, findings: &mut Findings) {
    // One written into a route as a URL has no place for a check; there the failures of
    // requests have to do.
    for upstream in config.upstreams.iter().filter(|upstream| upstream.is_named()) {
        let used = config.routes.iter().any(|route| route.upstream == upstream.name);
        if !used {
            let problem = format!("no route leads to the upstream `{}`", upstream.name);
            let remedy =
                format!("write upstream = \"{}\" in [[routes]], or remove it", upstream.name);
            findings.warn(Fault::new(&upstream.origin, problem).consequence().remedy(remedy));
        }
        if upstream.check.is_some() {
            continue;
        }
        let problem = format!(
            "the upstream `{}` has no check: only failed requests show that a server is down",
            upstream.name
        );
        let fault = Fault::new(&upstream.origin, problem).consequence();
        findings
            .warn(fault.remedy("write check = { path = \"/health\" } or check = { tcp = true }"));
    }
}

/// Plugins that are in no corridor, and guards that let pass what they cannot read.
fn plugins(config: &Config, findings: &mut Findings) {
    let in_routes = || config.routes.iter().flat_map(|route| &route.plugins);
    for plugin in &config.plugins {
        let name = &plugin.name;
        let used = in_routes().chain(&config.logs.plugins).any(|given| given.value == *name);
        if !used {
            let problem = format!(
                "the plugin `{name}` is in no route and not in the logs: only its background hooks run"
            );
            let fault = Fault::new(&plugin.origin, problem).consequence();
            findings.warn(
                fault.remedy(format!("write \"{name}\" in `plugins` of [[routes]] or of [logs]")),
            );
        }
        let open = plugin.on_fault.as_ref().filter(|given| given.value == OnFault::Open);
        if let Some(given) = open.filter(|_| plugin.is_built_in("redact")) {
            let fault = Fault::new(
                &given.origin,
                format!("when `{name}` fails, messages go on unredacted"),
            );
            findings.warn(fault.remedy("remove it, or write on-fault = \"closed\""));
        }
    }
}

/// Sinks that write over each other, and records that pass no redaction.
fn logs(config: &Config, has_logs: bool, findings: &mut Findings) {
    let file = |kind: &SinkKind| match kind {
        SinkKind::File(file) => Some(file.path.clone()),
        SinkKind::Stdout | SinkKind::Stderr => None,
    };
    let sinks = &config.logs.sinks;
    for (at, sink) in sinks.iter().enumerate() {
        let Some(path) = file(&sink.kind) else { continue };
        if let Some(first) =
            sinks[..at].iter().find(|first| file(&first.kind).as_ref() == Some(&path))
        {
            let problem =
                format!("the sinks `{}` and `{}` write the same file", first.name, sink.name);
            let fault = Fault::new(&sink.origin, problem).note("the other", &first.origin);
            findings.report(fault.remedy("give one of them another `path`"));
        }
    }
    let redact = config.plugins.iter().find(|plugin| plugin.is_built_in("redact"));
    let redacted =
        |plugin: &super::Plugin| config.logs.plugins.iter().any(|given| given.value == plugin.name);
    if let Some(redact) = redact.filter(|redact| has_logs && !redacted(redact) && !sinks.is_empty())
    {
        let fault =
            Fault::new(&config.logs.origin, format!("log records do not pass `{}`", redact.name))
                .consequence();
        findings.warn(fault.remedy(format!("write plugins = [\"{}\"] in [logs]", redact.name)));
    }
}

/// What is open to more than it should be.
fn exposure(config: &Config, findings: &mut Findings) {
    let admin = &config.admin;
    let public = admin.listen.value.address().filter(|address| !address.ip().is_loopback());
    if let Some(address) = public.filter(|_| admin.token.is_none()) {
        let problem = format!("everybody who reaches `{address}` can read the admin pages");
        let fault = Fault::new(&admin.listen.origin, problem);
        findings.warn(
            fault.remedy(
                "write token = \"env:TAMIS_ADMIN_TOKEN\" in [admin], or listen on 127.0.0.1",
            ),
        );
    }
    for network in
        config.server.trusted_proxies.iter().filter(|network| network.value.prefix_len() == 0)
    {
        let fault = Fault::new(&network.origin, "every client may state any address as its own");
        findings.warn(fault.remedy("name the proxies in front of tamis, such as \"10.0.0.0/8\""));
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Expected, ROUTE, differs, load};

    #[test]
    fn what_works_and_is_probably_not_meant_is_warned_about() {
        let plugins = "[plugins.redact]\ncomponent = \"builtin:redact\"\n";
        let rows: &[(&str, &[Expected])] = &[
            (ROUTE, &[]),
            ("", &[("1:1", "there is no route", "[[routes]]")]),
            ("[logs]", &[]),
            (
                &format!("{ROUTE}{ROUTE}path = \"/x\""),
                &[("3:1", "no request gets here: the route `/`", "the special route before")],
            ),
            (
                &format!(
                    "{ROUTE}[upstreams.app]\nservers = \"http://a\"\ncheck = {{ tcp = true }}"
                ),
                &[("3:1", "no route leads to the upstream `app`", "upstream = \"app\"")],
            ),
            (
                "[[routes]]\nupstream = \"app\"\n[upstreams.app]\nservers = \"http://a\"",
                &[("3:1", "the upstream `app` has no check", "check = { path")],
            ),
            (
                &format!("{ROUTE}{plugins}"),
                &[("3:1", "is in no route and not in the logs", "`plugins` of [[routes]]")],
            ),
            (
                &format!("{ROUTE}plugins = \"redact\"\n{plugins}on-fault = \"open\""),
                &[("6:12", "messages go on unredacted", "remove it")],
            ),
            (
                &format!("{ROUTE}plugins = \"redact\"\n{plugins}[logs]"),
                &[("6:1", "log records do not pass `redact`", "plugins = [\"redact\"]")],
            ),
            (
                &format!("{ROUTE}[sinks.x]\ntype = \"stderr\""),
                &[("3:8", "the sink `x` is not used", "`sinks` of [logs]")],
            ),
            (
                &format!("{ROUTE}[sources.stdin]"),
                &[("3:10", "the source `stdin` is not used", "`sources` of [logs]")],
            ),
            (
                &format!("{ROUTE}[admin]\nlisten = \"0.0.0.0:9901\""),
                &[("4:10", "can read the admin pages", "token = ")],
            ),
            (&format!("{ROUTE}[admin]\nlisten = \"0.0.0.0:9901\"\ntoken = \"env:TOKEN\""), &[]),
            (
                &format!("{ROUTE}[admin]\ntoken = \"hunter2\""),
                &[("4:9", "a secret stands in the file", "env:NAME")],
            ),
            (
                &format!("{ROUTE}[state]\nurl = \"redis://:hunter2@a\""),
                &[("4:7", "a secret stands in the file", "env:NAME")],
            ),
            (&format!("{ROUTE}[state]\nurl = \"redis://a\""), &[]),
            (
                &format!("{ROUTE}[server]\ntrusted-proxies = \"0.0.0.0/0\""),
                &[("4:19", "state any address", "name the proxies")],
            ),
            (
                &format!("{ROUTE}[server.tls]\ncertificate = \"c\"\nkey = \"k\""),
                &[("3:1", "no listener uses this certificate", "https://")],
            ),
        ];
        for (text, expected) in rows {
            let (_, warnings) = load(text).unwrap_or_else(|faults| panic!("{text}\n{faults}"));
            let shown: String = warnings.iter().map(|warning| warning.to_string()).collect();
            assert_eq!(warnings.len(), expected.len(), "{text}\n{shown}");
            for (warning, expected) in warnings.iter().zip(*expected) {
                assert!(!differs(warning, *expected), "{text}\n{shown}");
                assert!(shown.starts_with("warning: "), "{shown}");
                assert!(!shown.contains("hunter2"), "secrets are not shown: {shown}");
            }
        }
    }

    #[test]
    fn warnings_are_not_drawn_from_a_file_with_faults() {
        let faults =
            load("[plugins.x]\ncomponent = \"x\"\n[[routes]]\nupstream = \"ap\"\nplugin = \"x\"");
        let faults = faults.expect_err("two faults");
        assert_eq!((faults.faults().len(), faults.warnings().len()), (2, 0), "{faults}");
    }
}
