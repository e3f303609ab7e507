//! A test authority and a server certificate under it, made by openssl for one set of servers.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::process::run;

/// Writes `ca.pem`, `cert.pem` and `key.pem` into `dir`: a leaf for 127.0.0.1 and localhost, since a certificate that
/// signs itself is refused by rustls.
pub(crate) fn certificates(dir: &Path) -> Result<()> {
    let path = |name: &str| dir.join(name).display().to_string();
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    run("openssl", |c| {
        c.args([
            "req",
            "-x509",
            "-days",
            "30",
            "-subj",
            "/CN=mailclerk test authority",
        ])
        .args(key)
        .args(["-addext", "keyUsage=critical,keyCertSign"])
        .args(["-keyout", &path("ca.key"), "-out", &path("ca.pem")])
    })?;
    run("openssl", |c| {
        c.args(["req", "-new", "-subj", "/CN=localhost"])
            .args(key)
            .args(["-keyout", &path("key.pem"), "-out", &path("leaf.csr")])
    })?;
    fs::write(
        dir.join("leaf.ext"),
        "subjectAltName=IP:127.0.0.1,DNS:localhost\n\
         basicConstraints=critical,CA:FALSE\n\
         keyUsage=critical,digitalSignature\n\
         extendedKeyUsage=serverAuth\n",
    )?;
    run("openssl", |c| {
        c.args(["x509", "-req", "-days", "30", "-CAcreateserial"])
            .args(["-in", &path("leaf.csr"), "-extfile", &path("leaf.ext")])
            .args(["-CA", &path("ca.pem"), "-CAkey", &path("ca.key")])
            .args(["-out", &path("cert.pem")])
    })
}
