//! Which server has which keys: all are at one, or each node of a Redis Cluster has some of the hash slots.

use std::sync::Arc;

use redis::Value;

use super::node::Node;
use super::reply;

/// Hash slots of a Redis Cluster.
const SLOTS: u16 = 16384;

/// The slot of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u16);

impl Slot {
    /// Of every key that has this hash tag, as the specification of Redis Cluster counts.
    pub(super) fn of_tag(tag: &str) -> Slot {
        Slot(crc16::State::<crc16::XMODEM>::calculate(tag.as_bytes()) % SLOTS)
    }
}

/// The servers, and what each has.
pub(super) struct Layout {
    nodes: Vec<Arc<Node>>,
    /// First slot, last slot, node, in ascending order; none where one server has everything.
    ranges: Vec<(u16, u16, usize)>,
}

impl Layout {
    /// One server has everything.
    pub(super) fn one(node: Arc<Node>) -> Self {
        Self { nodes: vec![node], ranges: Vec::new() }
    }

    /// As a cluster tells. `node` gives the server at an address.
    pub(super) fn of_cluster(told: &Told, mut node: impl FnMut(&str) -> Result<Arc<Node>, String>) -> Result<Self, String> {
        let mut nodes: Vec<Arc<Node>> = Vec::new();
        let mut addresses: Vec<&str> = Vec::new();
        let mut ranges = Vec::new();
        for (first, last, address) in &told.ranges {
            let place = match addresses.iter().position(|known| known == address) {
                Some(place) => place,
                None => {
                    nodes.push(node(address)?);
                    addresses.push(address);
                    nodes.len() - 1
                }
            };
            ranges.push((*first, *last, place));
        }
        Ok(Self { nodes, ranges })
    }

    pub(super) fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// Whether the keys are spread over the nodes of a Redis Cluster.
    pub(super) fn is_cluster(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// The place of the slot's server among [`nodes`](Self::nodes).
    pub(super) fn place_of(&self, Slot(slot): Slot) -> usize {
        let after = self.ranges.partition_point(|(first, ..)| *first <= slot);
        after.checked_sub(1).map_or(0, |at| self.ranges[at].2)
    }

    /// Whether slots are where they are in `other`.
    pub(super) fn is_like(&self, other: &Layout) -> bool {
        let is_same = |(one, other): (&Arc<Node>, &Arc<Node>)| Arc::ptr_eq(one, other);
        self.ranges == other.ranges && self.nodes.len() == other.nodes.len() && self.nodes.iter().zip(&other.nodes).all(is_same)
    }
}

/// What a node of a Redis Cluster says about the cluster.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Of several nodes that say something else, the one that has seen the most changes is right.
    pub(super) epoch: u64,
    /// It takes commands.
    pub(super) is_ok: bool,
    /// First slot, last slot, `host:port`, in ascending order.
    ranges: Vec<(u16, u16, String)>,
}

impl Told {
    /// Reads `CLUSTER INFO` and `CLUSTER SLOTS` of the node at `asked`, which is `host:port`. Slots that nobody has make it an error.
    pub(super) fn read(info: &Value, slots: &Value, asked: &str) -> Result<Told, String> {
        let info = reply::info(info);
        let epoch = info.get("cluster_current_epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        let is_ok = info.get("cluster_state").is_some_and(|state| state == "ok");
        let Value::Array(entries) = slots else { return Err("it does not tell its slots".to_owned()) };
        let range = |entry| range(entry, asked).ok_or_else(|| "a range of its slots cannot be read".to_owned());
        let mut ranges = entries.iter().map(range).collect::<Result<Vec<_>, _>>()?;
        ranges.sort_unstable();
        let mut next = 0;
        for (first, last, _) in &ranges {
            if *first != next {
                return Err(format!("nobody has the slots {next} to {}: `redis-cli --cluster fix {asked}`", first.saturating_sub(1)));
            }
            next = last + 1;
        }
        match next {
            SLOTS => Ok(Told { epoch, is_ok, ranges }),
            _ => Err(format!("nobody has the slots {next} to {}: `redis-cli --cluster fix {asked}`", SLOTS - 1)),
        }
    }
}

/// `[first, last, [host, port, …], replicas …]`. A node that does not know its own address is at the one that was asked.
fn range(entry: &Value, asked: &str) -> Option<(u16, u16, String)> {
    let Value::Array(parts) = entry else { return None };
    let slot = |at: usize| u16::try_from(reply::number(parts.get(at)?)?).ok().filter(|slot| *slot < SLOTS);
    let Value::Array(primary) = parts.get(2)? else { return None };
    let port = reply::number(primary.get(1)?)?;
    let asked_host = asked.rsplit_once(':').map_or(asked, |(host, _)| host);
    let address = match reply::text(primary.first()?).filter(|host| !host.is_empty() && host != "?") {
        Some(host) if host.contains(':') => format!("[{host}]:{port}"),
        Some(host) => format!("{host}:{port}"),
        None => format!("{asked_host}:{port}"),
    };
    Some((slot(0)?, slot(1)?, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn slots(ranges: &[(i64, i64, &str)]) -> Value {
        let entry = |(first, last, host): &(i64, i64, &str)| {
            let primary = Value::Array(vec![bulk(host), Value::Int(7000), bulk("id")]);
            Value::Array(vec![Value::Int(*first), Value::Int(*last), primary])
        };
        Value::Array(ranges.iter().map(entry).collect())
    }

    fn told(ranges: &[(i64, i64, &str)]) -> Result<Told, String> {
        Told::read(&bulk("cluster_state:ok\r\ncluster_current_epoch:7\r\n"), &slots(ranges), "asked:1")
    }

    fn node(address: &str) -> Result<Arc<Node>, String> {
        Ok(Arc::new(Node::at(redis::Client::open(format!("redis://{address}")).unwrap())))
    }

    #[test]
    fn a_tag_has_the_slot_that_redis_gives_it() {
        // CLUSTER KEYSLOT "{user1000}.following" and "123456789" of a real server.
        assert_eq!(Slot::of_tag("user1000"), Slot(3443));
        assert_eq!(Slot::of_tag("123456789"), Slot(12739));
    }

    #[test]
    fn each_slot_is_at_its_node() {
        let told = told(&[(8000, 16383, "b"), (0, 4999, "a"), (5000, 7999, "")]).unwrap();
        assert_eq!((told.epoch, told.is_ok), (7, true));
        let layout = Layout::of_cluster(&told, node).unwrap();
        let address = |slot| layout.nodes()[layout.place_of(Slot(slot))].address();
        assert_eq!([0, 4999, 5000, 8000, 16383].map(address), ["a:7000", "a:7000", "asked:7000", "b:7000", "b:7000"]);
        assert!(layout.is_cluster());
        assert!(layout.is_like(&layout));
        assert!(!layout.is_like(&Layout::of_cluster(&told, node).unwrap()));
    }

    #[test]
    fn one_server_has_everything() {
        let layout = Layout::one(node("a:1").unwrap());
        assert_eq!((layout.place_of(Slot(0)), layout.place_of(Slot(16383)), layout.is_cluster()), (0, 0, false));
    }

    #[test]
    fn slots_that_nobody_has_are_named() {
        assert!(told(&[(0, 99, "a"), (200, 16383, "b")]).unwrap_err().contains("the slots 100 to 199"));
        assert!(told(&[(0, 99, "a")]).unwrap_err().contains("the slots 100 to 16383"));
        assert!(told(&[(0, 99_999, "a")]).is_err());
        assert!(Told::read(&Value::Nil, &Value::Nil, "a:1").is_err());
    }
}
