//! The SDK speaks the contract in `wit/`, all of it.
//!
//! Records and variants are read and written by the generated bindings field by field, so a
//! difference there does not compile. Enums cross as numbers: their order is checked here.

use std::fmt::Debug;
use std::path::Path;

use tamis_sdk::host::StateError;
use tamis_sdk::metrics::RegisterReason;
use tamis_sdk::{
    FaultKind, LogForm, Origin, Outcome, Overflow, Role, Severity, Stance, Status, Unit,
};
use wit_parser::{Resolve, TypeDefKind, WorldItem};

fn contract() -> Resolve {
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    resolve.push_path(folder).expect("the contract is sound");
    resolve
}

fn in_kebab_case(name: &str) -> String {
    let mut kebab = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

#[test]
fn enums_have_the_cases_of_the_contract_in_their_order() {
    let resolve = contract();
    let check = |interface: &str, name: &str, cases: &[&dyn Debug]| {
        let found = resolve.types.iter().find(|(_, kind)| {
            let owner = match kind.owner {
                wit_parser::TypeOwner::Interface(owner) => {
                    resolve.interfaces[owner].name.as_deref()
                }
                _ => None,
            };
            kind.name.as_deref() == Some(name)
                && owner == Some(interface)
                && matches!(kind.kind, TypeDefKind::Enum(_))
        });
        let (_, found) = found.unwrap_or_else(|| panic!("`{interface}.{name}` is an enum"));
        let TypeDefKind::Enum(of_contract) = &found.kind else { unreachable!() };
        let of_contract: Vec<_> = of_contract.cases.iter().map(|case| case.name.clone()).collect();
        let of_sdk: Vec<_> = cases.iter().map(|case| in_kebab_case(&format!("{case:?}"))).collect();
        assert_eq!(of_contract, of_sdk, "{interface}.{name}");
    };
    use {FaultKind as F, Outcome as O, Severity as S, StateError as E};
    check("types", "severity", &[&S::Trace, &S::Debug, &S::Info, &S::Warn, &S::Error, &S::Fatal]);
    check("types", "fault-kind", &[&F::Unprocessable, &F::Unavailable, &F::Internal]);
    check("lifecycle-types", "stance", &[&Stance::Watcher, &Stance::Guard]);
    check("lifecycle-types", "unit", &[&Unit::Bytes, &Unit::Line, &Unit::Event]);
    check("lifecycle-types", "overflow", &[&Overflow::Pass, &Overflow::Reject]);
    check("lifecycle-types", "log-form", &[&LogForm::Raw, &LogForm::Block, &LogForm::Parsed]);
    check("lifecycle-types", "role", &[&Role::Worker, &Role::Background]);
    check(
        "http-types",
        "outcome",
        &[
            &O::Completed,
            &O::Answered,
            &O::ClientClosed,
            &O::UpstreamFailed,
            &O::UpstreamTimeout,
            &O::Refused,
            &O::Fault,
        ],
    );
    check(
        "scrub-types",
        "origin",
        &[&Origin::ErrorEvent, &Origin::Fault, &Origin::Page, &Origin::Other],
    );
    check(
        "health-types",
        "status",
        &[&Status::Healthy, &Status::Degraded, &Status::Unhealthy, &Status::Unknown],
    );
    check(
        "metrics",
        "register-error",
        &[
            &RegisterReason::Undeclared,
            &RegisterReason::Invalid,
            &RegisterReason::Conflict,
            &RegisterReason::TooLate,
        ],
    );
    check(
        "state",
        "state-error",
        &[&E::Full, &E::TooLarge, &E::NotANumber, &E::Unavailable, &E::BackgroundOnly],
    );

    // `scope` is not public; the rest is listed above.
    let enums = resolve.types.iter().filter(|(_, kind)| matches!(kind.kind, TypeDefKind::Enum(_)));
    assert_eq!(enums.count(), 13, "a new enum needs a line here");
}

#[test]
fn every_hook_of_the_contract_is_a_method() {
    let resolve = contract();
    let trait_text = include_str!("../src/plugin.rs");
    let (_, world) = resolve
        .worlds
        .iter()
        .find(|(_, world)| world.name == "plugin")
        .expect("hosts bind the world `plugin`");
    let mut hooks = 0;
    for (key, item) in &world.exports {
        let WorldItem::Interface { id, .. } = item else { panic!("interfaces only") };
        for function in resolve.interfaces[*id].functions.keys() {
            let method = match &**function {
                "init" => "configure".to_owned(),
                // Answered by what `#[plugin]` reads off the block.
                "describe" => continue,
                hook => hook.replace('-', "_"),
            };
            assert!(
                trait_text.contains(&format!("    fn {method}(")),
                "`{method}` of {} is missing",
                resolve.name_world_key(key)
            );
            hooks += 1;
        }
    }
    assert_eq!(hooks, 14);
}
