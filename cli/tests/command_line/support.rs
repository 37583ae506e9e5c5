//! Runs the binary in folders of the tests' own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Starting a broker and five processes on a busy machine takes its time.
const STARTING: Duration = Duration::from_secs(120);

/// The binary, without anything of the caller's environment that it looks at.
pub(crate) fn baton() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_") || name.starts_with("BATON_") || name == "COLUMNS") {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// What a command printed, and its exit code.
pub(crate) struct Printed {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Printed {
    Printed::of(command.output().expect("the binary starts"))
}

impl Printed {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
        Self { out: text(output.stdout), err: text(output.stderr), code: output.status.code().expect("it ends by itself") }
    }
}

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    folder
}

/// Writes a file below a folder.
pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("folders can be made");
    std::fs::write(path, text).expect("files can be written");
}

/// A client that trusts this certificate, in PEM, and nobody else.
pub(crate) fn http(trusted: Option<&str>) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    let certificate = trusted.map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate"));
    roots.add_parsable_certificates(certificate);
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let tls = tls.with_safe_default_protocol_versions().expect("ring has them").with_root_certificates(roots).with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("everything is there")
}

fn text(request: reqwest::RequestBuilder) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime needs no more than threads");
    runtime.block_on(async { request.send().await?.text().await }).expect("the server answers")
}

/// What a server answers to a GET.
pub(crate) fn get(url: &str, path: &str) -> String {
    get_trusting(None, url, path)
}

/// As [`get`], over TLS.
pub(crate) fn get_trusting(trusted: Option<&str>, url: &str, path: &str) -> String {
    text(http(trusted).get(format!("{url}{path}")))
}

/// An operation of the AWS API at a server, which succeeds.
pub(crate) fn call(url: &str, operation: &str, body: serde_json::Value) -> serde_json::Value {
    call_trusting(None, url, operation, body)
}

/// As [`call`], over TLS.
pub(crate) fn call_trusting(trusted: Option<&str>, url: &str, operation: &str, body: serde_json::Value) -> serde_json::Value {
    let request = http(trusted).post(url).header("x-amz-target", format!("AWSStepFunctions.{operation}"));
    let answer: serde_json::Value = serde_json::from_str(&text(request.body(body.to_string()))).expect("answers are JSON");
    assert!(answer.get("__type").is_none(), "{operation}: {answer}");
    answer
}

/// `baton dev` on a folder; it ends with the test.
pub(crate) struct Dev {
    child: Child,
    /// The server's URL.
    pub(crate) url: String,
    err: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Dev {
    /// Serves the folder, in memory, on a free port.
    pub(crate) fn serve(folder: &Path) -> Self {
        let mut command = baton();
        command.args(["dev", "--port", "0", "--ephemeral"]).arg(folder);
        Self::start(command)
    }

    /// Whatever else begins with a ready line.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let err = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let (into, from) = (err.clone(), child.stderr.take().expect("it is piped"));
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                let mut text = into.lock().expect("nobody panics while holding it");
                text.push_str(&line);
                text.push('\n');
            }
        });
        let mut ready = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut ready).expect("it prints the ready line");
        let url = ready.trim().strip_prefix("baton ready ").unwrap_or_else(|| panic!("no ready line: {ready:?} {}", err.lock().unwrap()));
        Self { child, url: url.to_owned(), err }
    }

    /// What it has printed on standard error so far.
    pub(crate) fn err(&self) -> String {
        self.err.lock().expect("nobody panics while holding it").clone()
    }

    /// Waits until it has printed this on standard error.
    pub(crate) fn prints(&self, text: &str) {
        let begin = std::time::Instant::now();
        while !self.err().contains(text) {
            assert!(begin.elapsed() < PATIENCE, "{text:?} was not printed:\n{}", self.err());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// An operation of the AWS API, which succeeds.
    pub(crate) fn call(&self, operation: &str, body: serde_json::Value) -> serde_json::Value {
        call(&self.url, operation, body)
    }

    /// Sends it a signal, such as `-TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill is there").success());
    }

    /// Waits until it has ended; answers its exit code, if it was not killed.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let status = self.child.wait().expect("it is our child");
        // The reader of its output ends a moment after it.
        std::thread::sleep(Duration::from_millis(100));
        status.code()
    }

    /// Ends it as an operator does; answers all that it has printed on standard error.
    pub(crate) fn stop(mut self) -> String {
        self.signal("-TERM");
        assert_eq!(self.exit_code(), Some(0), "{}", self.err());
        self.err()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // One that was stopped is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process, and what it says.
pub(crate) struct Process {
    child: Child,
    said: mpsc::Receiver<String>,
    pub(crate) heard: Vec<String>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let (say, said) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("it is piped")), Box::new(child.stderr.take().expect("it is piped"))];
        for output in outputs {
            let say = say.clone();
            // Whoever listened may have gone.
            std::thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).for_each(|line| _ = say.send(line)));
        }
        Self { child, said, heard: Vec::new() }
    }

    /// Waits for a line with this in it.
    pub(crate) fn says(&mut self, text: &str) -> String {
        let until = Instant::now() + STARTING;
        loop {
            if let Some(line) = self.heard.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            match self.said.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.heard.push(line),
                Err(_) => panic!("{text:?} was not said:\n{}", self.heard.join("\n")),
            }
        }
    }

    /// Sends it SIGTERM; answers its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill is there").success());
        self.child.wait().expect("it is our child").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that was stopped is gone already.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// What a ready line says.
pub(crate) fn url_of(ready: &str) -> String {
    ready.trim().strip_prefix("baton ready ").expect("a ready line").to_owned()
}
