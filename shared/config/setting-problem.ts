/** Something a setting needs before Groundcrew can start. `given` never holds a secret's value. */
export interface SettingProblem {
  /** The setting's name; inside the JSON file with the place, for example `GROUNDCREW_CONFIG agents[0].email`. */
  name: string;
  given: string;
  wanted: string;
}

/**
 * What a setting holds, for people: quoted, cut at 100 characters, without the credentials a URL may carry. Of what has
 * parts only their names: one of them may be a secret.
 */
export function formatSettingValue(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = describeShape(value) ?? (JSON.stringify(value) ?? typeof value).replace(/\/\/[^\s"]*@/g, "//…@");
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function describeShape(value: unknown): string | undefined {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value !== "object" || value === null) return undefined;
  return `an object with ${Object.keys(value).join(", ") || "nothing in it"}`;
}
