//! `ItemBatcher`: how many items each child workflow gets.

use super::cursor::Cursor;
use super::fields::ITEM_BATCHER;
use super::template::Reserved;
use super::{Context, Parsed, Parser};
use crate::message;
use crate::model::ItemBatcher;

/// The input of a child workflow, in bytes.
const MAX_INPUT_BYTES: i64 = 262_144;
const LIMITS: &[&str] = &["MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"];

impl Parser<'_> {
    pub(crate) fn item_batcher(&mut self, batcher: &Cursor<'_>, context: Context) -> Parsed<ItemBatcher> {
        self.object(batcher)?;
        let fields = self.check_fields(batcher, context.language, &[ITEM_BATCHER]);
        let is_limited = LIMITS.iter().any(|limit| batcher.has(limit));
        let limited = if is_limited { Ok(()) } else { Err(self.error(batcher, message::exactly_one_of(LIMITS))) };
        let items = ["MaxItemsPerBatch", "MaxItemsPerBatchPath"];
        let max_items = self.integer_field(batcher, context, items, [0, i64::MAX]);
        let bytes = ["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"];
        let max_input_bytes = self.integer_field(batcher, context, bytes, [0, MAX_INPUT_BYTES]);
        let batch_input = batcher.get("BatchInput");
        let batch_input = batch_input.map(|input| self.template(&input, context, Reserved::NONE)).transpose();
        fields?;
        limited?;
        Ok(ItemBatcher { max_items: max_items?, max_input_bytes: max_input_bytes?, batch_input: batch_input? })
    }
}
