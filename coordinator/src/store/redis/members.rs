//! The members of the cluster, each as it speaks of itself.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use redis::Value;

use super::figures::{Operation, counted};
use super::functions::Function;
use super::lane::{Lane, Patience};
use super::{RedisOpenError, RedisOptions, RedisStore, reached, reply, settings};
use crate::store::{Member, MemberSession, Membership, ShardSet, StoreError};

/// Largest record, bytes. A thousand sessions have 16 kB.
const RECORD_BYTES_MAX: usize = 4 << 20;

/// Version of the record, its first byte.
const VERSION: u8 = 1;

/// What stands at the server of a member. Another version of it has another [`VERSION`].
#[derive(bincode::Encode, bincode::Decode)]
struct Record {
    name: String,
    incarnation: u64,
    address: String,
    weight: u32,
    level: u32,
    is_leaving: bool,
    owned: Vec<u8>,
    sessions: Vec<(u64, u64)>,
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<RECORD_BYTES_MAX>()
}

fn encode(member: &Member) -> Vec<u8> {
    let record = Record {
        name: member.name.to_string(),
        incarnation: member.incarnation,
        address: member.address.to_string(),
        weight: member.weight,
        level: member.level,
        is_leaving: member.is_leaving,
        owned: member.owned.as_bytes().to_vec(),
        sessions: member.sessions.iter().map(|session| (session.incarnation, session.session_id)).collect(),
    };
    let mut bytes = vec![VERSION];
    bincode::encode_into_std_write(record, &mut bytes, config()).expect("a record is smaller than its limit");
    bytes
}

fn decode(bytes: &[u8]) -> Result<Member, StoreError> {
    let corrupt = |detail: String| StoreError::Corrupt(format!("a member's record cannot be read: {detail}"));
    let record = match bytes.split_first() {
        Some((&VERSION, record)) => record,
        Some((version, _)) => return Err(corrupt(format!("its version is {version}, this is baton's {VERSION}"))),
        None => return Err(corrupt("it is empty".to_owned())),
    };
    let (record, _): (Record, _) = bincode::decode_from_slice(record, config()).map_err(|error| corrupt(error.to_string()))?;
    let session = |(incarnation, session_id)| MemberSession { incarnation, session_id };
    Ok(Member {
        name: record.name.into(),
        incarnation: record.incarnation,
        address: record.address.into(),
        weight: record.weight,
        level: record.level,
        is_leaving: record.is_leaving,
        owned: ShardSet::from_bytes(&record.owned),
        sessions: record.sessions.into_iter().map(session).collect(),
    })
}

/// A member, for whoever looks at a cluster from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSeen {
    /// As it has said.
    pub member: Member,
    /// How long ago it was heard of, by the server's clock, milliseconds.
    pub heard_ms_ago: i64,
}

impl RedisStore {
    /// The members that the server has heard of lately, by name, without becoming one and without opening the store.
    pub async fn members(options: &RedisOptions) -> Result<Vec<MemberSeen>, RedisOpenError> {
        let server = reached(options).await?;
        let lane = Lane::new(server.clone());
        let refused = |error: StoreError| settings::refused(&server, error.to_string());
        let command = |words: &[&str]| {
            let mut command = redis::cmd(words[0]);
            command.arg(&words[1..]);
            lane.query(server.names.slot, command, Patience::CALL)
        };
        let time = command(&["TIME"]).await.map_err(refused)?;
        let now = reply::time(&time).map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        let heard = command(&["ZRANGE", &server.names.heard, "0", "-1", "WITHSCORES"]).await.map_err(refused)?;
        let mut members = Vec::new();
        for (incarnation, at) in reply::scores(&heard) {
            let record = command(&["HGET", &server.names.members, &incarnation]).await.map_err(refused)?;
            let Some(bytes) = reply::bytes(record) else { continue };
            let member = decode(&bytes).map_err(refused)?;
            members.push(MemberSeen { member, heard_ms_ago: now - at });
        }
        members.sort_by(|one, other| one.member.name.cmp(&other.member.name));
        Ok(members)
    }
}

impl Membership for RedisStore {
    fn beat<'a>(&'a self, me: &'a Member) -> BoxFuture<'a, Result<Vec<Arc<Member>>, StoreError>> {
        Box::pin(async move {
            let names = &self.inner.server.names;
            let mut command = self.inner.server.library.call(Function::Beat, &[names.members.as_str(), names.heard.as_str()]);
            command.arg(me.incarnation).arg(encode(me)).arg(self.inner.options.member_lifetime.as_millis() as u64);
            let answer = counted(Operation::Beat, self.inner.control.query(names.slot, command, Patience::BEAT)).await?;
            let Value::Array(records) = answer else { return Err(reply::unexpected("a beat", &answer)) };
            let mut members = Vec::with_capacity(records.len());
            for record in records {
                let bytes = reply::bytes(record).ok_or_else(|| StoreError::Corrupt("a member has no record".to_owned()))?;
                members.push(Arc::new(decode(&bytes)?));
            }
            members.sort_unstable_by_key(|member| member.incarnation);
            Ok(members)
        })
    }

    fn leave(&self, incarnation: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let names = &self.inner.server.names;
            let mut command = self.inner.server.library.call(Function::Leave, &[names.members.as_str(), names.heard.as_str()]);
            command.arg(incarnation);
            self.inner.control.query(names.slot, command, Patience::BEAT).await.map(drop)
        })
    }

    fn lifetime(&self) -> Duration {
        self.inner.options.member_lifetime
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ShardId;

    #[test]
    fn a_member_is_read_as_it_spoke() {
        let member = Member {
            name: "a".into(),
            incarnation: u64::MAX,
            address: "http://127.0.0.1:8083".into(),
            weight: 4,
            level: 2,
            is_leaving: true,
            owned: [ShardId::CATALOG, ShardId(7)].into_iter().collect(),
            sessions: Arc::new([MemberSession { incarnation: 3, session_id: 4 }]),
        };
        assert_eq!(decode(&encode(&member)), Ok(member.clone()));
        let mut other = encode(&member);
        other[0] = 2;
        assert!(matches!(decode(&other), Err(StoreError::Corrupt(_))));
        assert!(matches!(decode(&[]), Err(StoreError::Corrupt(_))));
        assert!(matches!(decode(&encode(&member)[..20]), Err(StoreError::Corrupt(_))));
    }
}
