//! Where the server is that a command asks: where somebody says, else where the instance's file says that it listens, as
//! it speaks there.

use super::client::CommandError;
use crate::config::Config;
use crate::egress::{Answer, Egress, EgressError, OwnServer, Policy, Request, Url};
use crate::server;

/// Where a server listens unless told otherwise.
const USUAL: &str = "http://127.0.0.1:7007";

/// The way to a server.
pub enum Way {
    /// To an address that somebody typed, and over TLS to whoever the system vouches for.
    Typed(Egress, String),
    /// To the server of this machine, and over TLS to whoever has the certificate of its file.
    Own(OwnServer),
}

impl Way {
    /// To the `typed` address; without one, to the server of `config`.
    pub fn find(typed: Option<&str>, config: Option<&Config>) -> Result<Way, CommandError> {
        match (typed, config) {
            (Some(typed), _) => Way::to(typed),
            // Port 0 is any port: the file does not say which.
            (None, Some(config)) if config.listen.port() != 0 => Way::own(config),
            (None, _) => Way::to(USUAL),
        }
    }

    fn to(typed: &str) -> Result<Way, CommandError> {
        let base = typed.trim_end_matches('/').to_owned();
        let address = Url::parse(&base).map_err(|_| not_an_address(&base))?;
        let egress = Egress::new(Policy::typed(&address));
        Ok(Way::Typed(egress.map_err(|error| CommandError::Unavailable(error.to_string()))?, base))
    }

    fn own(config: &Config) -> Result<Way, CommandError> {
        let certificate = match config.server.tls.as_ref().map(server::shown).transpose() {
            Ok(certificate) => certificate,
            // Whoever may not read the server's files asks it as everybody does.
            Err(error) => {
                let public = config.server.public_url.as_ref();
                return public
                    .map_or_else(|| Err(CommandError::Unavailable(error.to_string())), |url| Way::to(&url.text));
            }
        };
        let own = OwnServer::new(config.listen, certificate);
        Ok(Way::Own(own.map_err(|error| CommandError::Unavailable(error.to_string()))?))
    }

    /// The beginning of the server's addresses.
    pub fn base(&self) -> &str {
        match self {
            Way::Typed(_, base) => base,
            Way::Own(own) => own.base(),
        }
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> Result<Url, CommandError> {
        Url::parse(&format!("{}{path}", self.base())).map_err(|_| not_an_address(self.base()))
    }

    /// The answer of the server.
    pub async fn send(&self, request: Request) -> Result<Answer, CommandError> {
        let sent = match self {
            Way::Typed(egress, _) => egress.send(request).await,
            Way::Own(own) => own.send(request).await,
        };
        sent.map_err(|error| self.in_vain(&error))
    }

    fn in_vain(&self, error: &EgressError) -> CommandError {
        let base = self.base();
        CommandError::Unavailable(match self {
            Way::Own(own) if own.showed_another_certificate() => format!(
                "who answers at {base} shows another certificate than the file of `tls:` has; `onduty doctor` says more"
            ),
            _ => format!(
                "the server at {base} cannot be asked: {error}; start it with `onduty serve`, or name another with --server"
            ),
        })
    }
}

fn not_an_address(base: &str) -> CommandError {
    CommandError::BadInput(format!("`{base}` is not a web address; write for example {USUAL}"))
}
