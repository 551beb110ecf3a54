//! New files of a listener, found by looking: certificates are renewed every few weeks or hours, by programs that replace one file
//! after the other, or a link that all of them lie behind. So their contents are compared, and what does not fit together (a certificate
//! whose key is not there yet) is tried again at the next look.
//!
//! It must never take a listener down: what it serves with stays until something better is read.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::files::TlsError;
use crate::server::{Contents, ServerTls, config_of, contents};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What the last look found.
#[derive(Debug)]
struct Looked {
    /// What it serves with.
    serving: Option<Contents>,
    /// What was said last, so that it is said once.
    complaint: Option<TlsError>,
}

pub(crate) async fn watch(tls: ServerTls, stop: CancellationToken) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked = Looked { serving: None, complaint: None };
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let this = tls.clone();
        // A file may lie on a server that is slow.
        let look = tokio::task::spawn_blocking(move || {
            looked.look(&this);
            looked
        });
        match look.await {
            Ok(after) => looked = after,
            Err(error) => return tracing::error!(%error, "certificates are not looked at any more"),
        }
    }
}

impl Looked {
    fn look(&mut self, tls: &ServerTls) {
        let renewed = contents(tls.files()).and_then(|contents| {
            if self.serving.as_ref() == Some(&contents) {
                return Ok(None);
            }
            config_of(&contents, tls.files()).map(|config| Some((contents, config)))
        });
        match renewed {
            Ok(None) => self.complaint = None,
            Ok(Some((contents, config))) => {
                // The first look finds what was loaded at the start, or what came a moment later.
                if self.serving.is_some() {
                    tracing::info!(certificate = %tls.files().certificate.display(), "a new certificate is served from now on");
                }
                tls.replace(config);
                *self = Self { serving: Some(contents), complaint: None };
            }
            Err(error) => {
                if self.complaint.as_ref() != Some(&error) {
                    tracing::warn!(%error, "new certificate files cannot be used: those from before are served on");
                }
                self.complaint = Some(error);
            }
        }
    }
}
