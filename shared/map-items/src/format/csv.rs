//! Rows of delimited text. Each becomes an object of strings under the names of its columns.
//!
//! The rules are those of AWS's documentation: a newline ends a row, but not inside double quotes; quotes are optional; `""` inside quotes is
//! a quote; a backslash keeps a backslash, a double quote and the delimiter from meaning anything, and before anything else it is dropped;
//! missing cells are empty, those beyond the last column are left out. An empty line is a row, as recorded of a line of blanks.

use std::collections::BTreeSet;

use super::java_map_order::java_map_order;
use super::{FormatError, Found, ITEM_BYTES_MAX, Input, Step, write_string};

/// Longest row of headers, as AWS has it.
pub(crate) const HEADER_BYTES_MAX: usize = 10 * 1024;

/// Reads delimited text.
#[derive(Debug)]
pub(crate) struct Csv {
    delimiter: u8,
    columns: Option<Columns>,
    row: Row,
}

/// The columns, in the order in which items show them.
#[derive(Debug)]
struct Columns {
    count: usize,
    /// Which cell, and the text `"name":` before its value.
    shown: Vec<(usize, Box<[u8]>)>,
}

/// A row that is being read.
#[derive(Debug, Default)]
struct Row {
    state: Cell,
    /// The cells one after another, quotes and escapes resolved.
    text: Vec<u8>,
    /// Where in `text` each finished cell ends.
    ends: Vec<usize>,
    /// Whether the cell that is being read has anything but blanks.
    solid: bool,
    /// Whether anything of the row has been read.
    begun: bool,
    /// Where it began.
    at: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cell {
    #[default]
    Plain,
    Quoted,
    /// After a quote inside quotes: another one means a quote.
    Quote,
    Escape {
        quoted: bool,
    },
    /// After a carriage return: a line feed still belongs to it.
    CarriageReturn,
}

impl Csv {
    /// With its columns' names, or with the names in the first row.
    pub(crate) fn new(delimiter: u8, headers: Option<&[String]>) -> Result<Self, FormatError> {
        let columns = headers.map(Columns::new).transpose()?;
        Ok(Self { delimiter, columns, row: Row::default() })
    }

    /// Whether the first row is still to be read.
    pub(crate) fn lacks_headers(&self) -> bool {
        self.columns.is_none()
    }

    /// Reads the first row. `false`: the input ends too early.
    pub(crate) fn read_headers(&mut self, input: &mut Input) -> Result<bool, FormatError> {
        if !input.skip_byte_order_mark() {
            return Ok(false);
        }
        if self.columns.is_some() {
            return Ok(true);
        }
        let done = self.row.read(input, self.delimiter, usize::MAX)?;
        if self.row.text.len() + self.row.ends.len() > HEADER_BYTES_MAX {
            return Err(FormatError::LongHeaders);
        }
        if !done {
            return if input.is_finished() && !self.row.begun { Err(FormatError::NoHeaders) } else { Ok(false) };
        }
        let names: Result<Vec<String>, _> = self.row.cells().map(|cell| String::from_utf8(cell.to_vec())).collect();
        self.columns = Some(Columns::new(&names.map_err(|_| FormatError::NotUtf8 { at: self.row.at })?)?);
        self.row = Row::default();
        Ok(true)
    }

    pub(crate) fn next(&mut self, input: &mut Input) -> Result<Step, FormatError> {
        if !self.read_headers(input)? {
            return Ok(Step::More);
        }
        let Some(columns) = &self.columns else { unreachable!("headers have been read") };
        if !self.row.read(input, self.delimiter, columns.count)? {
            return Ok(if input.is_finished() { Step::End } else { Step::More });
        }
        let text = columns.item(&self.row)?;
        self.row.clear();
        Ok(Step::Item(Found { text, key: None }))
    }
}

impl Columns {
    fn new(names: &[String]) -> Result<Self, FormatError> {
        let different: BTreeSet<&String> = names.iter().collect();
        if different.len() < names.len() {
            return Err(FormatError::DuplicateHeaders);
        }
        if names.is_empty() {
            return Err(FormatError::NoHeaders);
        }
        if names.iter().map(|name| name.len() + 1).sum::<usize>() > HEADER_BYTES_MAX {
            return Err(FormatError::LongHeaders);
        }
        let shown = java_map_order(names).into_iter().map(|index| (index, before_value(&names[index]))).collect();
        Ok(Self { count: names.len(), shown })
    }

