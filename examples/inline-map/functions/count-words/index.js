exports.handler = async ({ number, title, text }) => {
  if (typeof text !== "string") throw new TypeError(`document ${number} has no text`);
  return { number, title, words: text.split(/\s+/).filter(Boolean).length };
};
