//! What is done with a registry, and everything that one may do wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use hyfunc_distribution::{
    Access, Artifact, Content, Credentials, Description, Entry, Head, Index, PrivateKey, Reference,
    Registry, RegistryError, SignatureError, component, find, push, resolve, sign, sign_manifest,
    signature_tag, unseen, verify, verify_any,
};
use support::{Answer, Fake, Seen};

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 the component";
const BYTES_MAX: u64 = 1 << 20;

fn none(_: &Seen) -> Option<Answer> {
    None
}

async fn pushed(registry: &mut Registry, reference: &Reference, bytes: &[u8]) -> Artifact {
    let description = Description { title: "tides.wasm".into(), ..Description::default() };
    let done = push(registry, reference, bytes.to_vec(), &description, true, unseen()).await;
    let artifact = resolve(registry, reference).await.unwrap();
    assert_eq!(done.unwrap().digest, artifact.digest);
    artifact
}

#[tokio::test]
async fn what_is_pushed_is_pulled() {
    let fake = Fake::start(none).await;
    let (mut registry, reference) = fake.open("me/tides:1.0.0");
    let missing = resolve(&mut registry, &reference).await;
    assert!(matches!(missing, Err(RegistryError::NotFound { .. })));
    let artifact = pushed(&mut registry, &reference, COMPONENT).await;
    assert_eq!(artifact.reference, reference.pinned(&artifact.digest));
    let pulled = component(&mut registry, &artifact, BYTES_MAX, &unseen()).await.unwrap();
    assert_eq!(pulled, COMPONENT);
    let pinned = resolve(&mut registry, &artifact.reference).await.unwrap();
    assert_eq!(pinned, artifact);
    let small = component(&mut registry, &artifact, 4, &unseen()).await;
    assert!(matches!(small, Err(RegistryError::TooLarge { .. })));
}

#[tokio::test]
async fn a_tag_is_not_taken_from_another_component() {
    let fake = Fake::start(none).await;
    let (mut registry, reference) = fake.open("me/tides:1.0.0");
    let description = Description::default();
    for (bytes, replace, expected) in [
        ("one", false, Some(true)),
        ("one", false, Some(false)),
        ("two", false, None),
        ("two", true, Some(true)),
    ] {
        let bytes = bytes.as_bytes().to_vec();
        let done = push(&mut registry, &reference, bytes, &description, replace, unseen()).await;
        match (done, expected) {
            (Ok(done), Some(is_new)) => assert_eq!(done.is_new, is_new),
            (Err(RegistryError::Taken { .. }), None) => {}
            (done, _) => panic!("{done:?}"),
        }
    }
    let (_, untagged) = fake.open("me/tides");
    let done = push(&mut registry, &untagged, vec![], &description, false, unseen()).await;
    assert!(matches!(done, Err(RegistryError::NoTag { .. })));
}

#[tokio::test]
async fn signatures_of_several_keys_stand_beside_one_another() {
    let fake = Fake::start(none).await;
    let (mut registry, reference) = fake.open("me/tides:1.0.0");
    let artifact = pushed(&mut registry, &reference, COMPONENT).await;
    let (first, _) = PrivateKey::generate("").unwrap();
    let (second, _) = PrivateKey::generate("").unwrap();
    let unsigned = verify(&mut registry, &artifact, first.public(), None).await.unwrap_err();
    assert!(matches!(unsigned, RegistryError::Signature(SignatureError::Unsigned { .. })));
    assert!(sign(&mut registry, &artifact, &first).await.unwrap());
    let other = verify(&mut registry, &artifact, second.public(), None).await.unwrap_err();
    assert!(matches!(other, RegistryError::Signature(SignatureError::OtherKey { .. })));
    assert!(sign(&mut registry, &artifact, &second).await.unwrap());
    assert!(!sign(&mut registry, &artifact, &first).await.unwrap());
    for key in [&first, &second] {
        verify(&mut registry, &artifact, key.public(), None).await.unwrap();
    }
}

#[tokio::test]
async fn a_signature_does_not_move_to_other_content_nor_to_another_name() {
    let fake = Fake::start(none).await;
    let (mut registry, reference) = fake.open("me/tides:1.0.0");
    let good = pushed(&mut registry, &reference, COMPONENT).await;
    let (key, _) = PrivateKey::generate("").unwrap();
    sign(&mut registry, &good, &key).await.unwrap();

    let evil = pushed(&mut registry, &reference, b"evil").await;
    let moved = verify(&mut registry, &evil, key.public(), None).await.unwrap_err();
    assert!(matches!(moved, RegistryError::Signature(SignatureError::Unsigned { .. })));
    fake.copy(&signature_tag(&good.digest), &signature_tag(&evil.digest));
    let copied = verify(&mut registry, &evil, key.public(), None).await.unwrap_err();
    assert!(matches!(copied, RegistryError::Signature(SignatureError::OtherDigest { .. })));
    verify(&mut registry, &good, key.public(), None).await.unwrap();

    // The registry in memory has one repository under every name.
    let (mut registry, elsewhere) = fake.open("mallory/bank:1.0.0");
    let renamed = resolve(&mut registry, &elsewhere.pinned(&good.digest)).await.unwrap();
    let found = verify(&mut registry, &renamed, key.public(), None).await.unwrap_err();
    assert!(matches!(found, RegistryError::Signature(SignatureError::OtherName { .. })));
    verify(&mut registry, &renamed, key.public(), Some(&reference)).await.unwrap();
}