    fn item(&self, row: &Row) -> Result<Box<str>, FormatError> {
        let names: usize = self.shown.iter().map(|(_, name)| name.len() + 3).sum();
        let mut text = Vec::with_capacity(row.text.len() + names + 2);
        for (index, before) in &self.shown {
            text.push(if text.is_empty() { b'{' } else { b',' });
            text.extend_from_slice(before);
            write_string(row.cell(*index), &mut text);
        }
        text.push(b'}');
        if text.len() > ITEM_BYTES_MAX {
            return Err(FormatError::LongItem { at: row.at });
        }
        String::from_utf8(text).map(String::into_boxed_str).map_err(|_| FormatError::NotUtf8 { at: row.at })
    }
}

fn before_value(name: &str) -> Box<[u8]> {
    let mut text = Vec::new();
    write_string(name.as_bytes(), &mut text);
    text.push(b':');
    text.into_boxed_slice()
}

impl Row {
    /// Reads on; whether the row is complete. Of its cells only the first `cells` are kept.
    fn read(&mut self, input: &mut Input, delimiter: u8, cells: usize) -> Result<bool, FormatError> {
        if !self.begun && !input.rest().is_empty() {
            self.begun = true;
            self.at = input.position();
        }
        let mut used = 0;
        for byte in input.rest() {
            if self.state == Cell::CarriageReturn {
                used += usize::from(*byte == b'\n');
                return Ok(self.complete(input, used, cells));
            }
            used += 1;
            if self.byte(*byte, delimiter, cells) {
                return Ok(self.complete(input, used, cells));
            }
        }
        input.advance(used);
        if self.text.len() > ITEM_BYTES_MAX {
            return Err(FormatError::LongItem { at: self.at });
        }
        self.end_of_input(input, cells)
    }

    fn end_of_input(&mut self, input: &mut Input, cells: usize) -> Result<bool, FormatError> {
        if !input.is_finished() || !self.begun {
            return Ok(false);
        }
        match self.state {
            Cell::Quoted | Cell::Escape { quoted: true } => {
                let problem = "un-terminated quoted field at the end of the file".into();
                Err(FormatError::Malformed { language: "CSV", problem, at: self.at })
            }
            Cell::Plain | Cell::Quote | Cell::Escape { quoted: false } | Cell::CarriageReturn => Ok(self.complete(input, 0, cells)),
        }
    }

    fn complete(&mut self, input: &mut Input, used: usize, cells: usize) -> bool {
        input.advance(used);
        self.end_cell(cells);
        true
    }

    /// Whether the byte ends the row.
    fn byte(&mut self, byte: u8, delimiter: u8, cells: usize) -> bool {
        match self.state {
            Cell::Plain => return self.plain(byte, delimiter, cells),
            Cell::Quoted => match byte {
                b'"' => self.state = Cell::Quote,
                b'\\' => self.state = Cell::Escape { quoted: true },
                _ => self.push(byte, cells),
            },
            Cell::Quote => {
                if byte == b'"' {
                    self.push(byte, cells);
                    self.state = Cell::Quoted;
                } else {
                    self.state = Cell::Plain;
                    return self.unquoted(byte, delimiter, cells);
                }
            }
            Cell::Escape { quoted } => {
                self.state = if quoted { Cell::Quoted } else { Cell::Plain };
                if byte == b'\\' || byte == b'"' || byte == delimiter || quoted {
                    self.push(byte, cells);
                } else {
                    return self.unquoted(byte, delimiter, cells);
                }
            }
            Cell::CarriageReturn => unreachable!("the row has ended"),
        }
        false
    }

    fn plain(&mut self, byte: u8, delimiter: u8, cells: usize) -> bool {
        if byte == b'"' && !self.solid {
            // Blanks before the quotes are not part of the cell.
            self.text.truncate(self.ends.last().copied().unwrap_or(0));
            self.solid = true;
            self.state = Cell::Quoted;
            return false;
        }
        self.unquoted(byte, delimiter, cells)
    }

    fn unquoted(&mut self, byte: u8, delimiter: u8, cells: usize) -> bool {
        match byte {
            b'\n' => return true,
            b'\r' => self.state = Cell::CarriageReturn,
            b'\\' => self.state = Cell::Escape { quoted: false },
            _ if byte == delimiter => self.end_cell(cells),
            _ => self.push(byte, cells),
        }
        false
    }

    fn push(&mut self, byte: u8, cells: usize) {
        self.solid |= !byte.is_ascii_whitespace();
        if self.ends.len() < cells {
            self.text.push(byte);
        }
    }

    fn end_cell(&mut self, cells: usize) {
        self.state = Cell::Plain;
        self.solid = false;
        if self.ends.len() < cells {
            self.ends.push(self.text.len());
        }
    }

    fn cell(&self, index: usize) -> &[u8] {
        let Some(end) = self.ends.get(index) else { return &[] };
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..*end]
    }

    fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|index| self.cell(index))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.begun = false;
    }
}
