//! Bad input: each gets its own error, and what served before still serves.

use reqwest::Method;

use crate::support::{Gateway, component, component_with, digest, start, start_with};

/// A gateway at which revision 1 of `tides` serves.
async fn serving(folder: &std::path::Path) -> Gateway {
    let gateway = start(folder).await;
    assert_eq!(gateway.publish("tides", &component("tides", 1)).await.status, 201);
    gateway
}

#[tokio::test]
async fn what_is_no_plugin_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let gateway = serving(root.path()).await;
    let wat = |text: &str| wat::parse_str(text).unwrap();
    let import = r#"(component
      (import "evil:host/files" (instance (export "read" (func))))
      (core module $m (func (export "say") (result i32) (i32.const 1)))
      (core instance $i (instantiate $m))
      (func (export "tides-first") (result u32) (canon lift (core func $i "say"))))"#;
    let truncated = component("tides", 2)[..60].to_vec();
    for (component, status, code) in [
        (b"".to_vec(), 400, "invalid_component"),
        (b"(component)".to_vec(), 400, "invalid_component"),
        (b"\x7fELF and so on".to_vec(), 400, "invalid_component"),
        (wat("(module)"), 400, "invalid_component"),
        (truncated, 400, "invalid_component"),
        (wat("(component)"), 400, "invalid_component"),
        (wat(import), 400, "missing_import"),
    ] {
        let answer = gateway.publish("tides", &component).await;
        assert_eq!(answer.error(), (status, code), "{}", answer.message());
        assert_eq!(gateway.revision("tides_first").await, 1);
        assert_eq!(gateway.show("tides").await.json["serving"]["revision"]["number"], 1);
    }
    assert_eq!(gateway.publish("tides", &component("tides", 2)).await.status, 200);
}

#[tokio::test]
async fn names_are_checked_before_anything_else() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let long = "x".repeat(41);
    for name in ["Tides", "tides_2", "-tides", "..", "a%2Fb", "ti%20des", long.as_str()] {
        let answer = gateway.publish(name, b"never looked at").await;
        // A client resolves `..` by itself.
        let refused =
            [(400, "invalid_plugin_name"), (404, "not_found"), (405, "method_not_allowed")];
        assert!(refused.contains(&answer.error()), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn a_component_that_was_changed_on_its_way_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let gateway = serving(root.path()).await;
    let second = component("tides", 2);
    let announced =
        |digest: String| gateway.put("tides", &second).header("x-hyfunc-digest", digest);
    let answer = gateway.send(announced(format!("sha256:{}", "0".repeat(64)))).await;
    assert_eq!(answer.error(), (400, "digest_mismatch"));
    assert!(answer.message().contains(&digest(&second)), "{}", answer.message());
    assert_eq!(gateway.send(announced("sha256:abc".into())).await.error(), (400, "invalid_value"));
    assert_eq!(gateway.revision("tides_first").await, 1);
    assert_eq!(gateway.send(announced(digest(&second).to_uppercase())).await.status, 200);
    assert_eq!(gateway.revision("tides_first").await, 2);
}

#[tokio::test]
async fn headers_that_cannot_be_read_are_named() {
    let root = tempfile::tempdir().unwrap();
    let gateway = serving(root.path()).await;
    for (header, value) in [
        ("x-hyfunc-grants", "not base64"),
        ("x-hyfunc-allow-downgrade", "yes"),
        ("if-match", "\"abc\""),
        ("if-none-match", "\"abc\""),
    ] {
        let request = gateway.put("tides", &component("tides", 2)).header(header, value);
        let answer = gateway.send(request).await;
        assert_eq!(answer.error(), (400, "invalid_value"));
        assert_eq!(answer.json["error"]["param"], header);
    }
    let wishing = gateway.put_wishing("tides", &component("tides", 2), "[files]\nread = true");
    assert_eq!(gateway.send(wishing).await.error(), (400, "invalid_grants"));
    assert_eq!(gateway.revision("tides_first").await, 1);
}

#[tokio::test]
async fn what_takes_too_long_to_compile_is_ended() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start_with(root.path(), Vec::new(), |config| {
        config.library.compile_ms_max = 1;
    })
    .await;
    let answer = gateway.publish("tides", &component("tides", 1)).await;
    assert_eq!(answer.error(), (400, "compile_time_limit"));
    assert!(answer.message().contains("library.compile_ms_max = 1 ms"), "{}", answer.message());
    assert_eq!(gateway.show("tides").await.status, 404);
}

#[tokio::test]
async fn what_takes_too_much_memory_to_compile_is_ended() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start_with(root.path(), Vec::new(), |config| {
        config.library.compile_memory_bytes_max = 1 << 20;
    })
    .await;
    let large = component_with("tides", 1, 16 << 20);
    let answer = gateway.publish("tides", &large).await;
    // Where the stack cannot grow either, the compiler falls over: that is named, too.
    let ended = [(400, "compile_memory_limit"), (400, "invalid_component")];
    assert!(ended.contains(&answer.error()), "{}", answer.message());
    assert_eq!(gateway.show("tides").await.status, 404);
}

#[tokio::test]
async fn a_compiler_that_cannot_be_started_is_named() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start_with(root.path(), Vec::new(), |config| {
        config.library.compiler = "/does/not/exist".into();
    })
    .await;
    let answer = gateway.publish("tides", &component("tides", 1)).await;
    assert_eq!(answer.error(), (500, "compiler_failed"));
    assert!(answer.message().contains("library.compiler"), "{}", answer.message());
}

#[tokio::test]
async fn no_more_plugins_than_allowed() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start_with(root.path(), Vec::new(), |config| {
        config.library.plugins_max = 1;
    })
    .await;
    assert_eq!(gateway.publish("tides", &component("tides", 1)).await.status, 201);
    let answer = gateway.publish("moon", &component("moon", 1)).await;
    assert_eq!(answer.error(), (409, "too_many_plugins"));
    assert_eq!(gateway.publish("tides", &component("tides", 2)).await.status, 200);
    gateway.remove("tides").await;
    assert_eq!(gateway.publish("moon", &component("moon", 1)).await.status, 201);
}

#[tokio::test]
async fn pages_of_other_sites_publish_nothing() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let request = gateway.put("tides", &component("tides", 1));
    let answer = gateway.send(request.header("origin", "https://evil.example")).await;
    assert_eq!(answer.error(), (403, "foreign_origin"));
    let request = gateway.admin(Method::POST, "/v1/plugins/tides/approve");
    assert_eq!(gateway.send(request).await.error(), (400, "invalid_value"));
}
