/** Variable that holds the text of the settings file, because a Worker has no files. */
export const CONFIG_VARIABLE = "GROUNDCREW_CONFIG_JSON";

/** Limit of one part in characters: 1,250 of at most 4 bytes fit the 5 KB that Cloudflare allows for a variable. */
const MAX_PART_LENGTH = 1_250;

const getPartName = (index: number) => (index === 0 ? CONFIG_VARIABLE : `${CONFIG_VARIABLE}_${index + 1}`);

/** Divides the text of the settings file into `GROUNDCREW_CONFIG_JSON`, `GROUNDCREW_CONFIG_JSON_2` and so on. */
export function splitConfigText(text: string): Record<string, string> {
  const characters = [...text];
  const parts: Record<string, string> = {};
  for (let i = 0; i * MAX_PART_LENGTH < characters.length; i += 1)
    parts[getPartName(i)] = characters.slice(i * MAX_PART_LENGTH, (i + 1) * MAX_PART_LENGTH).join("");
  return parts;
}

/** Joins the parts; undefined without the first one. */
export function joinConfigText(variables: Record<string, string>): string | undefined {
  if (variables[CONFIG_VARIABLE] === undefined) return undefined;
  let text = "";
  for (let i = 0; ; i += 1) {
    const part = variables[getPartName(i)];
    if (part === undefined) return text;
    text += part;
  }
}

export const isConfigVariable = (name: string): boolean => new RegExp(`^${CONFIG_VARIABLE}(_\\d+)?$`).test(name);
