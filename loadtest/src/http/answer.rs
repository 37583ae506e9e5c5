//! Reads an HTTP/1.1 answer out of the bytes received so far.

use super::HttpError;

/// Longer heads than this are no answer of an API.
const HEAD_LEN_MAX: usize = 64 * 1024;
/// A page of a history is the longest answer: 1,000 events with payloads of 256 KiB would be 256 MB, which no server sends.
const BODY_LEN_MAX: usize = 64 * 1024 * 1024;

/// One complete answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// What the head says about the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Bytes up to and including the empty line.
    pub(super) len: usize,
    pub(super) body: BodyLength,
    pub(super) closes: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyLength {
    Known(usize),
    Chunked,
}

/// The head at the start of `received`, or `None` until all of it is there.
pub(super) fn read_head(received: &[u8]) -> Result<Option<Head>, HttpError> {
    let Some(end) = find(received, b"\r\n\r\n") else {
        return if received.len() > HEAD_LEN_MAX { Err(HttpError::Protocol("the head has no end")) } else { Ok(None) };
    };
    let mut lines = Lines(&received[..end]);
    let status = lines.next().and_then(read_status).ok_or(HttpError::Protocol("not an HTTP/1.1 status line"))?;
    let mut head = Head { status, len: end + 4, body: BodyLength::Known(0), closes: false };
    for line in lines {
        head.read_field(line)?;
    }
    Ok(Some(head))
}

impl Head {
    fn read_field(&mut self, line: &[u8]) -> Result<(), HttpError> {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Err(HttpError::Protocol("a header line without a colon"));
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let len = read_number(value, 10).ok_or(HttpError::Protocol("content-length is no number"))?;
            self.body = BodyLength::Known(within_limit(len)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.body = BodyLength::Chunked;
        } else if name.eq_ignore_ascii_case(b"connection") {
            self.closes = value.eq_ignore_ascii_case(b"close");
        }
        Ok(())
    }
}

/// The decoded body of a chunked answer and the bytes it took, or `None` until its last chunk is there.
pub(super) fn read_chunks(received: &[u8]) -> Result<Option<(Vec<u8>, usize)>, HttpError> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line_len) = find(&received[at..], b"\r\n") else {
            return Ok(None);
        };
        let size = received[at..at + line_len].split(|byte| *byte == b';').next().unwrap_or_default();
        let size = read_number(size.trim_ascii(), 16).ok_or(HttpError::Protocol("a chunk size that is no number"))?;
        within_limit(body.len().saturating_add(size))?;
        at += line_len + 2;
        let Some(chunk) = received.get(at..at + size) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        let Some(line_end) = received.get(at + size..at + size + 2) else {
            return Ok(None);
        };
        if line_end != b"\r\n" {
            return Err(HttpError::Protocol("a chunk without an end, or with trailers"));
        }
        at += size + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

fn within_limit(len: usize) -> Result<usize, HttpError> {
    if len > BODY_LEN_MAX { Err(HttpError::Protocol("the body is too long")) } else { Ok(len) }
}

fn read_status(line: &[u8]) -> Option<u16> {
    let digits = line.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    read_number(digits, 10).and_then(|status| u16::try_from(status).ok())
}

fn read_number(digits: &[u8], radix: u32) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = find(self.0, b"\r\n").unwrap_or(self.0.len());
        let line = &self.0[..end];
        self.0 = self.0.get(end + 2..).unwrap_or_default();
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_head_with_a_length() {
        let text = b"HTTP/1.1 400 Bad Request\r\nContent-Type: x\r\ncontent-LENGTH:  12\r\nConnection: close\r\n\r\n{...";
        let head = read_head(text).expect("a valid head").expect("a whole head");
        assert_eq!(head, Head { status: 400, len: text.len() - 4, body: BodyLength::Known(12), closes: true });
    }

    #[test]
    fn waits_for_the_rest() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
        for cut in 0..text.len() {
            assert_eq!(read_head(&text[..cut]).expect("no error"), None, "{cut}");
        }
        let chunks = b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        for cut in 0..chunks.len() {
            assert_eq!(read_chunks(&chunks[..cut]).expect("no error"), None, "{cut}");
        }
        assert_eq!(read_chunks(chunks).expect("no error"), Some((b"abcde".to_vec(), chunks.len())));
    }

    #[test]
    fn refuses_nonsense() {
        for text in ["HTTP/2 200\r\n\r\n", "hello\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nno\r\n\r\n"]
        {
            assert!(read_head(text.as_bytes()).is_err(), "{text:?}");
        }
        let forged = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
        assert!(read_head(forged.as_bytes()).is_err());
        assert!(read_head(&[b'x'; HEAD_LEN_MAX + 1]).is_err());
        assert!(read_chunks(b"ffffffffffffffff\r\n").is_err());
        assert!(read_chunks(b"3\r\nabcde").is_err());
    }
}
