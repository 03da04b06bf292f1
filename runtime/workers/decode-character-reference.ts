import { decodeHTMLStrict } from "entities/decode";

/**
 * Stands in for `decode-named-character-reference` in the Worker's bundle. Its table has the same 2,125 names as the
 * one that the HTML parser brings, so that one table serves both.
 */
export function decodeNamedCharacterReference(name: string): string | false {
  // This function is for names only, not for numbers.
  if (name.startsWith("#")) return false;
  const reference = `&${name};`;
  const text = decodeHTMLStrict(reference);
  return text === reference ? false : text;
}
