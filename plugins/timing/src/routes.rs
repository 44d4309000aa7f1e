//! Route templates: `/users/{id}` is one label for the paths of all users.

use matchit::Router;
use serde::Deserialize;

/// A path with `{names}` for single segments and, at its end, `*` for all that follows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Template(String);

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let stem = text.strip_suffix("/*").unwrap_or(&text);
        let complaint = if !text.starts_with('/') {
            "a template begins with `/`"
        } else if stem.contains('*') {
            "`*` stands alone behind the last `/`"
        } else if text.contains(['?', '#']) {
            "a template is a path, without query"
        } else if text.len() > 128 {
            "a label has 128 bytes at most"
        } else {
            return Ok(Self(text));
        };
        Err(format!(
            "`{text}` is no template: {complaint}; write one such as \"/users/{{id}}\" or \"/static/*\""
        ))
    }
}

/// Two templates that say the same, or one that cannot be understood.
#[derive(Debug)]
pub(crate) struct Clash {
    /// Of the template in the configuration.
    pub(crate) index: usize,
    /// What is wrong.
    pub(crate) message: String,
}

/// All templates. What is written out wins over `{names}`, and those over `*`.
pub(crate) struct Routes {
    templates: Vec<String>,
    router: Router<usize>,
}

impl Routes {
    /// # Errors
    ///
    /// Every template that clashes with an earlier one.
    pub(crate) fn new(templates: &[Template]) -> Result<Self, Vec<Clash>> {
        let mut router = Router::new();
        let mut clashes = Vec::new();
        for (index, Template(template)) in templates.iter().enumerate() {
            let inserted = match template.strip_suffix('*') {
                // The folder itself belongs to what is below it.
                Some(folder) => router
                    .insert(folder, index)
                    .and_then(|()| router.insert(format!("{folder}{{*rest}}"), index)),
                None => router.insert(template, index),
            };
            if let Err(error) = inserted {
                let message = match error {
                    matchit::InsertError::Conflict { with } => {
                        format!("`{template}` fits the same paths as `{with}`; keep one of them")
                    }
                    other => format!("`{template}` is no template: {other}"),
                };
                clashes.push(Clash { index, message });
            }
        }
        if clashes.is_empty() {
            let templates = templates.iter().map(|template| template.0.clone()).collect();
            Ok(Self { templates, router })
        } else {
            Err(clashes)
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// The template that this path fits.
    pub(crate) fn find(&self, path: &str) -> Option<&str> {
        let found = self.router.at(path).ok()?;
        self.templates.get(*found.value).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(templates: &[&str]) -> Result<Routes, Vec<Clash>> {
        let templates: Vec<_> = templates
            .iter()
            .map(|text| Template::try_from((*text).to_owned()).expect("it is a template"))
            .collect();
        Routes::new(&templates)
    }

    #[test]
    fn paths_find_the_closest_template() {
        let routes = routes(&[
            "/",
            "/users/{id}",
            "/users/me",
            "/users/{id}/orders/{order}",
            "/files/{name}.json",
            "/static/*",
            "/static/app.js",
        ])
        .expect("they differ");
        for (path, expected) in [
            ("/", Some("/")),
            ("/users/5", Some("/users/{id}")),
            ("/users/me", Some("/users/me")),
            ("/users/a%2Fb", Some("/users/{id}")),
            ("/users/5/", None),
            ("/users", None),
            ("/users/5/orders/7", Some("/users/{id}/orders/{order}")),
            ("/files/a.json", Some("/files/{name}.json")),
            ("/static/", Some("/static/*")),
            ("/static/a/b/c", Some("/static/*")),
            ("/static/app.js", Some("/static/app.js")),
            ("/static", None),
            ("/nothing", None),
            ("", None),
            ("*", None),
        ] {
            assert_eq!(routes.find(path), expected, "`{path}`");
        }
    }

    #[test]
    fn templates_that_say_the_same_are_refused() {
        let clashes = routes(&["/a/{b}", "/c", "/a/{d}", "/c"]).err().expect("two clash");
        let found: Vec<_> = clashes.iter().map(|clash| clash.index).collect();
        assert_eq!(found, [2, 3]);
        assert!(clashes[0].message.contains("/a/{b}"), "{}", clashes[0].message);
    }

    #[test]
    fn what_is_no_template_says_why() {
        for (text, word) in [
            ("users/{id}", "begins with"),
            ("/a*", "alone"),
            ("/*/a", "alone"),
            ("/a?b", "without query"),
        ] {
            let error = Template::try_from(text.to_owned()).expect_err("it is none");
            assert!(error.contains(word), "{error}");
        }
        let broken = routes(&["/a/{b"]).err().expect("a brace is open");
        assert!(broken[0].message.contains("no template"), "{}", broken[0].message);
    }
}
