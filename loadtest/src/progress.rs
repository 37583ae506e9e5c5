//! A progress bar, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

const STEPS: u64 = 1000;
const REFRESH: Duration = Duration::from_millis(200);

/// A bar that looks for itself how far things are.
pub(crate) struct Progress {
    bar: ProgressBar,
    refresher: JoinHandle<()>,
}

impl Progress {
    /// `look` gives the part that is done, 0 to 1, and a count to show. Must be called inside a `LocalSet`.
    pub(crate) fn new(what: &'static str, look: impl Fn() -> (f64, u64) + 'static) -> Self {
        // indicatif draws on standard error, and not at all where that is no terminal.
        let bar = ProgressBar::new(STEPS).with_prefix(what);
        let style = ProgressStyle::with_template("{prefix:>9} {bar:40} {elapsed} {msg}").expect("a template that indicatif reads");
        bar.set_style(style);
        let refresher = tokio::task::spawn_local({
            let bar = bar.clone();
            async move {
                loop {
                    let (done, count) = look();
                    bar.set_position((done * STEPS as f64) as u64);
                    bar.set_message(count.to_string());
                    tokio::time::sleep(REFRESH).await;
                }
            }
        });
        Self { bar, refresher }
    }

    pub(crate) fn finish(self) {
        self.refresher.abort();
        self.bar.finish_and_clear();
    }
}
