//! What things are called at the broker.

use sha2::{Digest, Sha256};

/// The direct exchange that all offers go through; the routing key is the queue's name.
pub(super) const EXCHANGE: &str = "baton";

/// AMQP's bound on names.
const NAME_BYTES_MAX: usize = 255;
/// Of a digest that stands for the rest of a name; 128 bits do not meet by chance.
const DIGEST_BYTES: usize = 16;

/// `q.<namespace>.<name>`, in which bytes that a name cannot carry or that would blur it are escaped as in URLs. A name that is too long keeps its
/// beginning and has a digest of the whole in place of the rest. Different queues have different names.
pub(super) fn queue_name(namespace: &str, queue: &str) -> String {
    // A dot ends the namespace, so none is left inside of it.
    let name = format!("q.{}.{}", escaped(namespace, b"."), escaped(queue, b""));
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let digest: String = Sha256::digest(name.as_bytes()).iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect();
    // A tilde is escaped otherwise, so a shortened name is never that of a short one.
    format!("{}~{digest}", &name[..NAME_BYTES_MAX - digest.len() - 1])
}

/// The result is ASCII, so that it can be cut anywhere.
fn escaped(text: &str, also: &[u8]) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'~') && !also.contains(&byte);
    text.bytes().fold(String::with_capacity(text.len()), |mut name, byte| {
        if is_plain(byte) {
            name.push(byte.into());
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
        name
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn usual_names_stay_readable() {
        assert_eq!(queue_name("prod", "lambda:ChargeCard"), "q.prod.lambda:ChargeCard");
        let activity = "activity:arn:aws:states:us-east-1:123456789012:activity:Approve";
        assert_eq!(queue_name("prod", activity), format!("q.prod.{activity}"));
    }

    #[test]
    fn odd_names_fit_and_differ() {
        let long = "x".repeat(300);
        let shortened = queue_name("n", &long);
        let queues = [
            ("n", "a b"),
            ("n", "a%20b"),
            ("n", "a\nb"),
            ("n", "Zahlung prüfen"),
            ("n.a", "b"),
            ("n", "a.b"),
            ("", "n.a.b"),
            ("n", &long),
            ("n", &format!("{long}y")),
            // What a shortened name would be if somebody asked for it.
            ("n", &shortened["q.n.".len()..]),
        ];
        let names: BTreeSet<String> = queues.iter().map(|(namespace, queue)| queue_name(namespace, queue)).collect();
        assert_eq!(names.len(), queues.len(), "{names:?}");
        assert!(names.iter().all(|name| name.len() <= NAME_BYTES_MAX && name.is_ascii() && !name.contains(['\n', ' '])), "{names:?}");
        assert_eq!(shortened.len(), NAME_BYTES_MAX);
    }
}
