//! Keys for signatures: ECDSA on P-256, in the files that `cosign generate-key-pair` makes.

pub(crate) mod pem;
mod sealed;
mod secretbox;

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};

use pem::Pem;

/// Largest file that is read as a key (bytes).
pub const KEY_BYTES_MAX: usize = 64 << 10;

/// Labels of files.
const PUBLIC: &str = "PUBLIC KEY";
const PRIVATE: &str = "PRIVATE KEY";
const SEALED: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
const SEALED_EARLIER: &str = "ENCRYPTED COSIGN PRIVATE KEY";

/// SubjectPublicKeyInfo of a point on P-256, up to the point itself: RFC 5480.
const INFO: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// A point that is not compressed: 4, then both coordinates.
const POINT_BYTES: usize = 65;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not such a file.
    #[error("this is no {wanted}: {reason}; make a pair with `hyfunc plugin key generate`")]
    Format {
        /// What should be there.
        wanted: &'static str,
        /// What is there.
        reason: String,
    },
    /// The wrong half of a pair.
    #[error("this is a private key: name the public one (`.pub`), and keep this one to yourself")]
    Private,
    /// The wrong half of a pair.
    #[error("this is a public key: signing takes the private one (`.key`)")]
    Public,
    /// Another kind of key.
    #[error(
        "the key is no ECDSA key on P-256 in PKCS #8, the one kind that is read: make a pair with \
         `hyfunc plugin key generate`, or turn an EC key into PKCS #8 with \
         `openssl pkcs8 -topk8 -nocrypt`"
    )]
    Algorithm,
    /// The password does not open it.
    #[error("the password does not open the private key, or its file is damaged")]
    Password,
    /// Opening it would cost too much.
    #[error("opening the private key would take more memory than is given to it; make a new pair")]
    Cost,
    /// No random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

/// Who signed: checks signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey([u8; POINT_BYTES]);

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", self.fingerprint())
    }
}

impl PublicKey {
    /// Reads the file of a public key.
    ///
    /// # Errors
    /// Anything but a public ECDSA key on P-256.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let wanted = "public key";
        let pem = Pem::read(text).map_err(|reason| KeyError::Format { wanted, reason })?;
        match pem.label.as_str() {
            PUBLIC => {}
            PRIVATE | SEALED | SEALED_EARLIER => return Err(KeyError::Private),
            other => {
                let reason = format!("the file holds `{other}`");
                return Err(KeyError::Format { wanted, reason });
            }
        }
        Self::from_info(&pem.bytes)
    }

    /// Of a key as DER, which says of what kind it is.
    pub(crate) fn from_info(info: &[u8]) -> Result<Self, KeyError> {
        Self::from_point(info.strip_prefix(&INFO).ok_or(KeyError::Algorithm)?)
    }

    fn from_point(point: &[u8]) -> Result<Self, KeyError> {
        let point: [u8; POINT_BYTES] = point.try_into().map_err(|_| KeyError::Algorithm)?;
        if point[0] == 4 { Ok(Self(point)) } else { Err(KeyError::Algorithm) }
    }

    /// As a file.
    pub fn to_pem(&self) -> String {
        let bytes = [INFO.as_slice(), &self.0].concat();
        Pem { label: PUBLIC.to_owned(), bytes }.to_text()
    }

    /// First digits of the SHA-256 of the key as DER, to tell keys apart by.
    pub fn fingerprint(&self) -> String {
        let digest = crate::digest::Digest::of(&[INFO.as_slice(), &self.0].concat());
        digest.hex()[..16].to_owned()
    }

    /// Whether this key's owner signed these bytes.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.0);
        key.verify(message, signature).is_ok()
    }
}

/// Signs.
pub struct PrivateKey {
    pair: EcdsaKeyPair,
    public: PublicKey,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey of {:?}", self.public)
    }
}

