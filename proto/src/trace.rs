//! Trace contexts: W3C's `traceparent` and AWS X-Ray's trace header say the same in different words.
//!
//! An execution keeps X-Ray's form, since that is what AWS's API shows and hands to functions; the other is made of it where it is wanted.

/// Whose part something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; not 0.
    pub trace_id: u128,
    /// The span that something is done for; `None` where only the trace is known.
    pub parent: Option<u64>,
    /// Whether the trace is recorded; `None` where that is left to others.
    pub is_sampled: Option<bool>,
}

impl TraceContext {
    /// Reads a `traceparent`; `None` if it is none. Of versions to come only what this one has is read, as W3C wants it.
    pub fn from_traceparent(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace_id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_of_length = version.len() == 2 && trace_id.len() == 32 && parent.len() == 16 && flags.len() == 2;
        if !is_of_length || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let lower = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if ![version, trace_id, parent, flags].into_iter().all(lower) {
            return None;
        }
        let trace_id = u128::from_str_radix(trace_id, 16).ok().filter(|id| *id != 0)?;
        let parent = u64::from_str_radix(parent, 16).ok().filter(|id| *id != 0)?;
        let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        Some(Self { trace_id, parent: Some(parent), is_sampled: Some(is_sampled) })
    }

    /// Reads X-Ray's header, `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`; `None` without a root.
    pub fn from_xray(text: &str) -> Option<Self> {
        let mut context = Self { trace_id: 0, parent: None, is_sampled: None };
        for part in text.split(';') {
            let (key, value) = part.trim().split_once('=')?;
            match key {
                "Root" => context.trace_id = root(value)?,
                "Parent" => context.parent = hex::<16>(value).and_then(|id| u64::try_from(id).ok()).filter(|id| *id != 0),
                "Sampled" => context.is_sampled = (value != "?").then_some(value == "1"),
                // Self, and whatever others put there.
                _ => {}
            }
        }
        (context.trace_id != 0).then_some(context)
    }

    /// As W3C writes it; `None` without a parent.
    pub fn traceparent(&self) -> Option<String> {
        let flags = u8::from(self.is_sampled == Some(true));
        self.parent.map(|parent| format!("00-{:032x}-{parent:016x}-{flags:02x}", self.trace_id))
    }

    /// As X-Ray writes it.
    pub fn xray(&self) -> String {
        let id = format!("{:032x}", self.trace_id);
        let parent = self.parent.map(|parent| format!(";Parent={parent:016x}")).unwrap_or_default();
        let sampled = self.is_sampled.map(|sampled| format!(";Sampled={}", u8::from(sampled))).unwrap_or_default();
        format!("Root=1-{}-{}{parent}{sampled}", &id[..8], &id[8..])
    }
}

/// `1-5759e988-bd862e3fe1be46a994272793`.
fn root(value: &str) -> Option<u128> {
    let (time, random) = value.strip_prefix("1-")?.split_once('-')?;
    let (time, random) = (hex::<8>(time)?, hex::<24>(random)?);
    Some(time << 96 | random)
}

/// So many digits.
fn hex<const N: usize>(text: &str) -> Option<u128> {
    let is_hex = text.len() == N && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const XRAY: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    const W3C: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";

    #[test]
    fn both_forms_say_the_same() {
        let context = TraceContext::from_xray(XRAY).expect("it has a root");
        assert_eq!(TraceContext::from_traceparent(W3C), Some(context));
        assert_eq!((context.xray().as_str(), context.traceparent().as_deref()), (XRAY, Some(W3C)));
    }

    #[test]
    fn parts_of_an_xray_header_may_be_absent_and_in_any_order() {
        let context = TraceContext::from_xray("Sampled=0; Self=1-x;Root=1-00000000-000000000000000000000001").expect("it has a root");
        assert_eq!(context, TraceContext { trace_id: 1, parent: None, is_sampled: Some(false) });
        assert_eq!(context.traceparent(), None);
        assert_eq!(context.xray(), "Root=1-00000000-000000000000000000000001;Sampled=0");
        assert_eq!(
            TraceContext::from_xray("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=?").and_then(|context| context.is_sampled),
            None
        );
        for not_one in [
            "",
            "Parent=53995c3f42cd8ad8",
            "Root=1-5759e988",
            "Root=2-5759e988-bd862e3fe1be46a994272793",
            "Root",
            "Root=1-5759e98g-bd862e3fe1be46a994272793",
        ] {
            assert_eq!(TraceContext::from_xray(not_one), None, "{not_one}");
        }
    }

    #[test]
    fn what_w3c_calls_invalid_is_none() {
        let of_a_later_version = W3C.replacen("00", "cc", 1) + "-what-comes-later";
        assert!(TraceContext::from_traceparent(&of_a_later_version).is_some());
        let invalid = [
            "",
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8",
            "00-5759E988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
            "00-00000000000000000000000000000000-53995c3f42cd8ad8-01",
            "00-5759e988bd862e3fe1be46a994272793-0000000000000000-01",
            "ff-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01-more",
            "00-+759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
        ];
        for text in invalid {
            assert_eq!(TraceContext::from_traceparent(text), None, "{text}");
        }
    }
}
