//! Bundles of an authority, an author and a log of our own, whole and with each part broken.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::artifact::{Description, push};
use crate::digest::Digest;
use crate::key::PrivateKey;
use crate::key::pem::Pem;
use crate::manifest::{Descriptor, media};

#[path = "../../tests/support/mod.rs"]
#[allow(dead_code, reason = "the tests of the client use the rest")]
mod support;

use support::Fake;

/// 2026-11-22T20:44:43Z, within what certificates below are valid for.
const TIME_S: u64 = 1_795_380_283;
const VALID: [&str; 2] = ["261122204000Z", "261122205000Z"];
const ME: &str = "me@example.com";
const ISSUER: &str = "https://issuer.example";
const MANIFEST: &[u8] = b"{\"schemaVersion\":2}";
const STATEMENT: &str = "application/vnd.in-toto+json";

/// A key that no password seals: sealing takes long, on purpose.
fn key() -> PrivateKey {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let pem = Pem { label: "PRIVATE KEY".into(), bytes: document.as_ref().to_vec() };
    PrivateKey::from_pem(&pem.to_text(), "").unwrap()
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    bytes.extend(content);
    bytes
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn oid(bytes: &[u8]) -> Vec<u8> {
    tlv(0x06, bytes)
}

fn name(text: &str) -> Vec<u8> {
    let attribute = sequence(&[oid(&[0x55, 0x04, 0x03]), tlv(0x0c, text.as_bytes())]);
    sequence(&[tlv(0x31, &attribute)])
}

fn extension(id: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[oid(id), tlv(0x04, value)])
}

fn critical(id: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[oid(id), tlv(0x01, &[0xff]), tlv(0x04, value)])
}

/// SubjectPublicKeyInfo of a key.
fn info(key: &PrivateKey) -> Vec<u8> {
    Pem::read(&key.public().to_pem()).unwrap().bytes
}

fn certificate(
    by: &PrivateKey,
    subject: &[u8],
    key: &PrivateKey,
    valid: [&str; 2],
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    let algorithm = sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])]);
    let validity = sequence(&valid.map(|time| tlv(0x17, time.as_bytes())));
    let body = sequence(&[
        tlv(0xa0, &tlv(0x02, &[2])),
        tlv(0x02, &[1]),
        algorithm.clone(),
        name("an authority"),
        validity,
        subject.to_vec(),
        info(key),
        tlv(0xa3, &sequence(extensions)),
    ]);
    let signature = [&[0_u8][..], &by.sign(&body).unwrap()].concat();
    sequence(&[body, algorithm, tlv(0x03, &signature)])
}

/// What an author's certificate says, and what is done to a bundle on its way.
#[derive(Clone)]
struct Making {
    names: Vec<u8>,
    issuer: Option<&'static str>,
    /// Whether the issuer stands where it stood earlier.
    is_earlier: bool,
    usage: u8,
    valid: [&'static str; 2],
    time_s: u64,
    manifest: Vec<u8>,
    is_envelope: bool,
    kind: &'static str,
    payload_type: &'static str,
    predicate: &'static str,
    entry: fn(&mut Json),
}

impl Default for Making {
    fn default() -> Self {
        Self {
            names: sequence(&[tlv(0x81, ME.as_bytes())]),
            issuer: Some(ISSUER),
            is_earlier: false,
            usage: 3,
            valid: VALID,
            time_s: TIME_S,
            manifest: MANIFEST.to_vec(),
            is_envelope: true,
            kind: "application/vnd.dev.sigstore.bundle.v0.3+json",
            payload_type: STATEMENT,
            predicate: "https://sigstore.dev/cosign/sign/v1",
            entry: |_| (),
        }
    }
}

/// An authority, an author, a log.
struct World {
    authority: PrivateKey,
    author: PrivateKey,
    log: PrivateKey,
    log_id: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let [authority, author, log] = std::array::from_fn(|_| key());
        let log_id = Sha256::digest(info(&log)).to_vec();
        Self { authority, author, log, log_id }
    }

