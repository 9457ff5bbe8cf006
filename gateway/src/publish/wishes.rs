//! What a revision wants to do that nobody approved yet.

use std::collections::BTreeSet;

use hyfunc_sandbox::{Grants, HostGrant};

/// What is wished for beyond what is approved, each in words; nothing when all of it is covered.
pub(super) fn beyond(approved: &Grants, wished: &Grants) -> Vec<String> {
    let mut new = Vec::new();
    for host in &wished.http.hosts {
        if !approved.http.hosts.iter().any(|granted| covers(granted, host)) {
            new.push(host.to_string());
        }
    }
    if wished.keyvalue.store && !approved.keyvalue.store {
        new.push("its key-value store".into());
    }
    for (key, value) in &wished.config.keys {
        if approved.config.keys.get(key) != Some(value) {
            new.push(format!("the configuration `{key}`"));
        }
    }
    new
}

/// Whether all that one grant allows is allowed by another.
fn covers(granted: &HostGrant, wished: &HostGrant) -> bool {
    let granted_methods: BTreeSet<&String> = granted.methods.iter().collect();
    granted.host == wished.host
        && granted.port == wished.port
        && wished.methods.iter().all(|method| granted_methods.contains(method))
        && (granted.allow_private || !wished.allow_private)
        && (granted.allow_plain || !wished.allow_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "[http]\nhosts = [{ host = \"a.example\", methods = [\"GET\", \"POST\"] }]";

    /// Approved, wished, and what is new about it.
    #[test]
    fn only_what_is_new_is_wished_for() {
        for (approved, wished, new) in [
            ("", "", &[][..]),
            ("[keyvalue]\nstore = true", "", &[]),
            ("", "[keyvalue]\nstore = true", &["its key-value store"]),
            ("[keyvalue]\nstore = true", "[keyvalue]\nstore = true", &[]),
            (HOST, HOST, &[]),
            ("", HOST, &["https://a.example:443 (GET, POST)"]),
            (HOST, "[http]\nhosts = [{ host = \"a.example\", methods = [\"POST\"] }]", &[]),
            (
                HOST,
                "[http]\nhosts = [{ host = \"a.example\", methods = [\"DELETE\"] }]",
                &["https://a.example:443 (DELETE)"],
            ),
            (
                HOST,
                "[http]\nhosts = [{ host = \"a.example\", port = 8443, methods = [\"GET\"] }]",
                &["https://a.example:8443 (GET)"],
            ),
            (
                HOST,
                "[http]\nhosts = [{ host = \"a.example\", methods = [\"GET\"], \
                 allow_private = true }]",
                &["https://a.example:443 (GET, private addresses too)"],
            ),
            (
                HOST,
                "[http]\nhosts = [{ host = \"a.example\", methods = [\"GET\"], \
                 allow_plain = true }]",
                &["http://a.example:443 (GET)"],
            ),
            (
                HOST,
                "[http]\nhosts = [{ host = \"b.example\", methods = [\"GET\"] }]",
                &["https://b.example:443 (GET)"],
            ),
            (
                "[config]\nkeys = { a = \"1\", b = \"2\" }",
                "[config]\nkeys = { a = \"1\", b = \"3\", c = \"4\" }",
                &["the configuration `b`", "the configuration `c`"],
            ),
        ] {
            let parse = |text| Grants::parse(text).unwrap();
            assert_eq!(beyond(&parse(approved), &parse(wished)), new, "{approved} → {wished}");
        }
    }
}
