import { PlaneApiError } from "./api-error.ts";
import type { ItemWrite } from "./items.ts";
import type { Json, JsonObject } from "./rows.ts";
import { isDay } from "./time.ts";
import type { Id, Priority } from "./types.ts";
import type { PlaneWorld } from "./world.ts";

const PRIORITIES: readonly Priority[] = ["urgent", "high", "medium", "low", "none"];
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** Problems by field. Django REST framework reports all of them, not only the first. */
type Problems = Record<string, Json>;
type ParseResult<T> = { value: T } | { problem: string };

function parseText(value: Json, maxLength: number): ParseResult<string> {
  if (value === null) return { problem: "This field may not be null." };
  if (typeof value !== "string" && typeof value !== "number") return { problem: "Not a valid string." };
  const text = String(value).trim();
  if (text === "") return { problem: "This field may not be blank." };
  if (text.includes("\0")) return { problem: "Null characters are not allowed." };
  if ([...text].length > maxLength) return { problem: `Ensure this field has no more than ${maxLength} characters.` };
  return { value: text };
}

function parseDay(value: Json): ParseResult<string | null> {
  if (value === null || (typeof value === "string" && isDay(value))) return { value };
  return { problem: "Date has wrong format. Use one of these formats instead: YYYY-MM-DD." };
}

function parseId(value: Json, exists: (id: Id) => boolean): ParseResult<Id> {
  if (typeof value !== "string" || !UUID.test(value)) return { problem: `“${String(value)}” is not a valid UUID.` };
  const id = value.toLowerCase();
  return exists(id) ? { value: id } : { problem: `Invalid pk "${value}" - object does not exist.` };
}

/** Parses a request body into a write to a work item. Throws a 400 that names every invalid field. */
export function parseItemWrite(world: PlaneWorld, project: Id, body: JsonObject): ItemWrite {
  const problems: Problems = {};
  const write: ItemWrite = {};
  const parseField = <T>(name: string, parse: (value: Json) => ParseResult<T>, assign: (value: T) => void) => {
    const value = body[name];
    if (value === undefined) return;
    const parsed = parse(value);
    if ("problem" in parsed) problems[name] = [parsed.problem];
    else assign(parsed.value);
  };
  const orNull =
    <T>(parse: (value: Json) => ParseResult<T>) =>
    (value: Json): ParseResult<T | null> =>
      value === null ? { value: null } : parse(value);
  const parseIds = (name: "assignees" | "labels", exists: (id: Id) => boolean) => {
    const value = body[name];
    if (value === undefined) return;
    if (!Array.isArray(value)) {
      problems[name] = [`Expected a list of items but got type "${typeof value === "string" ? "str" : "dict"}".`];
      return;
    }
    const parsed = value.map((id) => parseId(id, exists));
    const problemEntries = parsed.flatMap((result, index) =>
      "problem" in result ? [[String(index), [result.problem]] satisfies [string, Json]] : [],
    );
    if (problemEntries.length > 0) problems[name] = Object.fromEntries(problemEntries);
    else write[name] = [...new Set(parsed.flatMap((result) => ("value" in result ? [result.value] : [])))];
  };

  parseField(
    "name",
    (value) => parseText(value, 255),
    (value) => {
      write.name = value;
    },
  );
  parseField(
    "description_html",
    (value): ParseResult<string> => (typeof value === "string" ? { value } : { problem: "Not a valid string." }),
    (value) => {
      write.description_html = value;
    },
  );
  parseField(
    "priority",
    (value): ParseResult<Priority> => {
      const priority = PRIORITIES.find((name) => name === value);
      return priority ? { value: priority } : { problem: `"${String(value)}" is not a valid choice.` };
    },
    (value) => {
      write.priority = value;
    },
  );
  parseField("start_date", parseDay, (value) => {
    write.start_date = value;
  });
  parseField("target_date", parseDay, (value) => {
    write.target_date = value;
  });
  parseField(
    "state",
    (value) => parseId(value, (id) => world.data.states.has(id)),
    (value) => {
      write.state = value;
    },
  );
  parseField(
    "parent",
    orNull((value) => parseId(value, (id) => world.data.items.has(id))),
    (value) => {
      write.parent = value;
    },
  );
  parseField(
    "external_source",
    orNull((value) => parseText(value, 255)),
    (value) => {
      write.external_source = value;
    },
  );
  parseField(
    "external_id",
    orNull((value) => parseText(value, 255)),
    (value) => {
      write.external_id = value;
    },
  );
  parseField(
    "is_draft",
    (value): ParseResult<boolean> => (typeof value === "boolean" ? { value } : { problem: "Must be a valid boolean." }),
    (value) => {
      write.is_draft = value;
    },
  );
  parseIds("assignees", (id) => world.data.users.has(id));
  parseIds("labels", (id) => world.data.labels.has(id));
  if (Object.keys(problems).length > 0) throw new PlaneApiError(400, problems);
  checkCombinations(world, project, write);
  return write;
}

function checkCombinations(world: PlaneWorld, project: Id, write: ItemWrite): void {
  const createProblem = (message: string) => new PlaneApiError(400, { non_field_errors: [message] });
  // Plane parses the HTML first, which fails for an empty text.
  if (write.description_html?.trim() === "") throw createProblem("Invalid HTML passed");
  if (write.start_date && write.target_date && write.start_date > write.target_date)
    throw createProblem("Start date cannot exceed target date");
  if (write.state && world.data.states.get(write.state)?.project !== project)
    throw createProblem("State is not valid please pass a valid state_id");
  if (write.parent && world.data.items.get(write.parent)?.project !== project)
    throw createProblem("Parent is not valid issue_id please pass a valid issue_id");
}
