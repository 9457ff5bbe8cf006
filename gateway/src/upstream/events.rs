//! Server-sent events out of bytes, however these are cut.

use super::UpstreamError;

/// Bytes that came, and the event that they began.
pub struct Events {
    buffer: Vec<u8>,
    /// Where the line begins that is not read yet.
    start: usize,
    /// Up to where no end of a line was found.
    searched: usize,
    data: Option<String>,
    bytes_max: usize,
}

impl Events {
    /// Events of at most so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, searched: 0, data: None, bytes_max }
    }

    /// Takes what came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The data of the next event that is whole.
    pub fn next(&mut self) -> Result<Option<String>, UpstreamError> {
        loop {
            let line = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            let Some(length) = line else {
                self.searched = self.buffer.len();
                self.check(self.buffer.len() - self.start)?;
                return Ok(None);
            };
            let end = self.searched + length;
            let line = self.buffer[self.start..end].to_vec();
            self.start = end + 1;
            self.searched = end + 1;
            let line = String::from_utf8(line)
                .map_err(|_| UpstreamError::Unreadable { reason: "it is not UTF-8".into() })?;
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                if let Some(data) = self.data.take() {
                    return Ok(Some(data));
                }
            } else if let Some(data) = line.strip_prefix("data:") {
                self.add(data.strip_prefix(' ').unwrap_or(data))?;
            }
        }
    }

    /// The data of an event that only the end of the stream ended.
    pub fn last(&mut self) -> Option<String> {
        self.data.take()
    }

    fn add(&mut self, line: &str) -> Result<(), UpstreamError> {
        let held = self.data.as_ref().map_or(0, String::len);
        self.check(held + line.len())?;
        match &mut self.data {
            None => self.data = Some(line.to_owned()),
            Some(data) => {
                data.push('\n');
                data.push_str(line);
            }
        }
        Ok(())
    }

    fn check(&self, bytes: usize) -> Result<(), UpstreamError> {
        let bytes_max = self.bytes_max;
        if bytes > bytes_max { Err(UpstreamError::TooLarge { bytes_max }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<String>, UpstreamError> {
        let mut events = Events::new(16);
        let mut found = Vec::new();
        for bytes in bytes.chunks(piece) {
            events.push(bytes);
            while let Some(data) = events.next()? {
                found.push(data);
            }
        }
        found.extend(events.last());
        Ok(found)
    }

    #[test]
    fn events_are_the_same_however_their_bytes_are_cut() {
        for (text, found) in [
            ("", vec![]),
            ("data: a\n\n", vec!["a"]),
            ("data:a\r\n\r\ndata: b\r\n\r\n", vec!["a", "b"]),
            (": ping\n\nevent: x\nid: 1\ndata: é\n\n", vec!["é"]),
            ("data: a\ndata: b\n\n", vec!["a\nb"]),
            ("data: a\n", vec!["a"]),
            ("data: a", vec![]),
            ("\n\n\n", vec![]),
            ("data: 0123456789\n\ndata: 0123456789\n\n", vec!["0123456789", "0123456789"]),
        ] {
            for piece in 1..=text.len().max(1) {
                assert_eq!(read(text.as_bytes(), piece).unwrap(), found, "{text:?} by {piece}");
            }
        }
    }

    #[test]
    fn what_is_no_text_or_never_ends_is_refused() {
        for piece in [1, 5, 100] {
            let broken = read(b"data: \xff\n\n", piece);
            assert!(matches!(broken, Err(UpstreamError::Unreadable { .. })), "{broken:?}");
            for endless in ["data: 0123456789abcdef", "data: 12345678\ndata: 123456789\n"] {
                let found = read(endless.as_bytes(), piece);
                assert!(
                    matches!(found, Err(UpstreamError::TooLarge { bytes_max: 16 })),
                    "{found:?}"
                );
            }
        }
    }
}
