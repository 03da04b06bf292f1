import { visit } from "jsonc-parser";

type ParsedJson = { ok: true; value: unknown } | { ok: false; position: JsonPosition };

/** A place in a text, both counted from 1, as editors show it. The column counts UTF-16 units. */
interface JsonPosition {
  line: number;
  column: number;
}

/**
 * Parses JSON. For invalid JSON it returns the place of the first error, which `JSON.parse` names only in some of its
 * messages; those messages also quote the text, which may be a secret.
 */
export function parseJsonText(text: string): ParsedJson {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false, position: findFirstError(text) };
  }
}

/** Formats the place of an error for people: `content that is not valid JSON (line 3, column 7)`. */
export function formatJsonError({ line, column }: JsonPosition): string {
  return `content that is not valid JSON (line ${line}, column ${column})`;
}

function findFirstError(text: string): JsonPosition {
  let position: JsonPosition | undefined;
  const onError = (_code: number, _offset: number, _length: number, line: number, character: number) => {
    position ??= { line: line + 1, column: character + 1 };
  };
  visit(text, { onError }, { disallowComments: true, allowTrailingComma: false });
  return position ?? { line: 1, column: 1 };
}
