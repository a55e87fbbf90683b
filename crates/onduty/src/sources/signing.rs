//! HMAC-SHA256 over raw bytes, compared in constant time. Called by the providers' `verify`; knows no header.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA256 of the concatenated `parts`.
pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    mac(key, parts).finalize().into_bytes().into()
}

/// Whether `tag` is the HMAC-SHA256 of the concatenated `parts` under any of `keys`. Every key is tried, so that the
/// time taken does not tell which one fits.
pub(super) fn signed_by_any(keys: &[Vec<u8>], parts: &[&[u8]], tag: &[u8]) -> bool {
    keys.iter().fold(false, |fits, key| fits | (!key.is_empty() && mac(key, parts).verify_slice(tag).is_ok()))
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    // HMAC takes keys of any length: longer ones are hashed first.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length of key is fine");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::hex;

    #[test]
    fn known_vector_of_rfc_4231() {
        let tag = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&tag), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let keys = |keys: &[&str]| keys.iter().map(|key| key.as_bytes().to_vec()).collect::<Vec<_>>();
        let body: &[&[u8]] = &[b"what do ya want for nothing?"];
        assert!(signed_by_any(&keys(&["old", "Jefe"]), body, &tag));
        assert!(!signed_by_any(&keys(&["old"]), body, &tag));
        assert!(!signed_by_any(&keys(&[]), body, &tag));
        assert!(!signed_by_any(&keys(&["Jefe"]), body, &tag[..31]));
        let empty = hmac_sha256(b"", body);
        assert!(!signed_by_any(&keys(&[""]), body, &empty), "an empty secret signs nothing");
    }
}