    fn root_json(&self) -> Json {
        let is_authority = critical(&[0x55, 0x1d, 0x13], &sequence(&[tlv(0x01, &[0xff])]));
        let years = ["200101000000Z", "400101000000Z"];
        let root = certificate(
            &self.authority,
            &name("an authority"),
            &self.authority,
            years,
            &[is_authority],
        );
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.example",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(info(&self.log)),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": {"start": "2021-01-12T11:53:27.000Z"},
                },
                "logId": {"keyId": STANDARD.encode(&self.log_id)},
            }],
            "certificateAuthorities": [{
                "uri": "https://authority.example",
                "certChain": {"certificates": [{"rawBytes": STANDARD.encode(root)}]},
                "validFor": {"start": "2021-03-07T03:20:29.000Z", "end": "2039-12-31T23:59:59.999Z"},
            }],
            "ctlogs": [],
        })
    }

    fn root(&self) -> TrustedRoot {
        TrustedRoot::read(self.root_json().to_string().as_bytes()).unwrap()
    }

    fn author_certificate(&self, making: &Making) -> Vec<u8> {
        const FULCIO: [u8; 9] = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01];
        let usage = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, making.usage];
        let mut extensions = vec![
            extension(&[0x55, 0x1d, 0x25], &sequence(&[oid(&usage)])),
            critical(&[0x55, 0x1d, 0x11], &making.names),
        ];
        extensions.extend(making.issuer.map(|issuer| match making.is_earlier {
            true => extension(&[&FULCIO[..], &[1]].concat(), issuer.as_bytes()),
            false => extension(&[&FULCIO[..], &[8]].concat(), &tlv(0x0c, issuer.as_bytes())),
        }));
        let nobody = sequence(&[]);
        certificate(&self.authority, &nobody, &self.author, making.valid, &extensions)
    }

    /// A bundle whose every signature is good for what it says.
    fn bundle(&self, making: &Making) -> Json {
        let certificate = self.author_certificate(making);
        let pem = Pem { label: "CERTIFICATE".into(), bytes: certificate.clone() }.to_text();
        let pem = STANDARD.encode(pem);
        let digest = hex::encode(Sha256::digest(&making.manifest));
        let mut bundle = json!({
            "mediaType": making.kind,
            "verificationMaterial": {"certificate": {"rawBytes": STANDARD.encode(&certificate)}},
        });
        let mut entry;
        if making.is_envelope {
            let statement = json!({
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{"name": "tides", "digest": {"sha256": digest}}],
                "predicateType": making.predicate,
                "predicate": {},
            });
            let payload = statement.to_string();
            let kind = making.payload_type;
            let signed = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
            let signature = STANDARD.encode(self.author.sign(signed.as_bytes()).unwrap());
            bundle["dsseEnvelope"] = json!({
                "payload": STANDARD.encode(&payload),
                "payloadType": kind,
                "signatures": [{"sig": signature, "keyid": ""}],
            });
            let hash =
                json!({"algorithm": "sha256", "value": hex::encode(Sha256::digest(&payload))});
            entry = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
                "payloadHash": hash,
                "signatures": [{"signature": signature, "verifier": pem}],
            }});
        } else {
            let signature = STANDARD.encode(self.author.sign(&making.manifest).unwrap());
            bundle["messageSignature"] = json!({
                "messageDigest": {
                    "algorithm": "SHA2_256",
                    "digest": STANDARD.encode(Sha256::digest(&making.manifest)),
                },
                "signature": signature,
            });
            entry = json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": digest}},
                "signature": {"content": signature, "publicKey": {"content": pem}},
            }});
        }
        (making.entry)(&mut entry);
        bundle["verificationMaterial"]["tlogEntries"] = json!([self.logged(&entry, making.time_s)]);
        bundle
    }

    /// An entry as the log gives it out: the first of two.
    fn logged(&self, entry: &Json, time_s: u64) -> Json {
        let body = entry.to_string();
        let leaf = Sha256::digest([&[0_u8][..], body.as_bytes()].concat());
        let other = Sha256::digest(b"another entry");
        let root = Sha256::digest([&[1_u8][..], leaf.as_slice(), other.as_slice()].concat());
        let body = STANDARD.encode(body);
        let text = format!("log.example - 7\n2\n{}\n", STANDARD.encode(root.as_slice()));
        let signature = self.log.sign(text.as_bytes()).unwrap();
        let signature = STANDARD.encode([&self.log_id[..4], &signature].concat());
        let promise = format!(
            "{{\"body\":\"{body}\",\"integratedTime\":{time_s},\"logID\":\"{}\",\"logIndex\":70}}",
            hex::encode(&self.log_id)
        );
        let promise = self.log.sign(promise.as_bytes()).unwrap();
        json!({
            "logIndex": "70",
            "logId": {"keyId": STANDARD.encode(&self.log_id)},
            "kindVersion": {"kind": entry["kind"], "version": "0.0.1"},
            "integratedTime": time_s.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": STANDARD.encode(promise)},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": STANDARD.encode(root.as_slice()),
                "treeSize": "2",
                "hashes": [STANDARD.encode(other.as_slice())],
                "checkpoint": {"envelope": format!("{text}\n\u{2014} log.example {signature}\n")},
            },
            "canonicalizedBody": body,
        })
    }
}

