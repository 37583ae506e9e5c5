//! Items of a text that is in memory already.

use crate::format::{Input, Step};
use crate::spec::ReaderConfig;
use crate::{Item, ReadFailure};

use super::text::format;

/// The items of a text, `MaxItems` of them at most, as they are read from an object with that text. For what is given in an object's place, and
/// for tests: the pieces in which a text comes must not matter.
pub fn items_of_text<'a>(config: &ReaderConfig, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Item>, ReadFailure> {
    let (mut format, mut input) = (format(config, Default::default())?, Input::default());
    let (mut pieces, mut items) = (pieces.into_iter(), Vec::new());
    while config.max_items == 0 || (items.len() as u64) < config.max_items {
        match format.next(&mut input)? {
            Step::Item(found) => items.push(Item { text: found.text, key: found.key, source: "STATE_DATA".into() }),
            Step::End => break,
            Step::More => match pieces.next() {
                Some(piece) => input.push(piece),
                None => input.finish(),
            },
        }
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InputType;

    #[test]
    fn pieces_do_not_matter() {
        let config = ReaderConfig { input_type: Some(InputType::Csv), max_items: 2, ..ReaderConfig::default() };
        let text = b"a,b\n1,2\n3,4\n5,6\n";
        let whole = items_of_text(&config, [text.as_slice()]).expect("items");
        assert_eq!(whole.iter().map(|item| &*item.text).collect::<Vec<_>>(), [r#"{"a":"1","b":"2"}"#, r#"{"a":"3","b":"4"}"#]);
        assert_eq!(items_of_text(&config, text.chunks(1)), Ok(whole));
    }
}
