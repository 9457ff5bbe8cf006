//! Entries of a log of signatures: that the log has one, and since when.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::bundle::{Bytes, Entry, Proof};
use super::error::BundleError;
use super::root::Log;

/// Most hashes of a proof: the depth of a tree of 2^64 leaves.
const HASHES_MAX: usize = 64;

type Hash = [u8; 32];

/// Checks an entry; gives when the log took it in, in seconds since 1970.
pub(super) fn check(entry: &Entry, log: &Log) -> Result<u64, BundleError> {
    let proof = entry.inclusion_proof.as_ref().ok_or(BundleError::NoProof)?;
    check_inclusion(&entry.canonicalized_body.0, proof)?;
    check_checkpoint(proof, log)?;
    let time_s = check_timestamp(entry, log)?;
    if log.is_valid(time_s) { Ok(time_s) } else { Err(BundleError::LogNotValid { time_s }) }
}

/// RFC 6962 and 9162, 2.1.3.2: from the leaf up to the root.
fn check_inclusion(body: &[u8], proof: &Proof) -> Result<(), BundleError> {
    let (index, size) = (proof.log_index.0, proof.tree_size.0);
    if index >= size || proof.hashes.len() > HASHES_MAX {
        return Err(BundleError::Inclusion);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf(body);
    for Bytes(sibling) in &proof.hashes {
        let sibling = Hash::try_from(sibling.as_slice()).map_err(|_| BundleError::Inclusion)?;
        if last == 0 {
            return Err(BundleError::Inclusion);
        }
        if node & 1 == 1 || node == last {
            hash = inner(&sibling, &hash);
            // A last node without a sibling stands for itself until it is a right one.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = inner(&hash, &sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && proof.root_hash.0 == hash { Ok(()) } else { Err(BundleError::Inclusion) }
}

fn leaf(body: &[u8]) -> Hash {
    Sha256::new().chain_update([0_u8]).chain_update(body).finalize().into()
}

fn inner(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1_u8]).chain_update(left).chain_update(right).finalize().into()
}

/// A signed note of three lines: who, how many entries, the hash over all.
fn check_checkpoint(proof: &Proof, log: &Log) -> Result<(), BundleError> {
    let bad = |reason| BundleError::Checkpoint { reason };
    let note = &proof.checkpoint.as_ref().ok_or(BundleError::NoProof)?.envelope;
    let (text, signatures) = note.split_once("\n\n").ok_or(bad("it is no signed note"))?;
    let text = format!("{text}\n");
    let mut lines = text.lines().skip(1);
    let size = lines.next().and_then(|line| line.parse::<u64>().ok());
    let root = lines.next().and_then(|line| STANDARD.decode(line).ok());
    if size != Some(proof.tree_size.0) || root.as_ref() != Some(&proof.root_hash.0) {
        return Err(bad("it is of another state of the log than the proof"));
    }
    let hint = log.id.get(..4).ok_or(bad("the log has no id"))?;
    let is_by_log = |line: &str| {
        let signature = line.strip_prefix("\u{2014} ").and_then(|line| line.rsplit(' ').next());
        let signature = signature.and_then(|coded| STANDARD.decode(coded).ok());
        let signature = signature.as_deref().and_then(|bytes| bytes.strip_prefix(hint));
        signature.is_some_and(|signature| log.key.has_signed(text.as_bytes(), signature))
    };
    if signatures.lines().any(is_by_log) { Ok(()) } else { Err(bad("the log did not sign it")) }
}

/// The log's word on when it took the entry in.
fn check_timestamp(entry: &Entry, log: &Log) -> Result<u64, BundleError> {
    let (Some(promise), Some(time)) = (&entry.inclusion_promise, entry.integrated_time) else {
        return Err(BundleError::NoTime);
    };
    // Canonical JSON: keys in the order of the alphabet, and nothing between.
    let signed = json!({
        "body": STANDARD.encode(&entry.canonicalized_body.0),
        "integratedTime": time.0,
        "logID": hex::encode(&entry.log_id.key_id.0),
        "logIndex": entry.log_index.0,
    });
    let signed = signed.to_string();
    if log.key.has_signed(signed.as_bytes(), &promise.signed_entry_timestamp.0) {
        return Ok(time.0);
    }
    Err(BundleError::Timestamp)
}

#[cfg(test)]
mod tests {
    use super::super::bundle::Number;
    use super::*;

    /// The hash over some leaves, as RFC 6962 defines it.
    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [one] => *one,
            several => {
                let (left, right) = several.split_at(split(several.len()));
                inner(&root(left), &root(right))
            }
        }
    }

    /// The way from a leaf up to it.
    fn path(at: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut path, other) = match at.checked_sub(left.len()) {
            None => (path(at, left), root(right)),
            Some(at) => (path(at, right), root(left)),
        };
        path.push(other);
        path
    }

    /// The largest power of two below.
    fn split(leaves: usize) -> usize {
        leaves.next_power_of_two() / 2
    }

    #[test]
    fn every_leaf_of_every_tree_leads_to_its_root_and_no_other_does() {
        for size in 1..=33_usize {
            let bodies: Vec<_> = (0..size).map(|at| at.to_be_bytes()).collect();
            let leaves: Vec<_> = bodies.iter().map(|body| leaf(body)).collect();
            for (at, body) in bodies.iter().enumerate() {
                let hashes = path(at, &leaves).into_iter().map(|hash| Bytes(hash.to_vec()));
                let proof = Proof {
                    log_index: Number(at as u64),
                    root_hash: Bytes(root(&leaves).to_vec()),
                    tree_size: Number(size as u64),
                    hashes: hashes.collect(),
                    checkpoint: None,
                };
                assert_eq!(check_inclusion(body, &proof), Ok(()), "{at} of {size}");
                assert!(check_inclusion(b"another", &proof).is_err());
                let elsewhere = Number((at as u64 + 1) % (size as u64 + 1));
                let moved = Proof { log_index: elsewhere, ..proof.clone() };
                assert!(check_inclusion(body, &moved).is_err(), "{at} of {size}");
                let mut longer = proof.clone();
                longer.hashes.push(Bytes(vec![0; 32]));
                assert!(check_inclusion(body, &longer).is_err());
                let mut shorter = proof.clone();
                if shorter.hashes.pop().is_some() {
                    assert!(check_inclusion(body, &shorter).is_err());
                }
            }
        }
    }
}