fn me() -> Vec<Signer> {
    vec![Signer { identity: ME.into(), issuer: ISSUER.into() }]
}

fn manifest() -> Fetched {
    Fetched { bytes: MANIFEST.to_vec(), digest: Digest::of(MANIFEST) }
}

fn verify(world: &World, bundle: &Json) -> Result<Signer, BundleError> {
    check_bundle(bundle.to_string().as_bytes(), &manifest(), &world.root(), &me())
}

#[test]
fn a_whole_bundle_says_who_signed() {
    let world = World::new();
    for making in [
        Making::default(),
        Making { is_envelope: false, ..Making::default() },
        Making { is_earlier: true, ..Making::default() },
        Making {
            kind: "application/vnd.dev.sigstore.bundle+json;version=0.3",
            ..Making::default()
        },
    ] {
        assert_eq!(verify(&world, &world.bundle(&making)), Ok(me().remove(0)));
    }
    // Bundles before 0.3 hold a chain.
    let mut chain = world.bundle(&Making::default());
    let certificate = chain["verificationMaterial"]["certificate"].take();
    chain["verificationMaterial"]["x509CertificateChain"] = json!({"certificates": [certificate]});
    assert!(verify(&world, &chain).is_ok());
}

/// What is done to the file of a good bundle, and what is said then.
#[test]
fn each_part_that_is_broken_has_a_name() {
    type Break = fn(&mut Json);
    type Named = fn(&BundleError) -> bool;
    fn entry(bundle: &mut Json) -> &mut Json {
        &mut bundle["verificationMaterial"]["tlogEntries"][0]
    }
    fn proof(bundle: &mut Json) -> &mut Json {
        &mut entry(bundle)["inclusionProof"]
    }
    const ZERO: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let rows: [(Break, Named); 19] = [
        (|it| it["mediaType"] = "x".into(), |e| matches!(e, BundleError::Version { .. })),
        (|it| it["dsseEnvelope"] = Json::Null, |e| matches!(e, BundleError::Malformed { .. })),
        (
            |it| it["verificationMaterial"]["certificate"] = Json::Null,
            |e| matches!(e, BundleError::Malformed { .. }),
        ),
        (
            |it| it["verificationMaterial"]["certificate"]["rawBytes"] = "AAAA".into(),
            |e| matches!(e, BundleError::Chain { .. }),
        ),
        (
            |it| it["verificationMaterial"]["tlogEntries"] = json!([]),
            |e| matches!(e, BundleError::NoProof),
        ),
        (
            |it| entry(it)["logId"]["keyId"] = ZERO.into(),
            |e| matches!(e, BundleError::UnknownLog { .. }),
        ),
        (|it| entry(it)["inclusionProof"] = Json::Null, |e| matches!(e, BundleError::NoProof)),
        (|it| proof(it)["checkpoint"] = Json::Null, |e| matches!(e, BundleError::NoProof)),
        (|it| proof(it)["logIndex"] = "1".into(), |e| matches!(e, BundleError::Inclusion)),
        (|it| proof(it)["treeSize"] = "0".into(), |e| matches!(e, BundleError::Inclusion)),
        (|it| proof(it)["hashes"] = json!([ZERO]), |e| matches!(e, BundleError::Inclusion)),
        (|it| proof(it)["rootHash"] = ZERO.into(), |e| matches!(e, BundleError::Inclusion)),
        (
            |it| entry(it)["canonicalizedBody"] = "e30=".into(),
            |e| matches!(e, BundleError::Inclusion),
        ),
        (
            |it| {
                let note = proof(it)["checkpoint"]["envelope"].as_str().unwrap().to_owned();
                proof(it)["checkpoint"]["envelope"] = note.replacen("log", "lag", 1).into();
            },
            |e| matches!(e, BundleError::Checkpoint { reason } if reason.contains("did not sign")),
        ),
        (
            |it| {
                let note = proof(it)["checkpoint"]["envelope"].as_str().unwrap().to_owned();
                proof(it)["checkpoint"]["envelope"] = note.replacen("\n2\n", "\n3\n", 1).into();
            },
            |e| matches!(e, BundleError::Checkpoint { reason } if reason.contains("another state")),
        ),
        (|it| entry(it)["inclusionPromise"] = Json::Null, |e| matches!(e, BundleError::NoTime)),
        (
            |it| entry(it)["integratedTime"] = "1795380284".into(),
            |e| matches!(e, BundleError::Timestamp),
        ),
        (|it| entry(it)["logIndex"] = "71".into(), |e| matches!(e, BundleError::Timestamp)),
        (
            |it| it["dsseEnvelope"]["payload"] = "e30=".into(),
            |e| matches!(e, BundleError::Signature),
        ),
    ];
    let world = World::new();
    let good = world.bundle(&Making::default());
    for (at, (break_it, is_named)) in rows.iter().enumerate() {
        let mut bundle = good.clone();
        break_it(&mut bundle);
        let error = verify(&world, &bundle).unwrap_err();
        assert!(is_named(&error), "{at}: {error:?}");
    }
}

