//! The certificate of the server, read again when its files change.

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those that vouch for it, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// It holds something else.
    #[error("{} holds no {what} as PEM", path.display())]
    NotPem {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// Everybody on this machine could be this server.
    #[error("{} can be read by everybody on this machine; take that away with chmod o-rwx", path.display())]
    KeyIsOpen {
        /// Which.
        path: PathBuf,
    },
    /// The two do not go together, or are of a kind that is not spoken.
    #[error("{} and {} cannot be used together: {cause}", files.certificate.display(), files.key.display())]
    Unusable {
        /// Which.
        files: TlsFiles,
        /// What TLS says.
        cause: rustls::Error,
    },
}

/// The certificate that is shown to clients.
pub struct Tls {
    files: TlsFiles,
    acceptor: TlsAcceptor,
    /// What the files looked like when they were read.
    seen: [Option<Look>; 2],
}

/// What changes when a file is written or replaced.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn load(files: TlsFiles) -> Result<Tls, TlsError> {
        // Looked at first: what changes while they are read is read again.
        let seen = looks(&files);
        let acceptor = read(&files)?;
        Ok(Tls { files, acceptor, seen })
    }

    /// Reads the files again where they changed; until they are good, the certificate before is shown.
    pub fn renew(&mut self) {
        let looks = looks(&self.files);
        if looks == self.seen {
            return;
        }
        self.seen = looks;
        match read(&self.files) {
            Ok(acceptor) => {
                self.acceptor = acceptor;
                tracing::info!("a new certificate is in use");
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the certificate before stays in use");
            }
        }
    }

    /// What speaks TLS with clients from now on.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

fn looks(files: &TlsFiles) -> [Option<Look>; 2] {
    let look = |path: &Path| {
        let now = std::fs::metadata(path).ok()?;
        Some(Look { inode: now.ino(), length: now.len(), modified: (now.mtime(), now.mtime_nsec()) })
    };
    [look(&files.certificate), look(&files.key)]
}

fn read(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |cause| TlsError::Unreadable { path, cause }
    };
    let chain = std::fs::read(&files.certificate).map_err(unreadable(&files.certificate))?;
    let not_pem = |path: &Path, what| TlsError::NotPem { path: path.to_owned(), what };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .map_err(|_| not_pem(&files.certificate, "certificate"))?;
    if chain.is_empty() {
        return Err(not_pem(&files.certificate, "certificate"));
    }
    let open = std::fs::metadata(&files.key).map_err(unreadable(&files.key))?;
    if is_open(&open) {
        return Err(TlsError::KeyIsOpen { path: files.key.clone() });
    }
    let key = std::fs::read(&files.key).map_err(unreadable(&files.key))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| not_pem(&files.key, "private key"))?;
    let unusable = |cause| TlsError::Unusable { files: files.clone(), cause };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn is_open(file: &Metadata) -> bool {
    file.permissions().mode() & 0o007 != 0
}