#[tokio::test]
async fn a_token_is_fetched_where_the_registry_says() {
    let fake = Fake::start(|_| Some(Answer::new(401))).await;
    let without_challenge = resolve_as(&fake, None).await;
    assert!(matches!(without_challenge, Err(RegistryError::Answer { .. })));

    let address = Arc::new(OnceLock::<SocketAddr>::new());
    let known = Arc::clone(&address);
    let fake = Fake::start(move |seen| {
        if seen.path.starts_with("/token?") {
            assert_eq!(seen.path, "/token?service=fake&scope=repository%3Ame%2Ftides%3Apull");
            let is_maria = seen.authorization.as_deref() == Some("Basic bWFyaWE6cHc=");
            let body = "{\"access_token\": \"abc\"}";
            return Some(if is_maria { Answer::new(200).body(body) } else { Answer::new(401) });
        }
        if seen.authorization.as_deref() == Some("Bearer abc") {
            return None;
        }
        let challenge = format!(
            "Bearer realm=\"http://{}/token\",service=\"fake\",scope=\"repository:me/tides:pull\"",
            known.get().unwrap()
        );
        Some(Answer::new(401).header("www-authenticate", challenge))
    })
    .await;
    address.set(fake.address).unwrap();
    let maria = Credentials::new("maria", "pw");
    let found = resolve_as(&fake, Some(maria)).await;
    assert!(matches!(found, Err(RegistryError::NotFound { .. })), "{found:?}");
    for who in [None, Some(Credentials::new("maria", "wrong"))] {
        let refused = resolve_as(&fake, who).await;
        assert!(matches!(refused, Err(RegistryError::Unauthorized { .. })), "{refused:?}");
    }
}

async fn resolve_as(fake: &Fake, who: Option<Credentials>) -> Result<Artifact, RegistryError> {
    let reference = fake.reference("me/tides:1.0.0");
    let access = Access { credentials: who, ..Access::default() };
    let mut registry = Registry::new(&reference, access).unwrap();
    resolve(&mut registry, &reference).await
}

#[tokio::test]
async fn a_password_goes_to_the_registry_alone() {
    let stranger = Fake::start(none).await;
    let (mut elsewhere, at) = stranger.open("me/tides:1.0.0");
    pushed(&mut elsewhere, &at, COMPONENT).await;
    let address = stranger.address;
    let fake = Fake::start(move |seen| match seen.authorization.as_deref() {
        Some("Basic bWFyaWE6cHc=") => {
            Some(Answer::new(307).header("location", format!("http://{address}{}", seen.path)))
        }
        _ => Some(Answer::new(401).header("www-authenticate", "Basic realm=\"x\"")),
    })
    .await;
    resolve_as(&fake, Some(Credentials::new("maria", "pw"))).await.unwrap();
    assert!(stranger.seen().iter().all(|seen| seen.authorization.is_none()));
    let wrong = resolve_as(&fake, Some(Credentials::new("maria", "guess"))).await;
    assert!(matches!(wrong, Err(RegistryError::Unauthorized { .. })));
    let nobody = resolve_as(&fake, None).await.unwrap_err().to_string();
    assert!(nobody.contains("docker login") && nobody.contains("anybody"), "{nobody}");
}

#[tokio::test]
async fn answers_that_are_none_are_told_apart() {
    let big = "x".repeat(5 << 20);
    for (answer, says) in [
        (Answer::new(403).body("{\"errors\": [{\"code\": \"DENIED\"}]}"), "forbids"),
        (Answer::new(404), "there is no"),
        (Answer::new(429).header("retry-after", "3600"), "try again in 3600 s"),
        (Answer::new(500).body("<html>\u{1b}[2J"), "registry's own fault"),
        (Answer::new(204), "is no answer to"),
        (Answer::new(200).body("<html>hello</html>"), "cannot be read"),
        (Answer::new(200).body(big.as_bytes()), "more than the"),
        (Answer::new(200).body("{}").header("docker-content-digest", DIGEST), "should be"),
        (Answer::new(307).header("location", "ftp://x/"), "`Location` is"),
        (Answer::new(302).header("location", "/v2/again"), "sends this request on"),
        (
            Answer { cut: Some(10), ..Answer::new(200).body(vec![b' '; 100]) },
            "ended the connection",
        ),
    ] {
        let fake = Fake::start(move |_| Some(answer.clone())).await;
        let error = resolve_as(&fake, None).await.unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
        assert!(!error.contains('\u{1b}'), "{error}");
    }
}

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[tokio::test]
async fn a_registry_that_is_busy_for_a_moment_is_waited_for() {
    let asked = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Some(Answer::new(429).header("retry-after", "0")),
        1 => Some(Answer::new(503).header("retry-after", "0")),
        _ => None,
    })
    .await;
    let found = resolve_as(&fake, None).await;
    assert!(matches!(found, Err(RegistryError::NotFound { .. })), "{found:?}");
    assert_eq!(fake.seen().len(), 3);
}

