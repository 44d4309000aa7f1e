//! Where code is: file names that stay the same from one machine to the next, and whose code it is.

use serde::Deserialize;
use tamis_sdk::errors::Frame;

use crate::trace;

/// Folders that applications are put into, which say nothing. Those that end in a star have one
/// more of the application's own below.
const ROOTS: [&str; 14] = [
    "/app/",
    "/code/",
    "/usr/src/app/",
    "/usr/src/",
    "/workspace/",
    "/srv/*",
    "/opt/*",
    "/home/*",
    "/var/www/*",
    "/usr/local/src/*",
    "/root/",
    "/usr/local/lib/",
    "/var/task/",
    "/tmp/",
];

/// A path without the folders in front that differ between machines.
pub(crate) fn relative(path: &str) -> &str {
    for mark in ["/site-packages/", "/dist-packages/", "/node_modules/"] {
        if let Some(at) = path.rfind(mark) {
            return &path[at + mark.len()..];
        }
    }
    if let Some(module) = trace::library_of_python(path) {
        return module;
    }
    for root in ROOTS {
        let rest = match root.strip_suffix('*') {
            Some(folder) => {
                path.strip_prefix(folder).and_then(|rest| rest.split_once('/')).map(|rest| rest.1)
            }
            None => path.strip_prefix(root),
        };
        if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
            return rest;
        }
    }
    path.strip_prefix('/').unwrap_or(path)
}

/// Whose code a frame is, where the operator knows better.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct InApp {
    /// Begins of paths, relative paths or modules of the application's own code.
    pub(crate) include: Vec<String>,
    /// Begins of those that are not, though they look so.
    pub(crate) exclude: Vec<String>,
}

impl InApp {
    /// Sets it for a frame. The longest begin decides.
    pub(crate) fn mark(&self, frame: &mut Frame) {
        let longest = |begins: &[String]| {
            let fits = |begin: &&String| {
                let begin = begin.as_str();
                let in_module =
                    frame.module.as_ref().is_some_and(|module| module.starts_with(begin));
                in_module
                    || frame.file.as_ref().is_some_and(|file| {
                        file.starts_with(begin) || relative(file).starts_with(begin)
                    })
            };
            begins.iter().filter(fits).map(String::len).max()
        };
        match (longest(&self.include), longest(&self.exclude)) {
            (None, None) => {}
            (include, exclude) => frame.in_app = Some(include >= exclude),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_what_differs_between_machines() {
        for (path, expected) in [
            ("/srv/shop/orders.py", "orders.py"),
            ("/srv/shop/apps/users/views.py", "apps/users/views.py"),
            ("/app/orders.py", "orders.py"),
            ("/home/ada/shop/orders.py", "shop/orders.py"),
            ("/srv/venv/lib/python3.11/site-packages/flask/app.py", "flask/app.py"),
            ("/usr/lib/python3.11/threading.py", "threading.py"),
            ("/usr/local/lib/python3.13/asyncio/runners.py", "asyncio/runners.py"),
            ("orders.py", "orders.py"),
            ("/orders.py", "orders.py"),
            ("<string>", "<string>"),
            ("/srv/shop", "srv/shop"),
            ("/app/", "app/"),
            ("", ""),
        ] {
            assert_eq!(relative(path), expected, "{path}");
        }
    }

    #[test]
    fn operators_know_better() {
        let rules = InApp {
            include: vec!["/srv/venv/lib/python3.11/site-packages/shop".into()],
            exclude: vec!["vendor/".into(), "/srv/venv".into()],
        };
        for (file, known, expected) in [
            ("/srv/venv/lib/python3.11/site-packages/shop/a.py", false, true),
            ("/srv/venv/lib/python3.11/site-packages/flask/a.py", true, false),
            ("/app/vendor/a.py", true, false),
            ("/app/a.py", true, true),
        ] {
            let mut frame =
                Frame { file: Some(file.into()), in_app: Some(known), ..Frame::default() };
            rules.mark(&mut frame);
            assert_eq!(frame.in_app, Some(expected), "{file}");
        }
    }
}
