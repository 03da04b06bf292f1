/** One token of JSON5: blanks and comments, punctuation, a string in either kind of quotes, or a word. */
const TOKEN =
  /(?:\s+|\/\/[^\n\r]*|\/\*[\s\S]*?\*\/)|([{}[\],:])|"((?:\\[\s\S]|[^"\\])*)"|'((?:\\[\s\S]|[^'\\])*)'|([^\s{}[\],:"'/]+)/y;

const ESCAPES: Record<string, string> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", v: "\v", "0": "\0" };

/**
 * Parses JSON with what OpenClaw's settings may also contain: comments, trailing commas, keys without quotes and
 * strings in single quotes. Throws a SyntaxError, whose message may quote the text.
 */
export function parseJson5(text: string): unknown {
  const tokens = [...readTokens(text)];
  const parts = tokens.map((token, at) => {
    const next = tokens[at + 1];
    if (token.kind === "string") return JSON.stringify(token.text);
    if (token.kind === "word") return next?.text === ":" ? JSON.stringify(token.text) : toJsonWord(token.text);
    const isTrailing = token.text === "," && next?.kind === "punctuation" && /[}\]]/.test(next.text);
    return isTrailing ? "" : token.text;
  });
  return JSON.parse(parts.join(" "));
}

interface Token {
  kind: "punctuation" | "string" | "word";
  text: string;
}

function* readTokens(text: string): Generator<Token> {
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (!found) throw new SyntaxError(`unexpected character at ${at}`);
    const [, punctuation, double, single, word] = found;
    const string = double ?? single;
    if (punctuation !== undefined) yield { kind: "punctuation", text: punctuation };
    else if (string !== undefined) yield { kind: "string", text: unescapeText(string) };
    else if (word !== undefined) yield { kind: "word", text: word };
  }
}

function unescapeText(text: string): string {
  return text.replace(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(\r\n|[\s\S]))/gi, (_, unicode, hex, other: string) => {
    const code: string | undefined = unicode ?? hex;
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    // A backslash at the end of a line continues the string.
    return /^[\r\n]/.test(other) ? "" : (ESCAPES[other] ?? other);
  });
}

/** `true`, `false`, `null` or a number as JSON writes it. JSON has no infinity, so it becomes null. */
function toJsonWord(word: string): string {
  if (/^(?:true|false|null)$/.test(word)) return word;
  const number = Number(word);
  if (Number.isNaN(number) && word !== "NaN") throw new SyntaxError("unexpected word");
  return JSON.stringify(number);
}
