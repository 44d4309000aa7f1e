//! TLS towards clients: one certificate, HTTP/2 and HTTP/1.1 by ALPN.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor, TlsStream,
    rustls::{self, ServerConfig},
};

/// Makes TLS connections of TCP connections. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
}

/// What a handshake agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInfo {
    /// The name that the client asked for (SNI).
    pub server_name: Option<Box<str>>,
    /// HTTP/2 was chosen.
    pub http2: bool,
    /// The version, as `TLSv1_3`.
    pub version: Option<&'static str>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text holds no certificate.
    #[error("no certificate in PEM form was found")]
    NoCertificate,
    /// The text is no PEM.
    #[error("the certificate or its key is not in PEM form")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// Key and certificate do not belong together, or are of an unknown kind.
    #[error("the certificate cannot be used with its key")]
    Unusable(#[source] rustls::Error),
}

impl Acceptor {
    /// Takes a chain of certificates, the own one first, and its private key, both as PEM.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(TlsError::Pem)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Pem)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(TlsError::Unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A session that is resumed saves both sides the expensive part.
        config.session_storage = rustls::server::ServerSessionMemoryCache::new(4096);
        Ok(Self { config: Arc::new(config) })
    }

    /// Shakes hands. Dropping the future closes the connection.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> std::io::Result<(TlsStream<TcpStream>, TlsInfo)> {
        let stream = TlsAcceptor::from(Arc::clone(&self.config)).accept(stream).await?;
        let session = stream.get_ref().1;
        let info = TlsInfo {
            server_name: session.server_name().map(Into::into),
            http2: session.alpn_protocol() == Some(b"h2"),
            version: session.protocol_version().and_then(|version| version.as_str()),
        };
        Ok((TlsStream::Server(stream), info))
    }
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Acceptor")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use tokio_rustls::{
        TlsConnector,
        rustls::{ClientConfig, RootCertStore},
    };

    use super::*;

    // Made for this test; valid for `localhost` until 2126.
    const CHAIN: &[u8] = include_bytes!("tls/localhost.crt.pem");
    const KEY: &[u8] = include_bytes!("tls/localhost.key.pem");

    pub(in super::super) fn acceptor() -> Acceptor {
        Acceptor::from_pem(CHAIN, KEY).expect("a certificate with its key")
    }

    /// A client that trusts the test's certificate and offers these protocols.
    pub(in super::super) fn connector(protocols: &[&str]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(CHAIN) {
            roots.add(certificate.expect("a certificate")).expect("an authority");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("supported")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols =
            protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        assert!(matches!(Acceptor::from_pem(b"", KEY), Err(TlsError::NoCertificate)));
        assert!(matches!(Acceptor::from_pem(CHAIN, b""), Err(TlsError::Pem(_))));
        assert!(matches!(Acceptor::from_pem(CHAIN, CHAIN), Err(TlsError::Pem(_))));
    }
}
