/** Words that are read one after the other: a cursor in a text, and the patterns of the words at it. */

/** A place in a text, which moves behind what is read. */
export interface Cursor {
  text: string;
  at: number;
}

const NUMBERS = ["one", "two|deux|other", "three|trois", "four|quatre", "five|cinq", "six"] as const;

/** French letters with accents, which people may leave out. */
const ACCENTS: Record<string, string> = { a: "aàâ", c: "cç", e: "eéèêë", i: "iîï", o: "oô", u: "uùûü" };

/** A word of the vocabulary, alternatives separated by `|`, at the cursor; blanks and commas before it are skipped. */
export function toPattern(words: string): RegExp {
  const accented = words
    .replace(/(?<!\\)[aceiou]/g, (letter) => `[${ACCENTS[letter] ?? letter}]`)
    .replace(/ (\??)/g, (_, optional) => (optional === "" ? "\\s+" : "\\s?"));
  return new RegExp(`[\\s,]*(?:${accented})(?![\\p{L}\\p{N}])`, "iuy");
}

/** Digits of a number. */
export const NUMBER = toPattern("([0-9]{1,4})");

/** Reads a number in digits, or a small one in words; undefined when there is none. */
export function readNumber(cursor: Cursor): number | undefined {
  const digits = takeWord(cursor, NUMBER)?.[1];
  if (digits !== undefined) return Number(digits);
  const named = NUMBERS.findIndex((words) => takeWord(cursor, toPattern(words)));
  return named < 0 ? undefined : named + 1;
}

/** Reads items that commas or the word `and` separate. */
export function readItems<T>(cursor: Cursor, and: RegExp, readItem: () => T[] | undefined): T[] {
  const first = readItem();
  return first === undefined ? [] : [...first, ...readOtherItems(cursor, and, readItem)];
}

/** Reads what follows the first item of a list; a word that is no further item stays unread, with the "and" before it. */
export function readOtherItems<T>(cursor: Cursor, and: RegExp, readItem: () => T[] | undefined): T[] {
  const next = attempt(cursor, () => (takeWord(cursor, and) || hasComma(cursor) ? readItem() : undefined));
  return next === undefined ? [] : [...next, ...readOtherItems(cursor, and, readItem)];
}

function hasComma({ text, at }: Cursor): boolean {
  return /^\s*,/.test(text.slice(at, at + 20));
}

/** Reads what may be absent: without a result the cursor is where it was. */
export function attempt<T>(cursor: Cursor, read: () => T | undefined): T | undefined {
  const start = cursor.at;
  const result = read();
  if (result === undefined) cursor.at = start;
  return result;
}

/** Whether a word is at the cursor, which stays there. */
export function isNext(cursor: Cursor, pattern: RegExp): boolean {
  return takeWord({ ...cursor }, pattern) !== undefined;
}

/** Reads a word and moves the cursor behind it; undefined when it is not there. */
export function takeWord(cursor: Cursor, pattern: RegExp): RegExpExecArray | undefined {
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(cursor.text);
  if (!match) return undefined;
  cursor.at = pattern.lastIndex;
  return match;
}
