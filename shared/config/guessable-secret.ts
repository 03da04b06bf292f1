/** Which secrets are too easy to guess to guard anything: placeholders of examples, repeated characters and sequences. */

/** What a problem calls such a secret, which it never repeats. */
export const GUESSABLE_SECRET = "a placeholder or a pattern, which is easily guessed";

/** Words of placeholders, and of the secrets that are tried first; written without separators. */
const WORDS =
  `change changeme replace insert put your my our this that here with example sample dummy default placeholder
  todo fixme please real value random string text some something not is an to me set enter fill in character characters
  secret password passwd passwort passphrase pass pwd token key api bearer auth login letmein welcome
  administrator root user guest master super top very groundcrew demo foo bar baz qux redacted none null`.split(/\s+/);

/** What fingers and memory walk along: digits, letters, the rows of keyboards (US, German, French) and their columns. */
const ROWS = [
  "01234567890",
  "abcdefghijklmnopqrstuvwxyz",
  "qwertyuiop",
  "asdfghjkl",
  "zxcvbnm",
  "qwertzuiop",
  "yxcvbnm",
  "azertyuiop",
  "qsdfghjklm",
  "wxcvbn",
  "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
  "1q2w3e4r5t6y7u8i9o0p",
  "!@#$%^&*()",
];

/** Steps along a row count from 3 characters on: two neighbours are frequent in random texts, too. */
const MIN_WALK = 3;

/** Characters that nobody guesses by words and rows: with fewer than 3 the rest of a secret is tried in no time. */
const MIN_UNKNOWN = 3;

/** The same beside a word that only placeholders contain: fewer than 12 are a name or a number added to it. */
const MIN_UNKNOWN_BESIDE_PLACEHOLDER = 12;

const PLACEHOLDER =
  /^your|changeme|changethis|replaceme|replacethis|placeholder|example|(?:token|secret|password|key)here/;

/** Names of what a secret guards, with a short number at most. */
const OWN_NAME = /^(?:admin|tick|runner|agent|bridge|groundcrew|token|secret|password|key)+\d{0,4}$/;

const WORD_PATTERN = new RegExp(WORDS.toSorted((a, b) => b.length - a.length).join("|"), "g");

const WALKS = ROWS.flatMap((row) => [row, [...row].reverse().join("")]);

/**
 * Whether a secret is a placeholder or a pattern rather than random: repeated texts (`changemechangeme`, `aaaa…`), rows of
 * keyboards and digits, and words of placeholders and common passwords with hardly anything else. A secret of 16 or more
 * random characters practically never is: it would have to repeat its first half, or consist of such words and rows.
 */
export function isGuessableSecret(secret: string): boolean {
  const text = secret.toLowerCase().replaceAll(/[-_.:/<>{}\s]/g, "");
  if (new Set(text).size < 4 || isRepetition(text) || OWN_NAME.test(text)) return true;
  const unknown = countUnknown(text.replaceAll(WORD_PATTERN, " "));
  return unknown < (PLACEHOLDER.test(text) ? MIN_UNKNOWN_BESIDE_PLACEHOLDER : MIN_UNKNOWN);
}

/** Whether the text repeats a part of at most half its length; the last repetition may be incomplete. */
function isRepetition(text: string): boolean {
  for (let period = 1; period <= text.length / 2; period += 1)
    if (text.slice(period) === text.slice(0, -period)) return true;
  return false;
}

/** Number of characters that belong to no walk along a row and to no repetition of one character; spaces do not count. */
function countUnknown(text: string): number {
  let unknown = 0;
  for (let at = 0; at < text.length; ) {
    let end = at + MIN_WALK;
    while (end <= text.length && isWalk(text.slice(at, end))) end += 1;
    const length = end - 1 - at;
    if (length < MIN_WALK && text[at] !== " ") unknown += 1;
    at += length < MIN_WALK ? 1 : length;
  }
  return unknown;
}

function isWalk(text: string): boolean {
  return text === (text[0] ?? "").repeat(text.length) || WALKS.some((row) => row.includes(text));
}
