//! TLS in front of the sandbox, as WeChat's nginx does it: a client certificate is optional in the handshake, and only
//! refunds check whether it is valid. Source: WeChat Pay v2, native.php?chapter=4_3 (商户证书).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Limit of a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections that wait to be served.
const BACKLOG: usize = 64;

/// The sandbox's certificate and key, and the authorities that may sign its merchant's certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    clients: Arc<dyn ClientCertVerifier>,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the three.
    #[error("a certificate or key is not PEM")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// The clients' authorities.
    #[error("the certificates of the clients' authorities cannot be used")]
    Clients(#[from] VerifierBuilderError),
    /// The sandbox's own.
    #[error("the certificate and its key do not fit")]
    Tls(#[from] rustls::Error),
}

impl Tls {
    /// All three in PEM: the sandbox's certificate chain and key, and the certificates of those who may sign a
    /// merchant's.
    /// # Errors
    /// [`TlsError`] that says which of them is wrong.
    pub fn new(certificate: &[u8], key: &[u8], client_authorities: &[u8]) -> Result<Tls, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(client_authorities) {
            roots.add(authority?)?;
        }
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
        let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>()?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(LooksLater(clients.clone())))
            .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key)?)?;
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), clients })
    }

    fn look_at(&self, shown: Option<&[CertificateDer<'_>]>) -> Shown {
        match shown {
            Some([own, rest @ ..]) => match self.clients.verify_client_cert(own, rest, UnixTime::now()) {
                Ok(_) => Shown::Good,
                Err(_) => Shown::Wrong,
            },
            _ => Shown::Nothing,
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(•••)")
    }
}

/// What the client has shown in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// No certificate.
    Nothing,
    /// One that none of the authorities has signed.
    Wrong,
    /// A valid one.
    Good,
}

impl Shown {
    /// nginx's page with HTTP 400, where a certificate was needed.
    pub fn refusal(self) -> Option<String> {
        let why = match self {
            Shown::Good => return None,
            Shown::Nothing => "No required SSL certificate was sent",
            Shown::Wrong => "The SSL certificate error",
        };
        Some(format!(
            "<html>\r\n<head><title>400 {why}</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n\
             <center>{why}</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        ))
    }
}

/// Accepts every certificate in the handshake, so that a wrong one gets an answer in HTTP. That the client has its key is
/// checked all the same.
#[derive(Debug)]
struct LooksLater(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for LooksLater {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// Nothing: a client that is given names shows no certificate of another authority.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

type Ready = (TlsStream<TcpStream>, Shown);

/// Hands out connections whose handshake is done; many are under way at once.
#[derive(Debug)]
pub struct Listener {
    ready: mpsc::Receiver<Ready>,
    /// Ends with the listener.
    _accepting: JoinSet<()>,
}

impl Listener {
    pub fn new(listener: TcpListener, tls: Tls) -> Self {
        let (send, ready) = mpsc::channel(BACKLOG);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, tls, send));
        Listener { ready, _accepting: accepting }
    }
}

async fn accept(mut listener: TcpListener, tls: Tls, ready: mpsc::Sender<Ready>) {
    loop {
        // axum's own, which knows what to do about errors.
        let (stream, address) = axum::serve::Listener::accept(&mut listener).await;
        let (tls, ready) = (tls.clone(), ready.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE, tls.acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let shown = tls.look_at(stream.get_ref().1.peer_certificates());
                    // Nobody takes it when the sandbox is stopping.
                    let _ = ready.send((stream, shown)).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "no TLS with {address}: {error}"),
                Err(_) => tracing::debug!("no TLS with {address} in time"),
            }
        });
    }
}

impl axum::serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    /// In place of an address, which is not used.
    type Addr = Shown;

    async fn accept(&mut self) -> Ready {
        match self.ready.recv().await {
            Some(ready) => ready,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Shown> {
        Ok(Shown::Nothing)
    }
}

impl Connected<IncomingStream<'_, Listener>> for Shown {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        *stream.remote_addr()
    }
}
