//! Who is trusted: the authorities that give certificates, and the logs.

use std::time::Duration;

use serde::Deserialize;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::bundle::{Bytes, Chain, LogId};
use super::error::BundleError;
use super::time;
use crate::key::PublicKey;

/// That a certificate is for signing code: 1.3.6.1.5.5.7.3.3.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];

/// What the operator trusts, from `trusted_root.json` of a sigstore.
#[derive(Clone, Debug)]
pub struct TrustedRoot {
    authorities: Vec<Authority>,
    logs: Vec<Log>,
}

/// Gives certificates.
#[derive(Clone, Debug)]
struct Authority {
    root: CertificateDer<'static>,
    between: Vec<CertificateDer<'static>>,
    valid: Period,
}

/// A log of signatures.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) id: Vec<u8>,
    pub(super) key: PublicKey,
    valid: Period,
}

/// Seconds since 1970, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Period {
    start_s: u64,
    end_s: u64,
}

impl Period {
    fn holds(self, time_s: u64) -> bool {
        (self.start_s..=self.end_s).contains(&time_s)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    tlogs: Vec<WrittenLog>,
    #[serde(default)]
    certificate_authorities: Vec<WrittenAuthority>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenLog {
    public_key: WrittenKey,
    log_id: LogId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenKey {
    raw_bytes: Bytes,
    valid_for: Option<WrittenPeriod>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenAuthority {
    cert_chain: Chain,
    valid_for: Option<WrittenPeriod>,
}

#[derive(Deserialize)]
struct WrittenPeriod {
    start: Option<String>,
    end: Option<String>,
}

impl TrustedRoot {
    /// Reads the file. Logs whose keys are of another kind than ECDSA on P-256 are left out.
    ///
    /// # Errors
    /// A file without an authority or without a log that can be used.
    pub fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let bad = |reason: String| BundleError::Root { reason };
        let document: Document =
            serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        let mut authorities = Vec::new();
        for written in document.certificate_authorities {
            let valid = period(written.valid_for.as_ref()).map_err(bad)?;
            let mut chain = written.cert_chain.certificates.into_iter();
            let root = chain.next_back().ok_or_else(|| bad("an authority has no one".into()))?;
            let root = CertificateDer::from(root.raw_bytes.0);
            anchor_from_trusted_cert(&root)
                .map_err(|error| bad(format!("an authority's certificate: {error}")))?;
            let between = chain.map(|raw| CertificateDer::from(raw.raw_bytes.0)).collect();
            authorities.push(Authority { root, between, valid });
        }
        let mut logs = Vec::new();
        for written in document.tlogs {
            let valid = period(written.public_key.valid_for.as_ref()).map_err(bad)?;
            if let Ok(key) = PublicKey::from_info(&written.public_key.raw_bytes.0) {
                logs.push(Log { id: written.log_id.key_id.0, key, valid });
            }
        }
        match (authorities.is_empty(), logs.is_empty()) {
            (true, _) => Err(bad("it names no authority that gives certificates".into())),
            (_, true) => Err(bad("it names no log with a key of ECDSA on P-256".into())),
            _ => Ok(Self { authorities, logs }),
        }
    }

    /// The log of an id.
    pub(super) fn log(&self, id: &[u8]) -> Result<&Log, BundleError> {
        self.logs.iter().find(|log| log.id == id).ok_or_else(|| {
            let mut log = hex::encode(id);
            log.truncate(16);
            BundleError::UnknownLog { log }
        })
    }

    /// Whether an authority gave this certificate, for signing, and it was valid at that time.
    pub(super) fn check_chain(&self, certificate: &[u8], time_s: u64) -> Result<(), BundleError> {
        let chain = |reason: String| BundleError::Chain { reason };
        let leaf = CertificateDer::from(certificate);
        let leaf = EndEntityCert::try_from(&leaf).map_err(|error| chain(error.to_string()))?;
        let mut nearest = "no authority of the trusted root was valid then".to_owned();
        for authority in self.authorities.iter().filter(|one| one.valid.holds(time_s)) {
            let anchor = anchor_from_trusted_cert(&authority.root);
            let anchors = [anchor.map_err(|error| chain(error.to_string()))?];
            let verified = leaf.verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &anchors,
                &authority.between,
                UnixTime::since_unix_epoch(Duration::from_secs(time_s)),
                KeyUsage::required(CODE_SIGNING),
                None,
                None,
            );
            match verified {
                Ok(_) => return Ok(()),
                Err(error) => nearest = error.to_string(),
            }
        }
        Err(chain(nearest))
    }
}

impl Log {
    /// Whether its key was in use at that time.
    pub(super) fn is_valid(&self, time_s: u64) -> bool {
        self.valid.holds(time_s)
    }
}

fn period(written: Option<&WrittenPeriod>) -> Result<Period, String> {
    let read = |text: Option<&String>, open: u64| match text {
        None => Ok(open),
        Some(text) => time::seconds(text).ok_or_else(|| format!("`{text}` is no time in UTC")),
    };
    let (start, end) = match written {
        None => (None, None),
        Some(written) => (written.start.as_ref(), written.end.as_ref()),
    };
    Ok(Period { start_s: read(start, 0)?, end_s: read(end, u64::MAX)? })
}
