// Makes links without the program under test: deflate with its dictionary, base64url, three characters that check it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { deflateRawSync } from "node:zlib";

const WORDS = readFileSync(fileURLToPath(new URL("../../crates/scenario/src/link_words_1.txt", import.meta.url)));
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function check(word) {
  let hash = 0x811c9dc5;
  for (const letter of word) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  let digits = "";
  for (let at = 0; at < 3; at++) {
    digits += DIGITS[hash % 62];
    hash = Math.floor(hash / 62);
  }
  return digits;
}

// A link to any text or bytes behind any first line.
export function linkTo(text, head = "0.1.0") {
  const bytes = Buffer.concat([Buffer.from(`${head}\n`), Buffer.from(text)]);
  const word = deflateRawSync(bytes, { level: 9, dictionary: WORDS }).toString("base64url");
  return `#s=1.${word}${check(word)}`;
}
