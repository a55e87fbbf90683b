//! Log lines on standard error: as text for people, or as JSON for machines. One event is one line, whatever text from
//! outside is in it.

use crate::texts::visible;
use std::io::{self, Stderr, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Log lines go to standard error; `RUST_LOG` chooses which.
pub fn to_standard_error(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("onduty=info,warn"));
    // A second subscriber in one process is refused; the first one goes on.
    let _ = subscriber(format, filter, io::stderr as fn() -> Stderr).try_init();
}

fn subscriber<W: for<'a> MakeWriter<'a> + Send + Sync + 'static>(
    format: LogFormat,
    filter: EnvFilter,
    writer: W,
) -> Box<dyn tracing::Subscriber + Send + Sync> {
    // Colours are control characters, which are made visible.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(OneLine(writer));
    match format {
        LogFormat::Json => Box::new(log.json().finish()),
        LogFormat::Text => Box::new(log.with_target(false).finish()),
    }
}

/// Makes everything visible that could end a line, command a terminal or turn text round.
struct OneLine<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = OneLine<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine(self.0.make_writer())
    }
}

impl<W: Write> Write for OneLine<W> {
    /// An event arrives whole, with the end of its line.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = visible(text.strip_suffix('\n').unwrap_or(&text)) + "\n";
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    const HOSTILE: &str = "a\nERROR forged line\r\n\u{1b}[2Jb\u{202e}c\u{2028}d\"}{\u{85}\u{9b}31m";

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written about a hostile text in every way that a text gets into a log.
    fn written(format: LogFormat) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = subscriber(format, EnvFilter::new("trace"), move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let error = io::Error::other(HOSTILE);
            tracing::info_span!("request", of = HOSTILE).in_scope(|| {
                tracing::info!(field = HOSTILE, shown = %HOSTILE, debugged = ?HOSTILE, "a message");
                tracing::warn!(error = &error as &dyn std::error::Error, "{HOSTILE}");
            });
        });
        String::from_utf8(kept.0.lock().unwrap().clone()).expect("text")
    }

    #[test]
    fn one_event_is_one_line() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let written = written(format);
            assert_eq!(written.lines().count(), 2, "{format:?}: {written}");
            assert!(!written.trim_end_matches('\n').contains(|c: char| c.is_control() && c != '\n'), "{written:?}");
            for hidden in ['\u{202e}', '\u{2028}', '\u{85}', '\u{9b}'] {
                assert!(!written.contains(hidden), "{format:?}: {written:?}");
            }
            assert!(written.contains("forged line"), "what was said is still there: {written}");
        }
    }

    #[test]
    fn lines_of_json_are_json() {
        for line in written(LogFormat::Json).lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(value["span"]["of"].as_str().is_some_and(|text| text.contains("forged")), "{line}");
        }
    }
}
