//! Names of functions in the library: `interface_function`, in snake case, unique, never cut.

use std::collections::HashMap;

/// Longest name that every client accepts (bytes; names are ASCII).
pub const NAME_BYTES_MAX: usize = 64;

/// Why functions cannot be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A name holds a character that clients refuse, or none at all.
    #[error(
        "`{name}` is no function name: use 1 to 64 of the characters a-z, A-Z, 0-9, `_` and `-`"
    )]
    Characters {
        /// The name.
        name: String,
    },
    /// A name is longer than clients accept. It is not cut: two names could become one.
    #[error(
        "the name `{name}` has {bytes} characters, and clients accept 64: \
         shorten the function's or the interface's name in the WIT, or the plugin's name"
    )]
    TooLong {
        /// The name.
        name: String,
        /// Its length.
        bytes: usize,
    },
    /// Two functions want one name, even with the names of their plugins in front.
    #[error(
        "plugins `{first}` and `{second}` both have a function `{name}`: \
         rename one of the functions in its WIT, or one of the plugins"
    )]
    Collision {
        /// The name that both would get.
        name: String,
        /// A plugin that has it.
        first: String,
        /// Another, or the same, that has it too.
        second: String,
    },
}

/// A function's name before the library is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted<'a> {
    /// Plugin that has the function.
    pub plugin: &'a str,
    /// What [`library_name`] gave.
    pub name: &'a str,
}

/// `find-city` becomes `find_city`. WIT names hold no `_`, so [`to_kebab`] undoes it.
pub fn to_snake(name: &str) -> String {
    name.replace('-', "_")
}

/// `find_city` becomes `find-city`.
pub fn to_kebab(name: &str) -> String {
    name.replace('_', "-")
}

/// The interface's own name: `cities` of `hyfunc:geo/cities@0.1.0`.
pub fn short_interface(interface: &str) -> &str {
    let path = interface.split_once('@').map_or(interface, |(path, _version)| path);
    path.rsplit_once('/').map_or(path, |(_package, short)| short)
}

/// `cities_find_city` for `find-city` of `hyfunc:geo/cities@0.1.0`; the function alone at world level.
pub fn library_name(interface: Option<&str>, function: &str) -> String {
    match interface {
        Some(interface) => {
            format!("{}_{}", to_snake(short_interface(interface)), to_snake(function))
        }
        None => to_snake(function),
    }
}

/// Whether clients accept the name: `[a-zA-Z0-9_-]{1,64}`.
pub fn is_valid_name(name: &str) -> bool {
    check_name(name).is_ok()
}

/// As [`is_valid_name`], with the reason.
///
/// # Errors
/// [`NameError::TooLong`] or [`NameError::Characters`].
pub fn check_name(name: &str) -> Result<(), NameError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || !name.bytes().all(fits) {
        return Err(NameError::Characters { name: name.to_owned() });
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong { name: name.to_owned(), bytes: name.len() });
    }
    Ok(())
}

/// The final names, in the order asked for. Functions of different plugins that want one name
/// all get their plugin's name in front, so the outcome does not depend on the order of loading.
///
/// # Errors
/// A name that is not valid, or that two functions want even so.
pub fn resolve(wanted: &[Wanted<'_>]) -> Result<Vec<String>, NameError> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for want in wanted {
        *times.entry(want.name).or_default() += 1;
    }
    let mut taken: HashMap<String, &str> = HashMap::new();
    let mut names = Vec::with_capacity(wanted.len());
    for want in wanted {
        let name = match times.get(want.name) {
            Some(1) => want.name.to_owned(),
            _ => format!("{}_{}", to_snake(want.plugin), want.name),
        };
        check_name(&name)?;
        if let Some(first) = taken.insert(name.clone(), want.plugin) {
            return Err(NameError::Collision {
                name,
                first: first.to_owned(),
                second: want.plugin.to_owned(),
            });
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn library_names() {
        for (interface, function, name) in [
            (Some("hyfunc:geo/cities@0.1.0"), "find-city", "cities_find_city"),
            (Some("hyfunc:geo/cities"), "find-city", "cities_find_city"),
            (Some("my-cities"), "find", "my_cities_find"),
            (Some("a:b/c@1.0.0-rc.1+x/y"), "d", "c_d"),
            (None, "now", "now"),
            (None, "get-URL", "get_URL"),
        ] {
            assert_eq!(library_name(interface, function), name);
        }
    }

    #[test]
    fn validity() {
        let longest = "x".repeat(NAME_BYTES_MAX);
        for good in ["a", "A-z_09", "-", longest.as_str()] {
            assert!(is_valid_name(good), "{good}");
        }
        let too_long = "x".repeat(NAME_BYTES_MAX + 1);
        for bad in ["", "a b", "é", "a.b", "a\n", "a/b", too_long.as_str()] {
            assert!(!is_valid_name(bad), "{bad}");
        }
    }

    fn resolved(wanted: &[(&str, &str)]) -> Result<Vec<String>, NameError> {
        let wanted: Vec<_> = wanted.iter().map(|&(plugin, name)| Wanted { plugin, name }).collect();
        resolve(&wanted)
    }

    #[test]
    fn collisions_get_the_plugins_name() {
        let names = resolved(&[("geo", "find"), ("home", "find"), ("home", "on")]).unwrap();
        assert_eq!(names, ["geo_find", "home_find", "on"]);
        let kebab = resolved(&[("my-geo", "find"), ("home", "find")]).unwrap();
        assert_eq!(kebab, ["my_geo_find", "home_find"]);
    }

    #[test]
    fn what_collides_even_so_is_refused() {
        assert!(matches!(
            resolved(&[("geo", "f"), ("geo", "f")]),
            Err(NameError::Collision { .. })
        ));
        let prefixed = resolved(&[("a", "f"), ("b", "f"), ("c", "a_f")]);
        assert!(matches!(prefixed, Err(NameError::Collision { name, .. }) if name == "a_f"));
        let plugin = "p".repeat(63);
        let long = resolved(&[(plugin.as_str(), "f"), ("b", "f")]);
        assert!(matches!(long, Err(NameError::TooLong { bytes: 65, .. })));
    }

    proptest! {
        #[test]
        fn wit_names_come_back(name in "[a-zA-Z][a-zA-Z0-9]{0,5}(-[a-zA-Z0-9]{1,5}){0,4}") {
            prop_assert_eq!(to_kebab(&to_snake(&name)), name);
        }

        #[test]
        fn resolved_names_are_unique_and_valid(
            wanted in proptest::collection::vec(("[a-c]{1,2}", "[a-c_]{1,3}"), 0..8)
        ) {
            let wanted: Vec<_> = wanted.iter().map(|(plugin, name)| Wanted { plugin, name }).collect();
            if let Ok(names) = resolve(&wanted) {
                let unique: std::collections::HashSet<_> = names.iter().collect();
                prop_assert_eq!(unique.len(), wanted.len());
                for (name, want) in names.iter().zip(&wanted) {
                    prop_assert!(is_valid_name(name));
                    prop_assert!(name.ends_with(want.name));
                }
            }
        }
    }
}