#[tokio::test]
async fn a_registry_that_is_away_for_long_says_for_how_long() {
    for (status, says) in [(429, "asked too often"), (503, "not available now")] {
        let answer = Answer::new(status).header("retry-after", "600");
        let fake = Fake::start(move |_| Some(answer.clone())).await;
        let (mut registry, _) = fake.open("me/tides:1");
        let error = registry.head("1").await.unwrap_err();
        assert_eq!(error.retry_after_s(), Some(600), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(fake.seen().len(), 1, "nobody waits that long");
    }
}

#[tokio::test]
async fn what_a_tag_names_is_asked_without_fetching_it() {
    let fake = Fake::start(none).await;
    let (mut registry, reference) = fake.open("me/tides:1.0.0");
    assert_eq!(registry.head("1.0.0").await.unwrap(), Head::Missing);
    let artifact = pushed(&mut registry, &reference, COMPONENT).await;
    assert_eq!(registry.head("1.0.0").await.unwrap(), Head::Digest(artifact.digest));
    // Some do not say, and some know no such question.
    for (status, headers, expected) in [
        (200, "x-nothing", Some(Head::Unsaid)),
        (405, "allow", Some(Head::Unsaid)),
        (500, "x", None),
    ] {
        let answer = Answer::new(status).header(headers, "GET");
        let fake = Fake::start(move |_| Some(answer.clone())).await;
        let (mut registry, _) = fake.open("me/tides:1");
        assert_eq!(registry.head("1").await.ok(), expected, "{status}");
    }
}

#[tokio::test]
async fn a_list_is_found_signed_and_verified() {
    let fake = Fake::start(none).await;
    let (mut registry, reference) = fake.open("me/plugins:list");
    assert!(find(&mut registry, &reference).await.unwrap().is_none());
    let (mut one, tides) = fake.open("me/plugins:tides");
    let digest = pushed(&mut one, &tides, COMPONENT).await.digest;
    let index = Index { entries: vec![Entry { name: "tides".into(), digest, size: 1 }] };
    registry.put_index("list", index.to_bytes()).await.unwrap();
    let found = find(&mut registry, &reference).await.unwrap().unwrap();
    assert!(matches!(&found.content, Content::Index(read) if *read == index));
    let (key, _) = PrivateKey::generate("").unwrap();
    let (place, digest) = (&found.reference, &found.manifest.digest);
    let keys = std::slice::from_ref(key.public());
    let unsigned = verify_any(&mut registry, place, digest, keys, None).await.unwrap_err();
    assert!(unsigned.is_about_trust(), "{unsigned}");
    assert!(sign_manifest(&mut registry, place, digest, &key).await.unwrap());
    assert!(!sign_manifest(&mut registry, place, digest, &key).await.unwrap());
    assert_eq!(verify_any(&mut registry, place, digest, keys, None).await.unwrap(), key.public());
}

#[tokio::test]
async fn a_registry_that_is_down_is_said() {
    let fake = Fake::start(none).await;
    let reference: Reference = "127.0.0.1:1/tides:1".parse().unwrap();
    let mut registry = Registry::new(&reference, Access::default()).unwrap();
    let down = resolve(&mut registry, &reference).await;
    assert!(matches!(down, Err(RegistryError::Down { .. })), "{down:?}");
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn content_is_whole_and_the_right_one_or_refused() {
    type Damage = fn(Vec<u8>) -> Answer;
    let damages: [(Damage, &str); 4] = [
        (|body| Answer { cut: Some(5), ..Answer::new(200).body(body) }, "ended the connection"),
        (|body| Answer::new(200).body(&body[..5]), "should have"),
        (|body| Answer::new(200).body([body.as_slice(), b"more"].concat()), "should have"),
        (|body| Answer::new(200).body(vec![b'x'; body.len()]), "should be sha256:"),
    ];
    for (damage, says) in damages {
        let fake = Fake::start(move |seen| {
            let is_pull = seen.method == "GET" && seen.path.contains("/blobs/");
            is_pull.then(|| damage(COMPONENT.to_vec()))
        })
        .await;
        let (mut registry, reference) = fake.open("me/tides:1.0.0");
        let artifact = pushed(&mut registry, &reference, COMPONENT).await;
        let pulled = component(&mut registry, &artifact, BYTES_MAX, &unseen()).await;
        let error = pulled.unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}
