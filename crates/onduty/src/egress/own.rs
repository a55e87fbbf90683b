//! The way to the server that this very machine runs, for the command line: to the address where it listens and nowhere
//! else, and over TLS only to whoever shows the certificate of a file.
//!
//! Who vouches for that certificate and which names it has is no question of this way: those who connect from elsewhere
//! ask it (`server::tls` answers it for the operator). The key behind the certificate has to be shown all the same.

use super::address::{Class, class_of};
use super::{Allowance, Answer, Egress, EgressError, Limits, Lookup, Policy, Request, Url};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A server on this machine.
pub struct OwnServer {
    egress: Egress,
    base: String,
    saw_other: Arc<AtomicBool>,
}

impl OwnServer {
    /// The server that listens at `listen`; with TLS if it shows `certificate`.
    ///
    /// # Errors
    /// [`EgressError::Tls`]
    pub fn new(listen: SocketAddr, certificate: Option<CertificateDer<'static>>) -> Result<OwnServer, EgressError> {
        let saw_other = Arc::new(AtomicBool::new(false));
        let scheme = if certificate.is_some() { "https" } else { "http" };
        // The one name that a server of onduty answers to wherever it listens, and whatever proxies are named.
        let base = format!("{scheme}://localhost:{}", listen.port());
        let tls = certificate.map(|certificate| only(certificate, saw_other.clone()));
        let policy = Url::parse(&base).map(|url| Policy::typed(&url)).map_err(|_| EgressError::NotAnAddress)?;
        let egress = Egress::build(policy, Allowance::DEFAULT, Arc::new(At(reachable(listen.ip()))), tls)?;
        Ok(OwnServer { egress, base, saw_other })
    }

    /// The beginning of its addresses.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Any request to it; there is no way to anybody else.
    ///
    /// # Errors
    /// See [`EgressError`].
    pub async fn send(&self, request: Request) -> Result<Answer, EgressError> {
        self.egress.send(request).await
    }

    /// `GET path`
    ///
    /// # Errors
    /// See [`EgressError`].
    pub async fn get(&self, path: &str, limits: Limits) -> Result<Answer, EgressError> {
        let url = Url::parse(&format!("{}{path}", self.base)).map_err(|_| EgressError::NotAnAddress)?;
        self.egress.send(Request::get(url).within(limits)).await
    }

    /// Whether somebody answered with another certificate.
    pub fn showed_another_certificate(&self) -> bool {
        self.saw_other.load(Ordering::Relaxed)
    }
}

/// Where a server that listens at `ip` is reached from this machine.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    }
}

/// Every name is this address.
struct At(IpAddr);

impl Lookup for At {
    fn addresses(&self, _: &str) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        debug_assert!(class_of(self.0) != Class::Never, "an address on which one can listen");
        let address = self.0;
        Box::pin(async move { Ok(vec![address]) })
    }
}

/// TLS with whoever has the key of `certificate`.
fn only(certificate: CertificateDer<'static>, saw_other: Arc<AtomicBool>) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let verifier = Only { certificate, provider: provider.clone(), saw_other };
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the protocols of the server")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth()
}

#[derive(Debug)]
struct Only {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
    saw_other: Arc<AtomicBool>,
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *shown == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        self.saw_other.store(true, Ordering::Relaxed);
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