/// Bundles whose signatures are all good, of something that is not trusted.
#[test]
fn each_thing_that_does_not_count_has_a_name() {
    let is = |making: &Making, expected: fn(&BundleError) -> bool| {
        let world = World::new();
        let error = verify(&world, &world.bundle(making)).unwrap_err();
        assert!(expected(&error), "{error:?}");
    };
    let good = Making::default();
    let mail = tlv(0x81, ME.as_bytes());
    let other = Making { manifest: b"another".to_vec(), ..good.clone() };
    is(
        &other,
        |e| matches!(e, BundleError::OtherDigest { signed } if *signed == Digest::of(b"another")),
    );
    let other = Making { is_envelope: false, ..other };
    is(&other, |e| matches!(e, BundleError::OtherDigest { .. }));
    // Not yet, and no more.
    let early = Making { time_s: TIME_S - 3_600, ..good.clone() };
    is(&early, |e| matches!(e, BundleError::Chain { .. }));
    let late = Making { time_s: TIME_S + 3_600, ..good.clone() };
    is(&late, |e| matches!(e, BundleError::Chain { .. }));
    let before_the_log = Making { time_s: 1_000_000_000, ..good.clone() };
    is(&before_the_log, |e| matches!(e, BundleError::LogNotValid { .. }));
    let after_the_authority = Making { time_s: 2_300_000_000, ..good.clone() };
    is(
        &after_the_authority,
        |e| matches!(e, BundleError::Chain { reason } if reason.contains("then")),
    );
    // For servers, not for signing.
    let server = Making { usage: 1, ..good.clone() };
    is(&server, |e| matches!(e, BundleError::Chain { .. }));
    let report = Making { predicate: "https://example.com/scan", ..good.clone() };
    is(&report, |e| matches!(e, BundleError::OtherStatement { found } if found.ends_with("scan")));
    let text = Making { payload_type: "text/plain", ..good.clone() };
    is(&text, |e| matches!(e, BundleError::OtherStatement { found } if found == "text/plain"));
    // Who.
    let nobody = Making { names: sequence(&[]), ..good.clone() };
    is(&nobody, |e| matches!(e, BundleError::NoIdentity { what: "owner" }));
    let two = Making { names: sequence(&[mail.clone(), mail]), ..good.clone() };
    is(&two, |e| matches!(e, BundleError::NoIdentity { .. }));
    let unsaid = Making { issuer: None, ..good.clone() };
    is(&unsaid, |e| matches!(e, BundleError::NoIdentity { .. }));
    let mallory = sequence(&[tlv(0x81, b"mallory@example.com")]);
    let mallory = Making { names: mallory, ..good.clone() };
    is(&mallory, |e| matches!(e, BundleError::OtherIdentity { .. }));
    let elsewhere = Making { issuer: Some("https://other.example"), ..good.clone() };
    is(&elsewhere, |e| matches!(e, BundleError::OtherIdentity { .. }));
    // Well logged, of something else.
    let kind = Making { entry: |entry| entry["kind"] = "rpm".into(), ..good.clone() };
    is(&kind, |e| matches!(e, BundleError::OtherEntry { what: "kind" }));
    let content = |entry: &mut Json| entry["spec"]["payloadHash"]["value"] = "00".into();
    is(&Making { entry: content, ..good.clone() }, |e| {
        matches!(e, BundleError::OtherEntry { what: "content" })
    });
    let signature = |entry: &mut Json| entry["spec"]["signatures"][0]["signature"] = "AAAA".into();
    is(&Making { entry: signature, ..good.clone() }, |e| {
        matches!(e, BundleError::OtherEntry { what: "signature" })
    });
    let owner = |entry: &mut Json| entry["spec"]["signatures"][0]["verifier"] = "AAAA".into();
    is(&Making { entry: owner, ..good }, |e| {
        matches!(e, BundleError::OtherEntry { what: "certificate" })
    });
}

