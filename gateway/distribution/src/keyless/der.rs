//! As much of DER as certificates need: values one after the other, each with its tag and length.

/// Walks over values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// Its type.
    pub(super) tag: u8,
    /// Its content.
    pub(super) bytes: &'a [u8],
}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const TEXT: u8 = 0x0c;
pub(super) const SEQUENCE: u8 = 0x30;

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next value; nothing at the end, and where the bytes are none.
    pub(super) fn next(&mut self) -> Option<Value<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = after;
                digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit))
            }
            _ => return None,
        };
        let (bytes, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some(Value { tag, bytes })
    }

    /// The content of the next value, if it is of this type.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        let value = self.next()?;
        (value.tag == tag).then_some(value.bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_read_with_short_and_long_lengths() {
        let long = [&[0x04, 0x82, 0x01, 0x00][..], &[7; 256], &[0x01, 0x01, 0xff]].concat();
        let mut reader = Reader::new(&long);
        assert_eq!(reader.expect(OCTETS).map(<[u8]>::len), Some(256));
        assert_eq!(reader.next(), Some(Value { tag: BOOLEAN, bytes: &[0xff] }));
        assert_eq!(reader.next(), None);
    }

    #[test]
    fn what_is_none_is_nothing() {
        for bytes in [&[][..], &[4], &[4, 1], &[4, 0x80, 0, 0], &[4, 0x85, 0, 0, 0, 0, 1, 0]] {
            assert_eq!(Reader::new(bytes).next(), None, "{bytes:?}");
        }
        assert_eq!(Reader::new(&[4, 1, 0]).expect(SEQUENCE), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            while reader.next().is_some() {}
        }
    }
}
