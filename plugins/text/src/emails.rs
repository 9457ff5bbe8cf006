//! E-mail addresses within a text.

/// Every address of a text once, in their order: a name, an at sign, and a domain with a dot.
pub fn extract(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let name = name_before(&text[..at]);
        let domain = domain_after(&text[at + 1..]);
        if name.is_empty() || !is_domain(domain) {
            continue;
        }
        let address = format!("{name}@{domain}");
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

fn name_before(text: &str) -> &str {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._%+-".contains(letter);
    let start = text.rfind(|letter| !allowed(letter)).map_or(0, |index| {
        // The character that ends the name may take several bytes.
        index + text[index..].chars().next().map_or(0, char::len_utf8)
    });
    text[start..].trim_start_matches('.')
}

fn domain_after(text: &str) -> &str {
    let end =
        text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.' && letter != '-');
    text[..end.unwrap_or(text.len())].trim_end_matches(['.', '-'])
}

fn is_domain(domain: &str) -> bool {
    let Some((host, top)) = domain.rsplit_once('.') else {
        return false;
    };
    host.split('.')
        .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        && top.len() >= 2
        && top.chars().all(|letter| letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::extract;

    #[test]
    fn finds_addresses() {
        let cases: &[(&str, &[&str])] = &[
            (
                "write to anna@example.com or bob.smith@mail.org.",
                &["anna@example.com", "bob.smith@mail.org"],
            ),
            ("<kim+news@lee.dev>, kim+news@lee.dev", &["kim+news@lee.dev"]),
            ("…tom@home.net!", &["tom@home.net"]),
            ("mail me @ home, or a@b, or @c.de, or x@.com, or y@z.1", &[]),
            ("a@b.co.uk", &["a@b.co.uk"]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(extract(text), *expected, "{text}");
        }
    }
}