#[test]
fn another_world_is_not_trusted() {
    let (world, other) = (World::new(), World::new());
    let bundle = world.bundle(&Making::default());
    assert!(matches!(verify(&other, &bundle), Err(BundleError::UnknownLog { .. })));
    // The same log, and an authority of another: its name is the same, its key is not.
    let mut root = world.root_json();
    root["certificateAuthorities"] = other.root_json()["certificateAuthorities"].clone();
    let root = TrustedRoot::read(root.to_string().as_bytes()).unwrap();
    let checked = check_bundle(bundle.to_string().as_bytes(), &manifest(), &root, &me());
    assert!(matches!(checked, Err(BundleError::Chain { .. })), "{checked:?}");
}

#[tokio::test]
async fn bundles_beside_an_artifact_are_found() {
    let world = World::new();
    let fake = Fake::start(|_| None).await;
    let (mut registry, reference) = fake.open("me/tides:1");
    let description = Description::default();
    let pushed = push(&mut registry, &reference, b"x".to_vec(), &description, false, unseen());
    pushed.await.unwrap();
    let fetched = registry.manifest("1").await.unwrap().unwrap();
    let root = world.root();
    let missing = verify_keyless(&mut registry, &reference, &fetched, &root, &me()).await;
    assert!(matches!(missing, Err(RegistryError::Bundle(BundleError::Missing { .. }))));
    let making = Making { manifest: fetched.bytes.clone(), ..Making::default() };
    let bundle = world.bundle(&making).to_string().into_bytes();
    let empty = Descriptor::of("application/vnd.oci.empty.v1+json", b"{}");
    let beside = Manifest::new(empty, vec![Descriptor::of(making.kind, &bundle)]).to_bytes();
    let digest = Digest::of(&beside);
    let list = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": [{
        "mediaType": media::MANIFEST,
        "artifactType": making.kind,
        "digest": digest,
        "size": beside.len(),
    }]});
    registry.put_blob(bundle.into(), unseen()).await.unwrap();
    registry.put_manifest(&digest.to_string(), beside).await.unwrap();
    let tag = format!("sha256-{}", fetched.digest.hex());
    registry.put_index(&tag, list.to_string().into_bytes()).await.unwrap();
    let found = verify_keyless(&mut registry, &reference, &fetched, &root, &me()).await;
    assert_eq!(found.unwrap(), me().remove(0));
    let nobody = verify_keyless(&mut registry, &reference, &fetched, &root, &[]).await;
    let other = matches!(nobody, Err(RegistryError::Bundle(BundleError::OtherIdentity { .. })));
    assert!(other, "{nobody:?}");
}

