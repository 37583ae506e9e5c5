//! A RabbitMQ of one member, or a member of one.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::group::Group;
use crate::{Folder, LOOPBACK, ServiceError, find_program, free_port};

/// On two busy processors a start takes ten seconds.
const READY_PATIENCE: Duration = Duration::from_secs(90);
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// Where Debian and Ubuntu put what the wrappers in `PATH` would run as another user, in another folder.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin";

/// How a [`RabbitMq`] is started.
#[derive(Clone, Debug, Default)]
pub struct RabbitMqOptions {
    /// Plugins to switch on, `rabbitmq_management` say; none by default.
    pub plugins: Vec<String>,
    /// Lines of `rabbitmq.conf`, after our own.
    pub config: Vec<String>,
    /// The address that it listens on, if not loopback; guest may come in there too. It must be one of this process's network.
    pub host: Option<String>,
}

/// Those that are one broker.
#[derive(Debug)]
pub(crate) struct Peers {
    /// Where names are mapped to ports, by an epmd that is there already.
    pub(crate) epmd_port: u16,
    /// Lets them in at each other.
    pub(crate) cookie: String,
    /// Of all of them.
    pub(crate) names: Vec<String>,
}

/// A RabbitMQ broker, on loopback unless told otherwise, with the user guest, ended when it is dropped.
#[derive(Debug)]
pub struct RabbitMq {
    folder: Folder,
    host: String,
    amqp_port: u16,
    distribution_port: u16,
    epmd_port: u16,
    /// Whether its peers have one for all.
    has_shared_epmd: bool,
    /// The one that maps names to ports; of our own, since one that the broker started would outlive it.
    epmd: Option<Group>,
    broker: Option<Group>,
}

impl RabbitMq {
    /// A new one, without plugins, ready.
    pub fn start() -> Result<Self, ServiceError> {
        Self::start_with(Folder::temporary()?, &RabbitMqOptions::default())
    }

    /// One whose data are, or stay, in this folder, ready.
    pub fn start_with(folder: Folder, options: &RabbitMqOptions) -> Result<Self, ServiceError> {
        let (amqp_port, distribution_port, epmd_port) = (free_port(), free_port(), free_port());
        let host = options.host.clone().unwrap_or_else(|| LOOPBACK.to_owned());
        let mut server = Self { folder, host, amqp_port, distribution_port, epmd_port, has_shared_epmd: false, epmd: None, broker: None };
        server.write_files(options)?;
        server.restart()?;
        Ok(server)
    }

    /// The one of several peers at this place, ready.
    pub(crate) fn start_member(peers: &Peers, place: usize, options: &RabbitMqOptions) -> Result<Self, ServiceError> {
        let (amqp_port, distribution_port, epmd_port) = (free_port(), free_port(), peers.epmd_port);
        let (folder, host) = (Folder::temporary()?, LOOPBACK.to_owned());
        let mut server = Self { folder, host, amqp_port, distribution_port, epmd_port, has_shared_epmd: true, epmd: None, broker: None };
        write_private(&server.path(".erlang.cookie"), &peers.cookie)?;
        let name = server.path("name");
        fs::write(&name, &peers.names[place]).map_err(ServiceError::io(name.display().to_string()))?;
        let mut options = options.clone();
        options.config.push("cluster_formation.peer_discovery_backend = classic_config".to_owned());
        options.config.push("cluster_formation.randomized_startup_delay_range.min = 0".to_owned());
        options.config.push("cluster_formation.randomized_startup_delay_range.max = 1".to_owned());
        let node = |(number, name): (usize, &String)| format!("cluster_formation.classic_config.nodes.{} = {name}@localhost", number + 1);
        options.config.extend(peers.names.iter().enumerate().map(node));
        server.write_files(&options)?;
        server.restart()?;
        Ok(server)
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop), with the same port and data; ready when this returns.
    pub fn restart(&mut self) -> Result<(), ServiceError> {
        self.launch()?;
        let (host, port) = (self.host.clone(), self.amqp_port);
        self.broker.as_mut().expect("it has just been launched").wait_until(|| speaks_amqp(&host, port), READY_PATIENCE)
    }

    /// As [`restart`](Self::restart), without waiting until it is ready.
    pub fn launch(&mut self) -> Result<(), ServiceError> {
        let (program, environment) = (find_program("rabbitmq-server", &[&format!("{DEBIAN}/rabbitmq-server")])?, self.environment());
        self.kill();
        if !self.has_shared_epmd {
            self.epmd = Some(start_epmd(self.epmd_port, &environment, &self.folder)?);
        }
        self.broker = Some(Group::start("RabbitMQ", &[program.display().to_string()], &environment, &self.folder, "output.log")?);
        Ok(())
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.broker = None;
        self.epmd = None;
    }

    /// While it is killed or stopped: takes from it all that it has kept, queues and users; it comes back as a new one.
    pub fn forget(&mut self) -> Result<(), ServiceError> {
        assert!(self.broker.is_none(), "what runs cannot be made to forget");
        let data = self.path("data");
        fs::remove_dir_all(&data).map_err(ServiceError::io(data.display().to_string()))
    }

