//! viem in a Node process: one line of JSON asks, one line answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

pub struct Oracle {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// # Panics
    /// When Node does not start: nothing can be compared then.
    pub fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(
            folder.join("node_modules/viem").is_dir(),
            "viem is missing; run `npm ci` in fuzz/differential (scripts/fuzz.sh does)"
        );
        let mut command = Command::new("node");
        command.arg(folder.join("oracle.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("node starts; install Node 20 or newer");
        let questions = process.stdin.take().expect("it is piped");
        let answers = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, questions, answers }
    }

    /// # Panics
    /// When the process ended, which prints why.
    pub fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.questions, "{question}").expect("the oracle listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the oracle answers");
        serde_json::from_str(&line).unwrap_or_else(|error| {
            panic!(
                "the oracle said {line:?} ({error}) to {question}"
            )
        })
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
