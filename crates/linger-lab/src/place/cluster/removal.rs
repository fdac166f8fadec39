//! Removing the topic that was created for a comparison: at its end, after an error, and on Ctrl-C.

use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use linger_protocol::messages::{DeleteTopicState, DeleteTopicsRequest};
use linger_protocol::{ApiKey, ErrorCode};

use super::error::RemoteError;
use super::metadata::{connect_to_controller, retry};

/// How long the cluster may take to delete the topic.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The first version of DeleteTopics whose topics have a name or an id.
const BY_NAME_OR_ID: i16 = 6;

/// The exit code of a program that Ctrl-C ended, by the convention of shells.
const EXIT_INTERRUPTED: i32 = 130;

/// Removes the topic when it is dropped, and on Ctrl-C and SIGTERM.
pub(crate) struct Removal {
    topic: Arc<Topic>,
}

/// The topic to remove, once.
struct Topic {
    name: String,
    bootstrap: Vec<String>,
    is_there: Mutex<bool>,
}

impl Removal {
    /// Starts watching for signals.
    pub(crate) fn of(name: &str, bootstrap: Vec<String>) -> Self {
        let topic = Arc::new(Topic {
            name: name.to_owned(),
            bootstrap,
            is_there: Mutex::new(true),
        });
        watch_signals(Arc::clone(&topic));
        Self { topic }
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        drop(self.topic.remove());
    }
}

impl Topic {
    /// Removes the topic unless it was removed before. Prints a failure, since the topic then
    /// stays. Until the guard is dropped, other calls wait.
    fn remove(&self) -> MutexGuard<'_, bool> {
        let mut is_there = self.is_there.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *is_there, false)
            && let Err(error) = retry(|| self.delete())
        {
            print_error(&format!(
                "topic {} could not be removed: {error}; remove it with kafka-topics --delete --topic {}",
                self.name, self.name
            ));
        }
        is_there
    }

    fn delete(&self) -> Result<(), RemoteError> {
        let mut connection = connect_to_controller(&self.bootstrap)?;
        let request = if connection.version_of(ApiKey::DeleteTopics)? < BY_NAME_OR_ID {
            DeleteTopicsRequest {
                topic_names: vec![self.name.as_str().into()],
                ..DeleteTopicsRequest::default()
            }
        } else {
            DeleteTopicsRequest {
                topics: vec![DeleteTopicState {
                    name: Some(self.name.as_str().into()),
                    ..DeleteTopicState::default()
                }],
                ..DeleteTopicsRequest::default()
            }
        };
        let answer = connection.ask(&DeleteTopicsRequest {
            timeout_ms: TIMEOUT.as_millis() as i32,
            ..request
        })?;
        let result = answer
            .responses
            .first()
            .ok_or_else(|| connection.mismatch(ApiKey::DeleteTopics))?;
        match result.error_code {
            // A retry finds that the topic is unknown.
            ErrorCode::NONE | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Ok(()),
            code => Err(RemoteError::Topic {
                topic: self.name.clone(),
                code,
            }),
        }
    }
}

/// On Ctrl-C and SIGTERM removes the topic and ends the process. If no thread can be started for
/// it, a signal ends the process as usual and the topic stays.
fn watch_signals(topic: Arc<Topic>) {
    let watch = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        if runtime.block_on(end_signal()).is_ok() {
            print_error("interrupted: removing the topic");
            // Without its topic the comparison fails. The guard keeps its thread from ending the
            // process with another exit code: that thread waits in `drop` of `Removal`.
            let _guard = topic.remove();
            std::process::exit(EXIT_INTERRUPTED);
        }
    };
    let _ = std::thread::Builder::new()
        .name("compare-signals".to_owned())
        .spawn(watch);
}

/// Prints a line to standard error; a closed standard error is ignored.
fn print_error(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(unix)]
async fn end_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn end_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
