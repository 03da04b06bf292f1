/**
 * What stands in for packages in the Worker's bundle (`alias` in wrangler.jsonc), because they bring more than is used.
 * `test/runtime/workers/workers.test.ts` checks that nothing is missing.
 */

import { decodeHTMLStrict } from "entities/decode";
import {
  array,
  boolean,
  coerce,
  custom,
  discriminatedUnion,
  email,
  enum as enumOf,
  guid,
  int,
  iso,
  literal,
  looseObject,
  number,
  object,
  preprocess,
  record,
  safeParse,
  strictObject,
  string,
  toJSONSchema,
  tuple,
  undefined as undefinedOf,
  union,
  unknown,
  url,
  uuid,
} from "zod/v4";

/**
 * For the module `zod`: its own object `z` would bring the messages of 49 languages, a fifth of the bundle, although
 * they are never used.
 */
export const z = {
  array,
  boolean,
  coerce,
  custom,
  discriminatedUnion,
  email,
  enum: enumOf,
  guid,
  int,
  iso,
  literal,
  looseObject,
  number,
  object,
  preprocess,
  record,
  safeParse,
  strictObject,
  string,
  toJSONSchema,
  tuple,
  undefined: undefinedOf,
  union,
  unknown,
  url,
  uuid,
};

/**
 * For `decode-named-character-reference`: its table has the same 2,125 names as the one that the HTML parser brings, so
 * that one table serves both.
 */
export function decodeNamedCharacterReference(name: string): string | false {
  // This function is for names only, not for numbers.
  if (name.startsWith("#")) return false;
  const reference = `&${name};`;
  const text = decodeHTMLStrict(reference);
  return text === reference ? false : text;
}

/**
 * For `@ungap/structured-clone`, which is for hosts without this function; also for `ajv` and `ajv-formats`, a
 * constructor and a function: the MCP SDK creates a validator for forms that a server asks a person to fill in, and
 * Groundcrew offers none.
 */
export default function cloneOrCreate(value: unknown = {}): unknown {
  return structuredClone(value);
}
