/** U+202F, the narrow no-break space. */
const NARROW = "\u202f";
/** U+00A0, the no-break space of a word's width. */
const WIDE = "\u00a0";

/**
 * Sets the spaces that French typography asks for (Lexique des règles typographiques de l'Imprimerie nationale): narrow
 * before `;`, `!`, `?` and `%`, of a word's width before `:` and units and inside « ». Whoever writes a French text may
 * write either, or a plain space.
 */
export function setFrenchSpaces(text: string): string {
  return text
    .replace(/[ \u00a0\u202f](?=[;!?%])/g, NARROW)
    .replace(/[ \u00a0\u202f](?=[:»](?!\/))/g, WIDE)
    .replace(/(?<=«)[ \u00a0\u202f]/g, WIDE)
    .replace(/(?<=[}\d]) (?=(?:s|min|h|j|Mio|Ko|Mo)\b)/g, WIDE);
}
