//! Bytes that came as base64.

/// Bytes as text. The base64 itself is decoded by the host: `list<u8>` travels so in JSON.
///
/// # Errors
/// When the bytes are not text.
pub fn text(data: Vec<u8>) -> Result<String, String> {
    let bytes = data.len();
    String::from_utf8(data).map_err(|error| {
        format!(
            "the {bytes} bytes are not text (byte {} is not UTF-8); they may be an image or a compressed file, so save them instead of reading them",
            error.utf8_error().valid_up_to()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn reads_text_and_refuses_the_rest() {
        assert_eq!(text("Don't panic! ✓".as_bytes().to_vec()).as_deref(), Ok("Don't panic! ✓"));
        assert_eq!(text(Vec::new()).as_deref(), Ok(""));
        let error = text(vec![b'a', 0xff, 0xd8]).expect_err("no text");
        assert!(error.contains("3 bytes") && error.contains("byte 1"), "{error}");
    }
}
