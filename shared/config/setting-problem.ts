import { cleanLine } from "../clean-text.ts";
import { formatPosition, type JsonPosition } from "./parse-json-text.ts";

/** A setting that is invalid or missing, so that Groundcrew cannot start. `given` never contains a secret's value. */
export interface SettingProblem {
  /** The setting's name; in the settings file also the path, for example `GROUNDCREW_CONFIG agents[0].email`. */
  name: string;
  given: string;
  wanted: string;
  /** Place of the value in the settings file. */
  position?: JsonPosition;
}

/** Limit of each part of a problem in a message, in UTF-16 units. */
const MAX_PART_LENGTH = 2_000;

/** The parts contain names and values from files, so each is cleaned to one line without control characters. */
const clean = (text: string) => cleanLine(text, MAX_PART_LENGTH);

/** Formats problems for people, three lines each. */
export function formatSettingProblems(problems: readonly SettingProblem[]): string {
  return problems
    .map((problem) => {
      const { given, wanted } = problem;
      return `  ${formatSettingPlace(problem)}\n    given:  ${clean(given)}\n    wanted: ${clean(wanted)}\n`;
    })
    .join("\n");
}

/** Formats a problem in one line, for logs. */
export function formatSettingProblem(problem: SettingProblem): string {
  return `${formatSettingPlace(problem)}: given ${clean(problem.given)}, wanted ${clean(problem.wanted)}`;
}

/** The setting's name, and its place in the settings file. */
export function formatSettingPlace({ name, position }: Pick<SettingProblem, "name" | "position">): string {
  return clean(name) + (position ? ` (${formatPosition(position)})` : "");
}

/**
 * Formats a setting's value for people: quoted, cut at 100 characters, without the credentials of a URL. Of an object
 * only the names of its fields are shown, because a field may be a secret.
 */
export function formatSettingValue(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = describeShape(value) ?? (JSON.stringify(value) ?? typeof value).replace(/\/\/[^\s"]*@/g, "//…@");
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function describeShape(value: unknown): string | undefined {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value !== "object" || value === null) return undefined;
  return `an object with ${Object.keys(value).join(", ") || "no fields"}`;
}
