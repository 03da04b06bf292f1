import { z } from "zod";
import { environmentSchema } from "../../shared/config/environment.ts";
import { listSecretKinds, PROVISION_SECRET_NAMES } from "../../shared/config/secrets.ts";
import { settingsFileSchema } from "../../shared/config/settings-file.ts";
import {
  formatLimits,
  formatType,
  getItemSchema,
  getNamedSchema,
  type JsonSchema,
  listAlternatives,
  listFields,
} from "./json-schema.ts";
import { escapeProse, renderCode, renderTable } from "./markdown.ts";

/** Settings of the environment that are no secrets. */
export function renderEnvironment(): string {
  const schema = z.toJSONSchema(environmentSchema, { io: "input", unrepresentable: "any" });
  const defaults = environmentSchema.parse({});
  const rows = Object.entries(environmentSchema.shape).map(([name, setting]) => {
    const { description = "", meaning = "" } = setting.meta() ?? {};
    const field = listFields(schema).find((one) => one.name === name);
    const value: unknown = Reflect.get(defaults, name);
    const type = field?.schema.enum ? formatType(field.schema) : description;
    return [renderCode(name), escapeProse(type), formatEnvironmentDefault(value), escapeProse(String(meaning))];
  });
  return renderTable(["Setting", "Value", "Default", "Meaning"], rows);
}

/** Secrets, of which each can also come from a file. */
export function renderSecrets(): string {
  const rows = listSecretKinds().map(({ name, wanted, meaning, many }) => [
    renderCode(name),
    escapeProse(wanted),
    many ? "several" : "one",
    escapeProse(meaning),
  ]);
  const provision = PROVISION_SECRET_NAMES.map((name) => [
    renderCode(name),
    "a password",
    "one",
    "Password of PLANE_ADMIN_EMAIL. Only provision and doctor read it.",
  ]);
  return renderTable(["Secret", "Value", "Valid at once", "Meaning"], [...rows, ...provision]);
}

/** Every field of the settings file: a table for each object in it. */
export function renderSettingsFile(): string {
  const schema = z.toJSONSchema(settingsFileSchema, { io: "input", unrepresentable: "any" });
  return listObjects("", schema)
    .map(({ path, object, variant }) => `### ${path || "Top level"}${variant}\n\n${renderObject(path, object)}`)
    .join("\n\n");
}

interface FoundObject {
  path: string;
  /** Where several objects may stand in one place: which of them this is. */
  variant: string;
  object: JsonSchema;
}

/** An object and the objects inside it, outer ones first. */
function listObjects(path: string, object: JsonSchema, variant = ""): FoundObject[] {
  const inner = listFields(object).flatMap(({ name, schema }) => {
    const fieldPath = path === "" ? name : `${path}.${name}`;
    const item = getItemSchema(schema);
    const named = getNamedSchema(schema);
    const objects = listInnerObjects(item ?? named ?? schema);
    const place = item ? `${fieldPath}[]` : named ? `${fieldPath}.ID` : fieldPath;
    return objects.flatMap((one) => {
      const kind = listFields(one).find((field) => field.schema.const !== undefined);
      const suffix = objects.length > 1 && kind ? `, ${kind.name} ${formatType(kind.schema)}` : "";
      return listObjects(place, one, suffix);
    });
  });
  // An object of one known field, such as {"kind": "none"}, needs no table.
  const isTold = listFields(object).some(({ schema }) => schema.const === undefined);
  return isTold ? [{ path, object, variant }, ...inner] : inner;
}

function listInnerObjects(schema: JsonSchema): JsonSchema[] {
  if (listFields(schema).length > 0) return [schema];
  return listAlternatives(schema).flatMap(listInnerObjects);
}

function renderObject(path: string, object: JsonSchema): string {
  const rows = listFields(object).map(({ name, schema, required }) => [
    renderCode(name),
    formatFieldValue(path, name, schema),
    required && schema.const === undefined ? "required" : formatFileDefault(schema.default),
    escapeProse(String(schema["meaning"] ?? "")),
  ]);
  return renderTable(["Field", "Value", "Default", "Meaning"], rows);
}

function formatFieldValue(path: string, name: string, schema: JsonSchema): string {
  if (schema.description !== undefined) return escapeProse(schema.description);
  const item = getItemSchema(schema);
  const fieldPath = path === "" ? name : `${path}.${name}`;
  if (item && listFields(item).length > 0) return `list of objects, see ${renderCode(`${fieldPath}[]`)}`;
  if (listFields(schema).length > 0) return `object, see ${renderCode(fieldPath)}`;
  const limits = formatLimits(schema);
  if (item?.enum) return `list of ${item.enum.map((value) => renderCode(String(value))).join(", ")}`;
  if (item) return `list of ${formatType(item)}s`;
  return `${escapeProse(formatPlainType(schema))}${limits === "" ? "" : `, ${limits}`}`;
}

const formatPlainType = (schema: JsonSchema) =>
  (schema.enum?.map((value) => renderCode(String(value))).join(", ") ?? formatType(schema)).replaceAll(" | ", " or ");

function formatEnvironmentDefault(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return "";
  return renderCode(String(value));
}

function formatFileDefault(value: unknown): string {
  if (value === undefined) return "";
  const isEmpty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  if (isEmpty) return "";
  return Array.isArray(value) && value.length > 3 ? "all" : renderCode(JSON.stringify(value));
}
