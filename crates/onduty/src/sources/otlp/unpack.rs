//! Bodies that are compressed, and never become larger than they may.

use flate2::read::MultiGzDecoder;
use std::borrow::Cow;
use std::io::Read;

/// Why a body cannot be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// It would be larger than it may.
    #[error("unpacked, it has more than {most} bytes")]
    TooLarge {
        /// How many it may have.
        most: usize,
    },
    /// It is not what it says.
    #[error("it says that it is compressed with gzip, and is not")]
    NotGzip,
    /// Compressed in another way.
    #[error("it may be plain or compressed with gzip, not otherwise")]
    Unknown,
}

/// `body`, with the `content-encoding` that it has, in at most `most` bytes.
///
/// # Errors
/// See [`PackedError`].
pub fn unpack<'a>(body: &'a [u8], encoding: &str, most: usize) -> Result<Cow<'a, [u8]>, PackedError> {
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" if body.len() > most => Err(PackedError::TooLarge { most }),
        "" | "identity" => Ok(Cow::Borrowed(body)),
        "gzip" => {
            let mut plain = Vec::new();
            let read = MultiGzDecoder::new(body).take(most as u64 + 1).read_to_end(&mut plain);
            match read {
                Ok(_) if plain.len() > most => Err(PackedError::TooLarge { most }),
                Ok(_) => Ok(Cow::Owned(plain)),
                Err(_) => Err(PackedError::NotGzip),
            }
        }
        _ => Err(PackedError::Unknown),
    }
}
