//! TLS towards both servers: the system's trust store, plus a CA of the operator's.
//!
//! # Decisions
//! There is no switch that turns verification off. Who runs a private CA names it; who has a self-signed
//! certificate names that certificate's CA. A wrong name, an expired or an unknown certificate ends the connection.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Why there is no TLS to be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The extra CA file is not PEM, or a certificate in it does not parse.
    #[error("the extra CA file holds something that is not a PEM certificate: {0}")]
    ExtraCa(String),
    /// The extra CA file holds no certificate at all.
    #[error(
        "the extra CA file holds no certificate: it must be PEM, with at least one BEGIN CERTIFICATE block"
    )]
    ExtraCaEmpty,
    /// The system's trust store could not be loaded.
    #[error(
        "the system's CA certificates could not be loaded (on Debian: install ca-certificates): {0}"
    )]
    Store(rustls::Error),
}

/// How to speak TLS: whom to trust. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Trusts what the operating system trusts, and besides it the certificates in `extra_ca_pem`.
    ///
    /// # Errors
    /// [`TlsError`], when the extra certificates do not parse or when nothing at all would be trusted.
    pub fn system(extra_ca_pem: Option<&[u8]>) -> Result<Self, TlsError> {
        let extra = extra_ca_pem
            .map(certificates)
            .transpose()?
            .unwrap_or_default();
        let had_extra = !extra.is_empty();
        // Named outright: a process-wide default provider is set by whichever crate comes first.
        let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(|error| {
                if had_extra {
                    TlsError::ExtraCa(error.to_string())
                } else {
                    TlsError::Store(error)
                }
            })?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Store)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// Shakes hands as a client on `tcp`, and verifies that the server is `host` (a name or an IP address).
    ///
    /// There is no deadline in here: the caller wraps this in its own.
    ///
    /// # Errors
    /// An [`io::Error`] whose text names the host: a handshake that failed, a certificate that is not to be trusted.
    pub async fn connect(&self, host: &str, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = server_name(host)?;
        TlsConnector::from(Arc::clone(&self.config))
            .connect(name, tcp)
            .await
            .map_err(|error| {
                let distrust = error
                    .get_ref()
                    .and_then(|inner| inner.downcast_ref::<rustls::Error>())
                    .is_some_and(|inner| matches!(inner, rustls::Error::InvalidCertificate(_)));
                let text = format!("TLS with {host} failed: {error}");
                if distrust {
                    io::Error::new(error.kind(), Distrust(text))
                } else {
                    io::Error::new(error.kind(), text)
                }
            })
    }
}

/// The server's certificate is not to be trusted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Distrust(String);

/// Returns whether [`Tls::connect`] failed by the server's certificate, which no waiting mends.
pub fn is_distrust(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<Distrust>())
}

/// Returns the name to verify; a host name in its own script is verified in its ASCII form (RFC 5891).
fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    let invalid = |why: String| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{host:?} is no host name TLS could verify: {why}"),
        )
    };
    let bare = host.strip_suffix('.').unwrap_or(host);
    if bare.is_ascii() {
        return ServerName::try_from(bare.to_owned()).map_err(|error| invalid(error.to_string()));
    }
    let ascii = idna::domain_to_ascii(bare).map_err(|error| invalid(error.to_string()))?;
    ServerName::try_from(ascii).map_err(|error| invalid(error.to_string()))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::ExtraCa(error.to_string()))?;
    if found.is_empty() {
        return Err(TlsError::ExtraCaEmpty);
    }
    Ok(found)
}
