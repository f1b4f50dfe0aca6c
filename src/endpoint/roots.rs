//! The trusted certificates: those of the profile and those of the platform.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::HttpEndpoint;
use crate::error::{Error, ErrorKind};
use crate::platform;
use crate::text::{shell_word, utf8};

/// Bytes of a bundle of certificates that are read at most; the largest in use have a quarter of a million.
const BUNDLE_LIMIT: usize = 16 * 1024 * 1024;

/// How long to wait for the writer of a pipe in the place of such a file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Trusted certificates.
pub(super) struct Roots {
    /// As they are: a server's own may be among them.
    pub(super) certificates: Vec<CertificateDer<'static>>,
    /// As authorities.
    pub(super) store: RootCertStore,
}

impl HttpEndpoint<'_> {
    /// The trusted roots in PEM (RFC 7468), for another program.
    pub(crate) fn roots_as_pem(&self) -> Result<String, Error> {
        let mut text = String::new();
        for root in self.roots()?.certificates {
            text.push_str("-----BEGIN CERTIFICATE-----\n");
            for line in STANDARD.encode(&root).as_bytes().chunks(64) {
                text.extend(line.iter().map(|byte| char::from(*byte)));
                text.push('\n');
            }
            text.push_str("-----END CERTIFICATE-----\n");
        }
        Ok(text)
    }

    /// The platform's trusted certificates and those of the profile's `ca_file`, or the latter alone.
    pub(super) fn roots(&self) -> Result<Roots, Error> {
        let mut roots = Roots { certificates: Vec::new(), store: RootCertStore::empty() };
        if let Some(file) = &self.profile.ca_file {
            let setting = self.profile.setting(self.profile.set_by.ca_file, "ca_file");
            roots.add_file(file, &setting, "name a PEM file that holds your CA's certificate")?;
        }
        if !self.profile.ca_only {
            self.add_platform(&mut roots)?;
        }
        if roots.certificates.is_empty() {
            return Err(Error::system("cannot verify any certificate")
                .because("this system has no trusted roots; install its CA certificates or set `ca_file`"));
        }
        Ok(roots)
    }

    /// Adds the platform's certificates. Where they are one bundle file, that file alone: reading the directory of single
    /// certificates beside it costs three times as much and adds nothing.
    ///
    /// As for every program with OpenSSL, `SSL_CERT_FILE` stands for the bundle and `SSL_CERT_DIR` for the directories.
    fn add_platform(&self, roots: &mut Roots) -> Result<(), Error> {
        #[cfg(all(unix, not(target_os = "macos")))]
        {
            let mut is_done = false;
            if let Some(file) = (self.env)("SSL_CERT_FILE") {
                roots.add_file(file.as_ref(), "SSL_CERT_FILE", "name a PEM file that is there, or unset it")?;
                is_done = true;
            } else if let Some(Ok(bundle)) = openssl_probe::probe().cert_file.map(|bundle| certificates(&bundle)) {
                is_done = roots.add(bundle);
            }
            for dir in std::env::split_paths(&(self.env)("SSL_CERT_DIR").unwrap_or_default()) {
                is_done |= roots.add(rustls_native_certs::load_certs_from_paths(None, Some(&dir)).certs);
            }
            if is_done {
                return Ok(());
            }
        }
        roots.add(rustls_native_certs::load_native_certs().certs);
        Ok(())
    }
}

impl Roots {
    /// Adds certificates that can be read; whether there was one.
    fn add(&mut self, certificates: Vec<CertificateDer<'static>>) -> bool {
        let before = self.certificates.len();
        let store = &mut self.store;
        self.certificates.extend(certificates.into_iter().filter(|der| store.add(der.clone()).is_ok()));
        self.certificates.len() > before
    }

    /// Adds the certificates of a file that a setting names.
    fn add_file(&mut self, file: &Path, setting: &str, hint: &str) -> Result<(), Error> {
        let damaged = || ("its certificate is damaged".to_owned(), None);
        certificates(file).and_then(|found| self.add(found).then_some(()).ok_or_else(damaged)).map_err(
            |(cause, option)| {
                Error::new(ErrorKind::CaFile, format!("{setting} is not usable"))
                    .because(format!("`{}`: {cause}", file.display()))
                    .hint(option.map_or_else(|| hint.to_owned(), |option| convert(file, option)))
            },
        )
    }
}

/// How to make a PEM file of another one.
fn convert(file: &Path, option: &str) -> String {
    let new = file.with_extension(if file.extension().is_some_and(|old| old == "pem") { "crt.pem" } else { "pem" });
    let word = |path: &Path| shell_word(&path.display().to_string());
    format!("convert it: openssl x509 {option}-in {} -out {}", word(file), word(&new))
}

/// The certificates of a PEM file. A file without any is an error: why, and the option with which OpenSSL reads it.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, (String, Option<&'static str>)> {
    let failed = |cause: &str| (cause.to_owned(), None);
    let text = platform::read_input(file, BUNDLE_LIMIT, PATIENCE).map_err(|error| failed(&error.to_string()))?;
    if text.len() > BUNDLE_LIMIT {
        return Err(failed("larger than 16 MiB"));
    }
    // A byte order mark would hide the first certificate.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let found: Vec<_> = CertificateDer::pem_slice_iter(text).filter_map(Result::ok).collect();
    if found.is_empty() { Err(not_pem(text)) } else { Ok(found) }
}

/// What a file without a PEM certificate holds instead.
fn not_pem(text: &[u8]) -> (String, Option<&'static str>) {
    const CERTIFICATE: &str = "CERTIFICATE";
    // A sequence, longer than 127 bytes.
    if matches!(text, [0x30, 0x81..=0x83, ..]) {
        return ("it is in DER form, not in PEM form".to_owned(), Some("-inform der "));
    }
    let text = match utf8(text.to_vec()) {
        Ok(text) => text,
        Err(what) => return (format!("it {what}"), None),
    };
    let label = text.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----"));
    match label.map(|(label, _)| label) {
        // OpenSSL's own form may say that it is not to be trusted.
        Some(label @ "TRUSTED CERTIFICATE") => (format!("it holds a `{label}` instead of a `{CERTIFICATE}`"), Some("")),
        Some(CERTIFICATE) => ("its certificate is damaged".to_owned(), None),
        Some(label) => (format!("it holds a `{label}` instead of a `{CERTIFICATE}`"), None),
        None => ("it holds no PEM certificate".to_owned(), None),
    }
}
