import type { ItemWrite } from "./items.ts";
import { Refusal } from "./refusal.ts";
import type { Json, JsonObject } from "./rows.ts";
import { isDay } from "./time.ts";
import type { Id, Priority } from "./types.ts";
import type { World } from "./world.ts";

const PRIORITIES: readonly Priority[] = ["urgent", "high", "medium", "low", "none"];
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** Collects a problem instead of stopping at the first, as Django REST framework does. */
type Problems = Record<string, Json>;
type Read<T> = { value: T } | { problem: string };

function readText(value: Json, most: number): Read<string> {
  if (value === null) return { problem: "This field may not be null." };
  if (typeof value !== "string" && typeof value !== "number") return { problem: "Not a valid string." };
  const text = String(value).trim();
  if (text === "") return { problem: "This field may not be blank." };
  if (text.includes("\0")) return { problem: "Null characters are not allowed." };
  if ([...text].length > most) return { problem: `Ensure this field has no more than ${most} characters.` };
  return { value: text };
}

function readDay(value: Json): Read<string | null> {
  if (value === null || (typeof value === "string" && isDay(value))) return { value };
  return { problem: "Date has wrong format. Use one of these formats instead: YYYY-MM-DD." };
}

function readKey(value: Json, exists: (id: Id) => boolean): Read<Id> {
  if (typeof value !== "string" || !UUID.test(value)) return { problem: `“${String(value)}” is not a valid UUID.` };
  const id = value.toLowerCase();
  return exists(id) ? { value: id } : { problem: `Invalid pk "${value}" - object does not exist.` };
}

/** Reads what the API was asked to write into a work item; throws a 400 that names every field that is wrong. */
export function readItemWrite(world: World, project: Id, body: JsonObject): ItemWrite {
  const problems: Problems = {};
  const write: ItemWrite = {};
  const field = <T>(name: string, read: (value: Json) => Read<T>, keep: (value: T) => void) => {
    const value = body[name];
    if (value === undefined) return;
    const found = read(value);
    if ("problem" in found) problems[name] = [found.problem];
    else keep(found.value);
  };
  const orNull =
    <T>(read: (value: Json) => Read<T>) =>
    (value: Json): Read<T | null> =>
      value === null ? { value: null } : read(value);
  const ids = (name: "assignees" | "labels", exists: (id: Id) => boolean) => {
    const value = body[name];
    if (value === undefined) return;
    if (!Array.isArray(value)) {
      problems[name] = [`Expected a list of items but got type "${typeof value === "string" ? "str" : "dict"}".`];
      return;
    }
    const found = value.map((each) => readKey(each, exists));
    const wrong = found.flatMap((each, index) =>
      "problem" in each ? [[String(index), [each.problem]] satisfies [string, Json]] : [],
    );
    if (wrong.length > 0) problems[name] = Object.fromEntries(wrong);
    else write[name] = [...new Set(found.flatMap((each) => ("value" in each ? [each.value] : [])))];
  };

  field(
    "name",
    (value) => readText(value, 255),
    (value) => {
      write.name = value;
    },
  );
  field(
    "description_html",
    (value): Read<string> => (typeof value === "string" ? { value } : { problem: "Not a valid string." }),
    (value) => {
      write.description_html = value;
    },
  );
  field(
    "priority",
    (value): Read<Priority> => {
      const known = PRIORITIES.find((each) => each === value);
      return known ? { value: known } : { problem: `"${String(value)}" is not a valid choice.` };
    },
    (value) => {
      write.priority = value;
    },
  );
  field("start_date", readDay, (value) => {
    write.start_date = value;
  });
  field("target_date", readDay, (value) => {
    write.target_date = value;
  });
  field(
    "state",
    (value) => readKey(value, (id) => world.data.states.has(id)),
    (value) => {
      write.state = value;
    },
  );
  field(
    "parent",
    orNull((value) => readKey(value, (id) => world.data.items.has(id))),
    (value) => {
      write.parent = value;
    },
  );
  field(
    "external_source",
    orNull((value) => readText(value, 255)),
    (value) => {
      write.external_source = value;
    },
  );
  field(
    "external_id",
    orNull((value) => readText(value, 255)),
    (value) => {
      write.external_id = value;
    },
  );
  field(
    "is_draft",
    (value): Read<boolean> => (typeof value === "boolean" ? { value } : { problem: "Must be a valid boolean." }),
    (value) => {
      write.is_draft = value;
    },
  );
  ids("assignees", (id) => world.data.users.has(id));
  ids("labels", (id) => world.data.labels.has(id));
  if (Object.keys(problems).length > 0) throw new Refusal(400, problems);
  checkTogether(world, project, write);
  return write;
}

function checkTogether(world: World, project: Id, write: ItemWrite): void {
  const wrong = (message: string) => new Refusal(400, { non_field_errors: [message] });
  // Plane reads it into a tree first, and there is none in nothing.
  if (write.description_html?.trim() === "") throw wrong("Invalid HTML passed");
  if (write.start_date && write.target_date && write.start_date > write.target_date)
    throw wrong("Start date cannot exceed target date");
  if (write.state && world.data.states.get(write.state)?.project !== project)
    throw wrong("State is not valid please pass a valid state_id");
  if (write.parent && world.data.items.get(write.parent)?.project !== project)
    throw wrong("Parent is not valid issue_id please pass a valid issue_id");
}
