//! A message: its body and its properties.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString};
use prost::Message as _;

use baton_proto::offer::v1::Offers;

use crate::Offer;

const CONTENT_TYPE: &str = "application/x-baton-offers";
/// Of the body. A change that an older reader would misread needs another.
const VERSION: u32 = 1;
/// AMQP's word for messages that outlive a restart of the broker.
const PERSISTENT: u8 = 2;
/// Far above what 64 offers need; a body beyond it is nobody's that we know.
const BODY_BYTES_MAX: usize = 1_048_576;
/// How much of a body that cannot be read is worth a line of the log.
const EXCERPT_BYTES: usize = 48;

/// Of every message of a queue.
pub(super) fn properties(namespace: &str, queue: &str) -> BasicProperties {
    let text = |text: &str| AMQPValue::LongString(LongString::from(text));
    let mut headers = FieldTable::default();
    headers.insert("ns".into(), text(namespace));
    headers.insert("queue".into(), text(queue));
    headers.insert("v".into(), AMQPValue::LongUInt(VERSION));
    BasicProperties::default().with_content_type(CONTENT_TYPE.into()).with_delivery_mode(PERSISTENT).with_headers(headers)
}

pub(super) fn encode(offers: &[Offer]) -> Vec<u8> {
    Offers { offers: offers.to_vec() }.encode_to_vec()
}

/// The offers of a message, or what is wrong with it.
pub(super) fn decode(body: &[u8], properties: &BasicProperties) -> Result<Vec<Offer>, String> {
    let content_type = properties.content_type().as_ref().map_or("", |text| text.as_str());
    if content_type != CONTENT_TYPE {
        return Err(format!("its content type is {content_type:?}"));
    }
    if let Some(version) = version(properties).filter(|version| *version != i64::from(VERSION)) {
        return Err(format!("its version is {version}"));
    }
    if body.len() > BODY_BYTES_MAX {
        return Err("it is too long".to_owned());
    }
    match Offers::decode(body) {
        Ok(Offers { offers }) if offers.is_empty() => Err("it has no offers".to_owned()),
        Ok(Offers { offers }) => Ok(offers),
        Err(error) => Err(error.to_string()),
    }
}

/// `None` if it has none: then it is the first.
fn version(properties: &BasicProperties) -> Option<i64> {
    let value = properties.headers().as_ref()?.inner().get("v")?;
    match value {
        AMQPValue::LongUInt(version) => Some((*version).into()),
        AMQPValue::LongInt(version) => Some((*version).into()),
        AMQPValue::LongLongInt(version) => Some(*version),
        AMQPValue::ShortInt(version) => Some((*version).into()),
        AMQPValue::ShortUInt(version) => Some((*version).into()),
        // Whoever puts something else there does not follow our numbers.
        _ => Some(-1),
    }
}

/// The beginning of a body, for the log.
pub(super) fn excerpt(body: &[u8]) -> String {
    let more = if body.len() > EXCERPT_BYTES { "…" } else { "" };
    format!("{}{more}", body[..body.len().min(EXCERPT_BYTES)].escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded() {
        let offer = Offer { token: vec![1, 2, 3].into(), offer_no: 4, scheduled_ms: 5, traceparent: "00-1-2-3".to_owned() };
        let properties = properties("ns", "lambda:Pay");
        assert_eq!(decode(&encode(std::slice::from_ref(&offer)), &properties), Ok(vec![offer]));
    }

    #[test]
    fn foreign_bodies_are_refused_with_a_reason() {
        let ours = properties("ns", "lambda:Pay");
        let plain = BasicProperties::default().with_content_type("text/plain".into());
        let mut newer = FieldTable::default();
        newer.insert("v".into(), AMQPValue::LongUInt(2));
        let newer = BasicProperties::default().with_content_type(CONTENT_TYPE.into()).with_headers(newer);
        let body = encode(&[Offer::default()]);
        let refused: Vec<String> = [
            decode(&body, &plain),
            decode(&body, &newer),
            decode(b"\xff\xff\xff", &ours),
            decode(b"", &ours),
            decode(&vec![0; BODY_BYTES_MAX + 1], &ours),
        ]
        .into_iter()
        .map(|result| result.expect_err("it is not ours"))
        .collect();
        assert_eq!(refused[0], "its content type is \"text/plain\"");
        assert_eq!(refused[1], "its version is 2");
        assert_eq!(refused[3], "it has no offers");
        assert_eq!(refused[4], "it is too long");
        assert_eq!(excerpt(b"hello\n"), "hello\\n");
        assert!(excerpt(&[b'a'; 100]).ends_with("a…"));
    }
}
