/**
 * Stands in for `ajv` and `ajv-formats` in the Worker's bundle: a constructor and a function. The MCP SDK creates a
 * validator for forms that a server asks a person to fill in; Groundcrew offers none, and checks its tools' input with zod.
 */
export default function createNothing(): object {
  return {};
}
