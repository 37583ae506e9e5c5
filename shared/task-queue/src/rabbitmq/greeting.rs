//! What a broker says of itself when it is greeted, which our library keeps to itself.

use futures_util::{AsyncReadExt, AsyncWriteExt};
use lapin::tcp::{AMQPUriTcpExt, OwnedTLSConfig};
use lapin::types::parsing::parse_field_table;
use lapin::types::{AMQPValue, FieldTable};

use super::settings::BrokerAddress;

/// The header that a client begins with, for AMQP 0-9-1.
const HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";
/// The kind of the frame that a broker answers with; one that wants another version repeats the header instead.
const METHOD_FRAME: u8 = 1;
/// A frame's kind, channel and size.
const FRAME_HEADER_BYTES: usize = 7;
/// Class and method of `connection.start`, and the protocol's version.
const START_BYTES: usize = 6;
/// Far above what any broker says.
const GREETING_BYTES_MAX: u32 = 131_072;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) product: Option<String>,
    pub(super) version: Option<String>,
    pub(super) cluster_name: Option<String>,
}

/// Connects, listens, and hangs up.
pub(super) async fn greeting_of(address: &BrokerAddress, certificates: Option<&str>) -> Result<Greeting, String> {
    let text = |error: std::io::Error| error.to_string();
    let runtime = lapin::runtime::default_runtime().map_err(|error| error.to_string())?;
    let tls = OwnedTLSConfig { identity: None, cert_chain: certificates.map(str::to_owned) };
    let mut stream = address.0.connect_with_config_async(tls.as_ref(), &runtime).await.map_err(text)?;
    stream.write_all(&HEADER).await.map_err(text)?;
    stream.flush().await.map_err(text)?;
    let mut header = [0; FRAME_HEADER_BYTES];
    stream.read_exact(&mut header).await.map_err(text)?;
    let size = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
    if header[0] != METHOD_FRAME || size > GREETING_BYTES_MAX {
        return Err("it does not speak AMQP 0-9-1".to_owned());
    }
    let mut payload = vec![0; size as usize];
    stream.read_exact(&mut payload).await.map_err(text)?;
    parse(&payload).ok_or_else(|| "its greeting cannot be read".to_owned())
}

fn parse(payload: &[u8]) -> Option<Greeting> {
    let (_, properties) = parse_field_table(payload.get(START_BYTES..)?).ok()?;
    let property = |name: &str| text_of(&properties, name);
    Some(Greeting { product: property("product"), version: property("version"), cluster_name: property("cluster_name") })
}

fn text_of(properties: &FieldTable, name: &str) -> Option<String> {
    match properties.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    }
}