impl PrivateKey {
    /// A new pair; its private key as a file that the password opens.
    ///
    /// # Errors
    /// A system without random bytes.
    pub fn generate(password: &str) -> Result<(Self, String), KeyError> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random);
        let document = document.map_err(|_| KeyError::Random)?;
        let bytes = sealed::seal(document.as_ref(), password)?;
        let file = Pem { label: SEALED.to_owned(), bytes }.to_text();
        Ok((Self::from_pkcs8(document.as_ref())?, file))
    }

    /// Whether a file needs a password.
    pub fn is_sealed(text: &str) -> bool {
        Pem::read(text).is_ok_and(|pem| matches!(pem.label.as_str(), SEALED | SEALED_EARLIER))
    }

    /// Reads the file of a private key; one that is not sealed takes no heed of the password.
    ///
    /// # Errors
    /// Anything but a private ECDSA key on P-256, or a password that does not open it.
    pub fn from_pem(text: &str, password: &str) -> Result<Self, KeyError> {
        let wanted = "private key";
        let pem = Pem::read(text).map_err(|reason| KeyError::Format { wanted, reason })?;
        match pem.label.as_str() {
            SEALED | SEALED_EARLIER => Self::from_pkcs8(&sealed::open(&pem.bytes, password)?),
            PRIVATE => Self::from_pkcs8(&pem.bytes),
            PUBLIC => Err(KeyError::Public),
            "EC PRIVATE KEY" | "RSA PRIVATE KEY" => Err(KeyError::Algorithm),
            other => {
                let reason = format!("the file holds `{other}`");
                Err(KeyError::Format { wanted, reason })
            }
        }
    }

    fn from_pkcs8(document: &[u8]) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document, &random);
        let pair = pair.map_err(|_| KeyError::Algorithm)?;
        let public = PublicKey::from_point(pair.public_key().as_ref())?;
        Ok(Self { pair, public })
    }

    /// The other half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A signature of these bytes, as DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        signature.map(|signature| signature.as_ref().to_vec()).map_err(|_| KeyError::Random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by cosign 2, with an empty password; from the tests of sigstore-rs.
    const COSIGN: &str = "\
-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJFY3pJR3Z0bnpFcCsxaEpudERnbGI1UnoxN3gwQVMy
YklvWGRNcDQrU1NJPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJtSVVKbG1OMzNINExvZ0dhaG5MamdmK3R4SmJwci93MCJ9LCJj
aXBoZXJ0ZXh0IjoiM3FtS2FidXRuYm1WT1IvTkZGM2NDaUErTXp1WWQ5L0VERDVI
MVlUSGhQVzZsSzAvdjVqdDZCQzlsME12NGV5am9qZkl0d3B6a2JJOXQrZGx5VXZ3
VUgvMWZjbkFZT2dEdXRLQzkvSkNiOE02SVY2VHpVaDF5c0ZFWDFzeG9xb1FzeUpL
bjM0UVlldFNlaVdDaGtmUHUyZXByQjFEV0pwekdzTGZIakxNVTkzOEdmNk1xM1A0
N0ZSd2syZzY1cFZnSGMwVWV1L1N1OUs0Zmc9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
";

    /// Its public key, in hexadecimal.
    const COSIGN_POINT: &str = "041a6b16a5936ebbe4945fbd27de554ae092ec6a857b4feae179adab414bb6f444\
                                226ada0b074e9076c99277e1ac406950cdf703b6c28fcdbf81db32e082b5998e";

    #[test]
    fn a_key_of_cosign_is_opened() {
        assert!(PrivateKey::is_sealed(COSIGN));
        let key = PrivateKey::from_pem(COSIGN, "").unwrap();
        assert_eq!(hex::encode(key.public().0), COSIGN_POINT);
        assert_eq!(PrivateKey::from_pem(COSIGN, "guess").unwrap_err(), KeyError::Password);
    }

    #[test]
    fn a_new_pair_is_written_read_and_signs() {
        let (key, file) = PrivateKey::generate("correct horse").unwrap();
        assert_eq!(PrivateKey::from_pem(&file, "").unwrap_err(), KeyError::Password);
        let read = PrivateKey::from_pem(&file, "correct horse").unwrap();
        let public = PublicKey::from_pem(&read.public().to_pem()).unwrap();
        assert_eq!(&public, key.public());
        let signature = read.sign(b"message").unwrap();
        assert!(public.has_signed(b"message", &signature));
        assert!(!public.has_signed(b"massage", &signature));
        assert!(!public.has_signed(b"message", &signature[1..]));
        let (other, _) = PrivateKey::generate("").unwrap();
        assert!(!other.public().has_signed(b"message", &signature));
        assert_ne!(other.public().fingerprint(), public.fingerprint());
    }

    #[test]
    fn halves_are_not_mistaken_for_one_another() {
        let (key, file) = PrivateKey::generate("").unwrap();
        assert_eq!(PublicKey::from_pem(&file).unwrap_err(), KeyError::Private);
        let public = key.public().to_pem();
        assert_eq!(PrivateKey::from_pem(&public, "").unwrap_err(), KeyError::Public);
        let rsa = public.replace("PUBLIC KEY", "RSA PRIVATE KEY");
        assert_eq!(PrivateKey::from_pem(&rsa, "").unwrap_err(), KeyError::Algorithm);
        for text in ["", "ssh-ed25519 AAAA", "-----BEGIN PUBLIC KEY-----"] {
            assert!(matches!(PublicKey::from_pem(text), Err(KeyError::Format { .. })), "{text}");
        }
        let short = Pem { label: PUBLIC.into(), bytes: INFO.to_vec() }.to_text();
        assert_eq!(PublicKey::from_pem(&short).unwrap_err(), KeyError::Algorithm);
    }
}
