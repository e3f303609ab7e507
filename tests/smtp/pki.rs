//! Certificates made by the openssl command: a CA of ours, and leaves that are good or bad in one way each.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::OnceLock;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tokio_rustls::TlsAcceptor;

/// A CA and the certificates that it, or nobody, signed.
pub struct Authority {
    folder: tempfile::TempDir,
    /// The CA's certificate.
    pub pem: Vec<u8>,
}

/// Returns the CA of this run.
pub fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        make_ca(folder.path(), "ca");
        make_ca(folder.path(), "stranger");
        make_leaf(
            folder.path(),
            "good",
            "ca",
            "DNS:localhost,IP:127.0.0.1",
            "30",
        );
        make_leaf(folder.path(), "wrong-name", "ca", "DNS:mail.example", "30");
        make_leaf(
            folder.path(),
            "expired",
            "ca",
            "DNS:localhost,IP:127.0.0.1",
            "-1",
        );
        make_leaf(
            folder.path(),
            "unknown-issuer",
            "stranger",
            "DNS:localhost,IP:127.0.0.1",
            "30",
        );
        let pem = std::fs::read(folder.path().join("ca.pem")).unwrap();
        Authority { folder, pem }
    })
}

impl Authority {
    /// Returns a server's side of TLS with the certificate `name`.
    pub fn acceptor(&self, name: &str) -> TlsAcceptor {
        let chain =
            CertificateDer::from_pem_file(self.folder.path().join(format!("{name}.pem"))).unwrap();
        let key =
            PrivateKeyDer::from_pem_file(self.folder.path().join(format!("{name}.key"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(arguments.split(' '))
        .output();
    let output = output.expect("the openssl command is needed for this test: install openssl");
    assert!(
        output.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn make_ca(folder: &Path, name: &str) {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -out {name}.pem -subj /CN={name} -days 30"
        ),
    );
}

fn make_leaf(folder: &Path, name: &str, issuer: &str, names: &str, days: &str) {
    let extensions =
        format!("basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName={names}\n");
    std::fs::write(folder.join("extensions"), extensions).unwrap();
    openssl(
        folder,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ),
    );
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial -extfile extensions -days {days} -out {name}.pem"
        ),
    );
}
