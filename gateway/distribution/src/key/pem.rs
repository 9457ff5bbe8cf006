//! Keys as text: base64 between two lines that say what it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::KEY_BYTES_MAX;

/// Characters of a line.
const LINE_CHARS: usize = 64;

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pem {
    /// What it is, such as `PUBLIC KEY`.
    pub(crate) label: String,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
}

impl Pem {
    /// The first block of a text, or what is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.len() > KEY_BYTES_MAX {
            return Err(format!("it is larger than {KEY_BYTES_MAX} bytes"));
        }
        let mut lines = text.lines().map(str::trim);
        let label = lines
            .find_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
            .ok_or("there is no line `-----BEGIN …-----`")?;
        let end = format!("-----END {label}-----");
        let mut body = String::new();
        for line in lines {
            if line == end {
                let bytes = STANDARD.decode(&body);
                let bytes = bytes.map_err(|error| format!("its base64 is damaged: {error}"))?;
                return Ok(Self { label: label.to_owned(), bytes });
            }
            body.push_str(line);
        }
        Err(format!("the line `{end}` is missing"))
    }

    /// As text.
    pub(crate) fn to_text(&self) -> String {
        let body = STANDARD.encode(&self.bytes);
        let mut text = format!("-----BEGIN {}-----\n", self.label);
        let mut rest = body.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(LINE_CHARS));
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text + &format!("-----END {}-----\n", self.label)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_block_is_read_as_it_is_written(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let pem = Pem { label: "PUBLIC KEY".into(), bytes };
            prop_assert_eq!(Pem::read(&pem.to_text().replace('\n', "\r\n")), Ok(pem));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "(-----BEGIN A-----\n)?\\PC{0,80}") {
            let _ = Pem::read(&text);
        }
    }
}
