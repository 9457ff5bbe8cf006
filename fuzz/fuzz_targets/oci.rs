//! What registries answer and what stands beside it: manifests, lists, references, digests, signed
//! documents, keys, bundles without a key, certificates and trusted roots.
#![no_main]

use std::sync::LazyLock;

use hyfunc_distribution::{
    BundleError, Digest, Fetched, Index, Manifest, Payload, PublicKey, Reference, Signer,
    TrustedRoot, check_bundle, signature_tag,
};
use libfuzzer_sys::fuzz_target;

/// What the bundles among the seeds are of, and who signed them. Nobody has their keys any more.
const SIGNED: &[u8] = b"{\"schemaVersion\":2}";
const SIGNER: (&str, &str) = ("me@example.com", "https://issuer.example");
/// Whom the seeds lead back to.
static ROOT: LazyLock<TrustedRoot> = LazyLock::new(|| {
    TrustedRoot::read(include_bytes!("../seeds/oci/root")).expect("the seed is a good one")
});

/// What is read and written is read as the same, and names nothing but what is on its face.
fn check(data: &[u8]) {
    manifest(data);
    index(data);
    if let Err(error) = TrustedRoot::read(data) {
        assert!(!error.to_string().is_empty());
    }
    payload(data);
    bundle(data);
    certificate(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    reference(text.trim_end_matches('\n'));
    digest(text.trim_end_matches('\n'));
    key(text);
}

fn manifest(data: &[u8]) {
    let manifest = match Manifest::read(data) {
        Ok(manifest) => manifest,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(Manifest::read(&manifest.to_bytes()).ok().as_ref(), Some(&manifest));
    match manifest.component() {
        Ok(component) => assert_eq!(manifest.layers.as_slice(), std::slice::from_ref(component)),
        Err(error) => assert!(error.to_string().contains("application/wasm")),
    }
}

fn index(data: &[u8]) {
    match Index::read(data) {
        Ok(index) => assert_eq!(Index::read(&index.to_bytes()).as_ref(), Ok(&index)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn payload(data: &[u8]) {
    match Payload::read(data) {
        Ok(payload) => assert_eq!(Payload::read(&payload.to_bytes()).as_ref(), Ok(&payload)),
        Err(reason) => assert!(!reason.is_empty()),
    }
}

/// Nothing is accepted but what the signer of the seeds signed, and of that artifact alone.
fn bundle(data: &[u8]) {
    let me = Signer { identity: SIGNER.0.into(), issuer: SIGNER.1.into() };
    let of = |bytes: &[u8]| Fetched { bytes: bytes.to_vec(), digest: Digest::of(bytes) };
    match check_bundle(data, &of(SIGNED), &ROOT, std::slice::from_ref(&me)) {
        Ok(signer) => {
            assert_eq!(signer, me);
            let nobody = check_bundle(data, &of(SIGNED), &ROOT, &[]);
            assert!(matches!(nobody, Err(BundleError::OtherIdentity { .. })), "{nobody:?}");
            assert!(check_bundle(data, &of(b"{}"), &ROOT, &[me]).is_err());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Who is named is plain text: it is shown to people and held against a list.
fn certificate(data: &[u8]) {
    match Signer::named_in(data) {
        Ok(Signer { identity, issuer }) => {
            for text in [identity, issuer] {
                let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
                assert!(!text.is_empty() && is_plain, "{text:?}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn reference(text: &str) {
    let reference: Reference = match text.parse() {
        Ok(reference) => reference,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    // What goes into the path of a URL cannot leave its place, nor bring a query.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:[]".contains(&byte);
    for part in [reference.registry(), reference.repository(), &reference.wanted()] {
        assert!(!part.is_empty() && part.bytes().all(is_plain), "{part:?}");
        assert!(!part.split('/').any(|step| matches!(step, "" | "." | "..")), "{part:?}");
    }
    assert!(text.contains(&reference.name()), "{reference:?}");
    let digest = Digest::of(text.as_bytes());
    let pinned = reference.pinned(&digest);
    assert_eq!((pinned.wanted(), pinned.name()), (digest.to_string(), reference.name()));
}

fn digest(text: &str) {
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
        assert_eq!(signature_tag(&digest), format!("{}.sig", text.replace(':', "-")));
    }
}

fn key(text: &str) {
    match PublicKey::from_pem(text) {
        Ok(key) => {
            let again = PublicKey::from_pem(&key.to_pem()).expect("its own spelling");
            assert_eq!(again.fingerprint(), key.fingerprint());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fuzz_target!(|data: &[u8]| check(data));
