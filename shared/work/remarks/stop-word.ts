/** Words that alone stop the work, without accents and in lower case. */
const STOP_WORDS: ReadonlySet<string> = new Set(["stop", "arrete", "arretez"]);

/** Accents, and what may surround the word: spaces, punctuation and quotation marks. */
const IGNORED = /\p{M}|^[\s\p{P}]+|[\s\p{P}]+$/gu;

/** Whether a text is only `stop` or `arrête`, in any case, with or without accents and punctuation. */
export function isStopWord(text: string): boolean {
  if (text.length > 40) return false;
  return STOP_WORDS.has(text.normalize("NFD").replace(IGNORED, "").toLowerCase());
}
