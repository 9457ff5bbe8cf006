//! What a plugin asks for, in words.

use hyfunc_sandbox::Grants;

/// `https://api.example.com:443 (GET, HEAD); its key-value store`, or `nothing`.
pub(super) fn describe(grants: &Grants) -> String {
    let mut wishes: Vec<String> = grants.http.hosts.iter().map(ToString::to_string).collect();
    if grants.keyvalue.store {
        wishes.push("its key-value store".into());
    }
    if !grants.config.keys.is_empty() {
        let keys: Vec<&str> = grants.config.keys.keys().map(String::as_str).collect();
        wishes.push(format!("the configuration {}", keys.join(", ")));
    }
    if wishes.is_empty() { "nothing".into() } else { wishes.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_told_in_words() {
        for (text, told) in [
            ("", "nothing"),
            ("[keyvalue]\nstore = true", "its key-value store"),
            (
                "[http]\nhosts = [{ host = \"a.b\" }]\n[config]\nkeys = { x = \"1\", y = \"2\" }",
                "https://a.b:443 (GET, HEAD); the configuration x, y",
            ),
            (
                "[http]\nhosts = [{ host = \"a.b\", port = 80, methods = [\"post\"], \
                 allow_plain = true, allow_private = true }]",
                "http://a.b:80 (POST, private addresses too)",
            ),
        ] {
            assert_eq!(describe(&Grants::parse(text).unwrap()), told);
        }
    }
}
