/** Something a setting needs before Groundcrew can start. `given` never holds a secret's value. */
export interface Problem {
  /** The setting's name; inside the JSON file with the place, for example `GROUNDCREW_CONFIG agents[0].email`. */
  name: string;
  given: string;
  wanted: string;
}

/** What a setting holds, for people: quoted, cut at 100 characters, without the credentials a URL may carry. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = (JSON.stringify(value) ?? typeof value).replace(/\/\/[^/\s]*@/g, "//…@");
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
