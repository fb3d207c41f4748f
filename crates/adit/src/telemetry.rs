//! Logs, to standard error. `RUST_LOG` chooses what, `--json` the form.

use tracing_subscriber::EnvFilter;

/// Statements of the database drivers are for who asks for them.
const DEFAULT: &str = "info,sqlx=warn";

pub fn start(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match json {
        true => logs.json().init(),
        false => logs.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
    }
}
