//! Task queues over RabbitMQ, 3.10 and later.
//!
//! Two connections, because a broker that is short of memory stops reading from those that publish: one publishes, one consumes and looks.
//! Each is kept by a supervisor of its own. Absent on purpose: dead-letter exchanges, and messages that expire. What becomes of a
//! task that nobody takes is the engine's business.

mod acknowledgements;
mod backoff;
mod consumer;
mod errors;
mod facts;
mod greeting;
mod management;
mod message;
mod names;
mod policies;
mod publisher;
mod queue_types;
mod settings;
mod subscription;
mod supervisor;
mod topology;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lapin::{Channel, Connection};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

pub use self::facts::{BrokerFacts, Fact, inspect};
pub use self::policies::{Policy, PolicyState, shipped_policies};
use self::publisher::Publisher;
use self::queue_types::QueueTypes;
pub use self::settings::{AddressError, BrokerAddress, QueueType, RabbitMqSettings};
use self::subscription::Subscription;
use self::supervisor::State;
use crate::{Consumer, Depth, Link, Offer, QueueError, TaskQueue};

const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Task queues at a RabbitMQ. When it and the last of its consumers are dropped, the connections close.
pub struct RabbitMqQueue {
    settings: Arc<RabbitMqSettings>,
    queue_types: Arc<QueueTypes>,
    publishing: watch::Receiver<State<Arc<Publisher>>>,
    consuming: watch::Receiver<State<Arc<Connection>>>,
    link: watch::Receiver<Link>,
    supervisors: [AbortHandle; 2],
}

impl RabbitMqQueue {
    /// Begins to connect and answers at once; [`link`](TaskQueue::link) tells when there is a connection. Needs a tokio runtime around it.
    pub fn start(settings: RabbitMqSettings) -> Self {
        let (settings, queue_types) = (Arc::new(settings), Arc::new(QueueTypes::default()));
        let (publishing, consuming) = (State::new(), State::new());
        let halves = Arc::new(Halves { link: watch::Sender::default(), up: watch::Sender::default() });
        let (publishing_seen, consuming_seen, link) = (publishing.subscribe(), consuming.subscribe(), halves.link.subscribe());
        let supervisors = [
            tokio::spawn(keep_publishing(settings.clone(), queue_types.clone(), publishing, halves.clone())).abort_handle(),
            tokio::spawn(keep_consuming(settings.clone(), consuming, halves)).abort_handle(),
        ];
        Self { settings, queue_types, publishing: publishing_seen, consuming: consuming_seen, link, supervisors }
    }

    fn publisher(&self) -> Result<Arc<Publisher>, QueueError> {
        self.publishing.borrow().clone().up()
    }

    fn consuming(&self) -> Result<Arc<Connection>, QueueError> {
        self.consuming.borrow().clone().up()
    }

    fn name(&self, queue: &str) -> String {
        names::queue_name(&self.settings.namespace, queue)
    }
}

impl TaskQueue for RabbitMqQueue {
    fn publish<'a>(&'a self, queue: &'a str, offers: Vec<Offer>) -> BoxFuture<'a, Result<(), QueueError>> {
        async move { self.publisher()?.publish(queue, &offers).await }.boxed()
    }

    fn consume<'a>(&'a self, queue: &'a str, prefetch: u16) -> BoxFuture<'a, Result<Box<dyn Consumer>, QueueError>> {
        async move {
            let (connection, queue_type) = (self.consuming()?, self.queue_types.of_new(&self.settings).await);
            let consumer = Subscription::start(connection, self.name(queue), queue_type, prefetch).await?;
            Ok(Box::new(consumer) as Box<dyn Consumer>)
        }
        .boxed()
    }

    fn depth<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<Option<Depth>, QueueError>> {
        async move {
            let connection = self.consuming()?;
            topology::depth(&connection, &self.name(queue)).await
        }
        .boxed()
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    fn namespace(&self) -> Option<&str> {
        Some(&self.settings.namespace)
    }
}

impl Drop for RabbitMqQueue {
    fn drop(&mut self) {
        self.supervisors.iter().for_each(AbortHandle::abort);
    }
}

impl fmt::Debug for RabbitMqQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMqQueue").field("settings", &self.settings).field("link", &*self.link.borrow()).finish_non_exhaustive()
    }
}

/// Which of the two connections are there: publishing, consuming.
struct Halves {
    link: watch::Sender<Link>,
    up: watch::Sender<(bool, bool)>,
}

impl Halves {
    fn change(&self, set: impl FnOnce(&mut (bool, bool)), is_new_publisher: bool) {
        self.up.send_modify(set);
        let (publishing, consuming) = *self.up.borrow();
        self.link.send_modify(|link| {
            link.is_up = publishing && consuming;
            // What was offered goes over the publishing connection; the loss of the other gives messages back and loses none.
            link.generation += u64::from(is_new_publisher);
        });
    }
}

async fn keep_publishing(
    settings: Arc<RabbitMqSettings>,
    queue_types: Arc<QueueTypes>,
    state: watch::Sender<State<Arc<Publisher>>>,
    halves: Arc<Halves>,
) {
    let set_up = |connection, give_up| async {
        let queue_type = queue_types.of_new(&settings).await;
        Publisher::set_up(connection, give_up, settings.namespace.clone(), queue_type).await
    };
    let changed = |is_up| halves.change(|up| up.0 = is_up, is_up);
    supervisor::keep(settings.clone(), "publishes", state, set_up, changed).await;
}

async fn keep_consuming(settings: Arc<RabbitMqSettings>, state: watch::Sender<State<Arc<Connection>>>, halves: Arc<Halves>) {
    let set_up = |connection: Arc<Connection>, _| async move {
        topology::declare_exchange(&connection).await?;
        Ok(connection)
    };
    let changed = |is_up| halves.change(|up| up.1 = is_up, false);
    supervisor::keep(settings.clone(), "consumes", state, set_up, changed).await;
}

/// Gives a channel back that is not needed any more. One that is closed already needs nothing, and nobody waits for a broker that is silent.
async fn normal_close(channel: &Channel) {
    let _ = timeout(CLOSE_PATIENCE, channel.close(200, "done".into())).await;
}
