//! The certificate of the server, read again when its files change.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore, ServerConfig};
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
    let not_pem = |path: &Path, what| TlsError::NotPem { path: path.to_owned(), what };
    let chain = chain(files)?;
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

/// The certificate that the files hold, and behind it those that vouch for it.
fn chain(files: &TlsFiles) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path = &files.certificate;
    let text = std::fs::read(path).map_err(|cause| TlsError::Unreadable { path: path.clone(), cause })?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    chain.ok_or_else(|| TlsError::NotPem { path: path.clone(), what: "certificate" })
}

/// The certificate that a server with these files shows.
///
/// # Errors
/// [`TlsError`]: it would not start with them.
pub fn shown(files: &TlsFiles) -> Result<CertificateDer<'static>, TlsError> {
    read(files)?;
    Ok(chain(files)?.swap_remove(0))
}

/// What clients find wrong with the certificate of a server.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Objection {
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYet,
    /// It is for another name.
    #[error("it is not for the name {name}")]
    OtherName {
        /// The name that people type.
        name: String,
    },
    /// Nothing in its file says who vouches for it.
    #[error("nothing in its file vouches for it")]
    NobodyVouches,
    /// Something else.
    #[error("{cause}")]
    Other {
        /// What TLS says.
        cause: rustls::Error,
    },
}

/// What clients that believe whoever the file names would find wrong at the instant `at` with the certificate in it, when
/// they ask for `name`.
///
/// Whether clients believe them cannot be known here.
///
/// # Errors
/// [`TlsError`] where the files cannot be used at all.
pub fn objection(files: &TlsFiles, name: Option<&str>, at: UnixTime) -> Result<Option<Objection>, TlsError> {
    let chain = chain(files)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(chain.iter().cloned());
    let other = |cause| Ok(Some(Objection::Other { cause }));
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()));
    let Ok(verifier) = verifier.build() else { return Ok(Some(Objection::NobodyVouches)) };
    let asked = name.unwrap_or("localhost").to_owned();
    let Ok(server) = ServerName::try_from(asked.clone()) else { return Ok(Some(Objection::OtherName { name: asked })) };
    match verifier.verify_server_cert(&chain[0], &chain[1..], &server, &[], at) {
        Ok(_) => Ok(None),
        Err(rustls::Error::InvalidCertificate(error)) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Ok(Some(Objection::Expired)),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Ok(Some(Objection::NotYet)),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Ok(name.map(|name| Objection::OtherName { name: name.to_owned() }))
            }
            CertificateError::UnknownIssuer => Ok(Some(Objection::NobodyVouches)),
            error => other(rustls::Error::InvalidCertificate(error)),
        },
        Err(error) => other(error),
    }
}

fn is_open(file: &Metadata) -> bool {
    file.permissions().mode() & 0o007 != 0
}
