//! The end of a topic that was created for one comparison: at its end, after an error, and on Ctrl-C.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use linger_protocol::messages::{DeleteTopicState, DeleteTopicsRequest};
use linger_protocol::{ApiKey, ErrorCode};

use super::connection::Connection;
use super::error::RemoteError;
use super::patiently;

/// How long the cluster may take to delete the topic.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The first version of DeleteTopics that takes names or ids.
const BY_NAME_OR_ID: i16 = 6;

/// The exit code of a program that Ctrl-C has ended, as shells know it.
const EXIT_INTERRUPTED: i32 = 130;

/// Removes the topic when it is dropped, or when the process is told to end.
pub(crate) struct Removal {
    topic: Arc<Topic>,
}

/// What to remove, once.
struct Topic {
    name: String,
    bootstrap: Vec<String>,
    is_there: Mutex<bool>,
}

impl Removal {
    /// Promises to remove a topic that is there.
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
        self.topic.remove();
    }
}

impl Topic {
    /// Removes the topic unless that was done; a failure is told, as the topic then stays.
    fn remove(&self) {
        let mut is_there = self.is_there.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *is_there, false) {
            return;
        }
        if let Err(error) = patiently(|| self.delete()) {
            tell(&format!(
                "topic {} could not be removed: {error}; remove it with kafka-topics --delete --topic {}",
                self.name, self.name
            ));
        }
    }

    fn delete(&self) -> Result<(), RemoteError> {
        let mut connection = super::connect_to_any(&self.bootstrap)?;
        // Brokers pass it on to the controller where there is one (KIP-500); before, the controller itself is asked.
        let controller = super::metadata(&mut connection, None)?.1;
        if let Some(controller) = controller.filter(|_| connection.metadata_version().is_none()) {
            connection = Connection::open(&controller)?;
        }
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
            // The second is what a retry finds.
            ErrorCode::NONE | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Ok(()),
            code => Err(RemoteError::Topic {
                topic: self.name.clone(),
                code,
            }),
        }
    }
}

/// Ends the process on Ctrl-C and SIGTERM, the topic removed before. Where no thread can be had for that, the topic stays.
fn watch_signals(topic: Arc<Topic>) {
    let watch = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        if runtime.block_on(told_to_end()).is_ok() {
            tell("interrupted: removing the topic");
            topic.remove();
            std::process::exit(EXIT_INTERRUPTED);
        }
    };
    let _ = std::thread::Builder::new()
        .name("compare-signals".to_owned())
        .spawn(watch);
}

/// Tells the person at the terminal, if there still is one.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(unix)]
async fn told_to_end() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn told_to_end() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
