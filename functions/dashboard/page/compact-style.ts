/** Texts come first, so that what they contain is left alone. */
const NEEDLESS_SPACE = /("[^"]*")|\/\*[\s\S]*?\*\/\n?|\s*([{};,])\s*|(:)\s+/g;

/** A style sheet without its comments and the spaces that mean nothing: they are a fifth of it. */
export function compactStyle(style: string): string {
  return style.replaceAll(NEEDLESS_SPACE, "$1$2$3");
}
