//! Whom we trust on the other end.

use crate::venue::FeedError;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::{path::Path, sync::Arc};

/// Trusts the public authorities and those in a PEM file.
pub(crate) fn client(venue: &str, ca_file: Option<&Path>) -> Result<ClientConfig, FeedError> {
    let refuse = |detail: String| FeedError::Refused {
        venue: venue.to_owned(),
        detail,
    };
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(path) = ca_file {
        let shown = path.display();
        let wrong =
            |error: &dyn std::fmt::Display| refuse(format!("the ca_file {shown} cannot be used: {error}"));
        let authorities = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?;
        for authority in authorities {
            let authority = authority.map_err(|error| wrong(&error))?;
            roots.add(authority).map_err(|error| wrong(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