    /// Lets it end in order.
    pub fn stop(&mut self) {
        if let Some(broker) = self.broker.take() {
            broker.stop(STOP_PATIENCE);
        }
        self.epmd = None;
    }

    /// Whether its process is there.
    pub fn is_running(&mut self) -> bool {
        self.broker.as_mut().is_some_and(Group::is_running)
    }

    /// Takes all time from it, until [`resume`](Self::resume): connections stay, and nobody answers.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.amqp_port
    }

    /// As `--queue` takes it.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@{}:{}/%2f", self.host, self.amqp_port)
    }

    /// Its data and logs.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The process that was started: the broker's script, in whose group the broker runs. `None` while it is killed or stopped.
    pub fn pid(&self) -> Option<u32> {
        self.broker.as_ref().map(Group::pid)
    }

    /// `rabbitmqctl` with these arguments, and what it prints.
    pub fn ctl(&self, arguments: &[&str]) -> Result<String, ServiceError> {
        let program = find_program("rabbitmqctl", &[&format!("{DEBIAN}/rabbitmqctl")])?;
        let mut command = Command::new(program);
        command.arg("--node").arg(self.node_name()).args(arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LANG", "C.UTF-8").envs(self.environment());
        let output = command.output().map_err(ServiceError::io("cannot run rabbitmqctl"))?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        let output = format!("{printed}{}", String::from_utf8_lossy(&output.stderr));
        Err(ServiceError::Command { command: format!("rabbitmqctl {}", arguments.join(" ")), output })
    }

    fn signal(&self, signal: Signal) {
        if let Some(broker) = &self.broker {
            broker.signal(signal);
        }
    }

    fn write_files(&self, options: &RabbitMqOptions) -> Result<(), ServiceError> {
        let write = |name: &str, text: String| {
            let path = self.path(name);
            fs::write(&path, text).map_err(ServiceError::io(path.display().to_string()))?;
            Ok::<PathBuf, ServiceError>(path)
        };
        let own = [
            format!("listeners.tcp.local = {}:{}", self.host, self.amqp_port),
            format!("loopback_users.guest = {}", self.host == LOOPBACK),
            // Machines for tests have small disks and much on them.
            "disk_free_limit.absolute = 64MB".to_owned(),
            "log.file.level = warning".to_owned(),
        ];
        write("rabbitmq.conf", own.iter().chain(&options.config).map(|line| format!("{line}\n")).collect())?;
        write("enabled_plugins", format!("[{}].\n", options.plugins.join(",")))?;
        if !self.path(".erlang.cookie").exists() {
            write_private(&self.path(".erlang.cookie"), &random_letters())?;
        }
        // Its name is that of its data: started again in a folder, it has other ports and the same name.
        if !self.path("name").exists() {
            write("name", format!("baton-{}", random_letters().to_lowercase()))?;
        }
        Ok(())
    }

    fn node_name(&self) -> String {
        let name = fs::read_to_string(self.path("name")).unwrap_or_else(|_| "baton".to_owned());
        format!("{name}@localhost")
    }

    fn environment(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.path(name).display().to_string();
        let pairs = [
            ("HOME", path("")),
            ("RABBITMQ_NODENAME", self.node_name()),
            ("RABBITMQ_DIST_PORT", self.distribution_port.to_string()),
            ("ERL_EPMD_PORT", self.epmd_port.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", path("no-rabbitmq-env.conf")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", path("no-advanced.config")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
            ("RABBITMQ_MNESIA_BASE", path("data")),
            ("RABBITMQ_LOG_BASE", path("log")),
            // Schedulers that spin for work take the processors from those whom the broker serves.
            (
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
            ),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Maps names to ports, at this port.
pub(crate) fn start_epmd(port: u16, environment: &[(String, String)], folder: &Folder) -> Result<Group, ServiceError> {
    let program = find_program("epmd", &["/usr/bin/epmd"])?.display().to_string();
    let command = [program, "-port".to_owned(), port.to_string(), "-address".to_owned(), LOOPBACK.to_owned()];
    Group::start("epmd", &command, environment, folder, "epmd.log")
}

fn write_private(path: &Path, text: &str) -> Result<(), ServiceError> {
    fs::write(path, text).map_err(ServiceError::io(path.display().to_string()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o400)).map_err(ServiceError::io(path.display().to_string()))
}

/// Whether somebody greets there as a broker does who is ready: it answers the protocol's header with a method.
fn speaks_amqp(host: &str, port: u16) -> bool {
    let greet = || {
        let mut stream = TcpStream::connect((host, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"AMQP\x00\x00\x09\x01")?;
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        Ok::<bool, std::io::Error>(kind == [1])
    };
    greet().unwrap_or(false)
}

pub(crate) fn random_letters() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().map(|byte| char::from(b'A' + byte % 26)).collect()
}
