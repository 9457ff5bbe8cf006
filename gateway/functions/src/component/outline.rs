//! A component from WIT alone.

use std::fmt::Display;

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::ManglingAndAbi;

use crate::docs::{self, DocsError};

/// A component with the types and the docs of WIT sources, whose functions trap when they are called.
///
/// Whoever reads a plugin and does not run it, as an evaluation does, can take it for the plugin.
/// `sources` and `world` are those of [`docs::docs_from_wit`].
///
/// # Errors
/// [`DocsError::Wit`] when the sources do not parse or their world cannot be a component, and
/// [`DocsError::Comment`] when a comment breaks the grammar. Whether the docs fit the types shows when
/// the component is read.
pub fn outline(sources: &[(String, String)], world: Option<&str>) -> Result<Vec<u8>, DocsError> {
    let said = docs::docs_from_wit(sources, world)?;
    let (resolve, world) = docs::resolve_world(sources, world)?;
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(unencoded)?;
    let component = ComponentEncoder::default()
        .module(&module)
        .map_err(unencoded)?
        .validate(true)
        .encode()
        .map_err(unencoded)?;
    docs::inject(&component, &said)
}

fn unencoded(error: impl Display) -> DocsError {
    DocsError::Wit { reason: format!("{error:#}") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::component::{ComponentError, DocsSource, read_component};

    const WIT: &str = r#"
package a:tides@0.1.0;

interface harbor {
    /// How high the water stands.
    ///
    /// @param harbor Name of the harbor.
    /// @example "how high is the tide in Dover?" {"harbor": "Dover"}
    water-level: func(harbor: string) -> result<f64, string>;
}

world plugin {
    export harbor;
}
"#;

    fn outlined(wit: &str) -> Result<Vec<u8>, DocsError> {
        outline(&[("world.wit".to_owned(), wit.to_owned())], None)
    }

    #[test]
    fn what_is_read_from_it_is_what_the_wit_says() {
        let read = read_component("tides", &outlined(WIT).unwrap()).unwrap();
        assert_eq!(read.docs, DocsSource::Section);
        assert_eq!(read.package.as_deref(), Some("a:tides@0.1.0"));
        let [level] = read.functions.as_slice() else { panic!("one: {:?}", read.functions) };
        assert_eq!(level.name, "harbor_water_level");
        assert_eq!(level.description, "How high the water stands.");
        assert_eq!(level.parameters.fields[0].doc, "Name of the harbor.");
        assert_eq!(level.examples[0].utterance, "how high is the tide in Dover?");
    }

    #[test]
    fn wit_that_is_none_is_an_error_and_docs_that_do_not_fit_are_one_later() {
        for (wit, part) in [
            ("", "no file says which package"),
            ("package a:b; world w { export", "world.wit:1"),
            ("package a:b; interface i {}", "no worlds"),
            (WIT.replace("@param", "@parameter").as_str(), "is no tag"),
        ] {
            let error = outlined(wit).unwrap_err().to_string();
            assert!(error.contains(part), "{wit}: {error}");
        }
        let component = outlined(&WIT.replace("\"Dover\"}", "7}")).unwrap();
        let error = read_component("tides", &component).unwrap_err();
        assert!(
            matches!(&error, ComponentError::Docs { source: DocsError::Example { .. }, .. }),
            "{error}"
        );
    }
}