#[test]
fn identities_are_whole_or_end_in_a_star() {
    let found =
        Signer { identity: "https://github.com/me/tides/x@main".into(), issuer: "i".into() };
    for (identity, issuer, admits) in [
        ("https://github.com/me/tides/x@main", "i", true),
        ("https://github.com/me/*", "i", true),
        ("https://github.com/me", "i", false),
        ("https://github.com/you/*", "i", false),
        ("https://github.com/me/*", "j", false),
        ("*", "i", true),
        ("", "i", false),
    ] {
        let rule = Signer { identity: identity.into(), issuer: issuer.into() };
        assert_eq!(rule.admits(&found), admits, "{identity} {issuer}");
    }
}

#[test]
fn the_bundles_that_fuzzing_starts_from_are_good_ones() {
    let root = TrustedRoot::read(include_bytes!("../../../../fuzz/seeds/oci/root")).unwrap();
    for bundle in [
        &include_bytes!("../../../../fuzz/seeds/oci/bundle")[..],
        include_bytes!("../../../../fuzz/seeds/oci/bundle-message"),
    ] {
        let signer = check_bundle(bundle, &manifest(), &root, &me()).unwrap();
        assert_eq!(vec![signer], me());
    }
    let certificate = include_bytes!("../../../../fuzz/seeds/oci/certificate");
    assert_eq!(vec![Signer::named_in(certificate).unwrap()], me());
}

#[test]
fn a_root_that_trusts_nobody_is_none() {
    let good = World::new().root_json();
    for (path, value) in [
        ("certificateAuthorities", json!([])),
        ("tlogs", json!([])),
        ("certificateAuthorities", json!([{"certChain": {"certificates": []}}])),
        (
            "certificateAuthorities",
            json!([{"certChain": {"certificates": [{"rawBytes": "AAAA"}]}}]),
        ),
        ("tlogs", json!([{"publicKey": {"rawBytes": "AAAA"}, "logId": {"keyId": "AAAA"}}])),
        (
            "tlogs",
            json!([{"publicKey": {"rawBytes": "AAAA", "validFor": {"start": "today"}},
                "logId": {"keyId": "AAAA"}}]),
        ),
    ] {
        let mut root = good.clone();
        root[path] = value.clone();
        let read = TrustedRoot::read(root.to_string().as_bytes());
        assert!(matches!(read, Err(BundleError::Root { .. })), "{path} {value}: {read:?}");
    }
    for text in ["", "[]", "{}", "null"] {
        assert!(TrustedRoot::read(text.as_bytes()).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_bundle_is_refused_without_a_panic(at in 0usize..20_000, byte in any::<u8>()) {
        let world = World::new();
        let mut bytes = world.bundle(&Making::default()).to_string().into_bytes();
        let at = at % bytes.len();
        let before = std::mem::replace(&mut bytes[at], byte);
        let checked = check_bundle(&bytes, &manifest(), &world.root(), &me());
        // Some bytes say nothing, such as a hint to a key: never is it somebody else.
        if before == byte {
            prop_assert!(checked.is_ok());
        }
        if let Ok(signer) = checked {
            prop_assert_eq!(signer, me().remove(0));
        }
        let _ = check_bundle(&bytes[..at], &manifest(), &world.root(), &me());
    }
}
