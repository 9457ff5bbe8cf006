//! What a certificate says of its owner.

use super::der::{BOOLEAN, OCTETS, OID, Reader, SEQUENCE, TEXT};
use super::error::BundleError;

/// Names of the owner: 2.5.29.17.
const NAMES: &[u8] = &[0x55, 0x1d, 0x11];
/// Who says so, as DER: 1.3.6.1.4.1.57264.1.8.
const ISSUER: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, 0x08];
/// The same as bare text, as certificates had it earlier: 1.3.6.1.4.1.57264.1.1.
const ISSUER_EARLIER: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, 0x01];
/// Kinds of names: an address of mail, an address of the web.
const MAIL: u8 = 0x81;
const WEB: u8 = 0x86;
/// The field of a certificate that holds its extensions.
const EXTENSIONS: u8 = 0xa3;

/// Who one is, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) identity: String,
    pub(super) issuer: String,
}

/// Reads both from a certificate whose chain was checked.
pub(super) fn owner(certificate: &[u8]) -> Result<Owner, BundleError> {
    let identity = extension(certificate, NAMES).and_then(name);
    let identity = identity.ok_or(BundleError::NoIdentity { what: "owner" })?;
    let issuer = extension(certificate, ISSUER).and_then(|value| Reader::new(value).expect(TEXT));
    let issuer = issuer.or_else(|| extension(certificate, ISSUER_EARLIER)).and_then(text);
    let issuer = issuer.ok_or(BundleError::NoIdentity { what: "issuer of its owner's name" })?;
    Ok(Owner { identity, issuer })
}

/// The value of an extension.
fn extension<'a>(certificate: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let certificate = Reader::new(certificate).expect(SEQUENCE)?;
    let mut fields = Reader::new(Reader::new(certificate).expect(SEQUENCE)?);
    let extensions = loop {
        let field = fields.next()?;
        if field.tag == EXTENSIONS {
            break field.bytes;
        }
    };
    let mut extensions = Reader::new(Reader::new(extensions).expect(SEQUENCE)?);
    loop {
        let mut fields = Reader::new(extensions.expect(SEQUENCE)?);
        if fields.expect(OID)? != wanted {
            continue;
        }
        let mut value = fields.next()?;
        // Whether it is critical stands between, where it is.
        if value.tag == BOOLEAN {
            value = fields.next()?;
        }
        return (value.tag == OCTETS).then_some(value.bytes);
    }
}

/// The one name. Several would leave open which of them is meant.
fn name(names: &[u8]) -> Option<String> {
    let mut names = Reader::new(Reader::new(names).expect(SEQUENCE)?);
    let only = names.next()?;
    if names.next().is_some() || !matches!(only.tag, MAIL | WEB) {
        return None;
    }
    text(only.bytes)
}

/// Text that does nothing to a terminal.
fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain.then(|| text.to_owned())
}
