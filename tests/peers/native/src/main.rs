//! `text_count_words` and `service_wait` as functions of this process behind HTTP, without any
//! sandbox: what a call costs at least. They read and write the very JSON that the gateway does. The
//! port is the argument.

use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

#[allow(dead_code)]
mod count;

/// Where `count.rs` looks for its result's type.
mod bindings {
    pub mod exports {
        pub mod hyfunc {
            pub mod text {
                pub mod text {
                    pub struct Length {
                        pub words: u32,
                        pub characters: u32,
                        pub sentences: u32,
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

#[derive(Deserialize)]
struct Wait {
    ms: u32,
}

async fn wait(Json(Wait { ms }): Json<Wait>) -> Json<Value> {
    tokio::time::sleep(Duration::from_millis(ms.into())).await;
    Json(json!({"result": ms}))
}

async fn count_words(Json(Text { text }): Json<Text>) -> Json<Value> {
    let length = count::length(&text);
    Json(json!({"result": {
        "words": length.words,
        "characters": length.characters,
        "sentences": length.sentences,
    }}))
}

#[tokio::main]
async fn main() {
    let port = std::env::args().nth(1).and_then(|port| port.parse::<u16>().ok());
    let port = port.expect("the first argument is the port");
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
    let listener = listener.expect("the port is free");
    let routes = Router::new()
        .route("/v1/functions/text_count_words", post(count_words))
        .route("/v1/functions/service_wait", post(wait));
    axum::serve(listener, routes).await.expect("serving goes on until it is ended");
}
