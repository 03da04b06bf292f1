import { expect, test } from "vitest";
import { decodeNamedCharacterReference } from "../../../runtime/workers/decode-character-reference.ts";

/** The table that the Markdown parser uses on a machine; a package that the product itself does not import. */
const TABLE_FILE = ["../../../node_modules", "character-entities", "index.js"].join("/");
const TABLE: { characterEntities: Record<string, string> } = await import(new URL(TABLE_FILE, import.meta.url).href);

test("a Worker decodes every named character reference of Markdown as a machine does", () => {
  const entries = Object.entries(TABLE.characterEntities);
  expect(entries.length).toBeGreaterThan(2_000);
  expect(entries.filter(([name, text]) => decodeNamedCharacterReference(name) !== text)).toEqual([]);
  const others = ["nothing", "ampx", "notit", "AMPERSAND", "", "#38", "toString"];
  expect(others.filter((name) => decodeNamedCharacterReference(name) !== false)).toEqual([]);
});
