import { cleanLine } from "../../clean-text.ts";

/** What Plane refuses in a project's name. */
const SPECIAL_CHARACTERS = /[&+,:;$^}{*=?@#|'<>.()%!-]/g;
/** Plane's limits, in characters. */
const MAX_NAME_LENGTH = 255;
const MAX_IDENTIFIER_LENGTH = 12;

/** The name as it is asked for: one line, of what people see. */
export function cleanProjectName(rawName: string): string {
  return cleanLine(rawName, Number.POSITIVE_INFINITY);
}

/** Why Plane would not take this name, with one it would; undefined when it takes it. */
export function findProjectNameProblem(name: string): string | undefined {
  if (name === "") return "A project needs a name.";
  if ([...name].length > MAX_NAME_LENGTH) return `A project's name has at most ${MAX_NAME_LENGTH} characters.`;
  const specialCharacters = [...new Set(name.match(SPECIAL_CHARACTERS))];
  if (specialCharacters.length === 0) return undefined;
  const cleanName = name.replace(SPECIAL_CHARACTERS, " ").replace(/\s+/g, " ").trim();
  const suggestion = cleanName === "" ? "letters, digits and blanks" : `"${cleanName}"`;
  return `Plane takes no special characters in a project's name (${specialCharacters.join(" ")}): call it ${suggestion}.`;
}

/**
 * An identifier for a project of this name that none of `taken` has: the initials of its words, or the beginning of its
 * only one, with a number where needed. `tries` above 1 pass over as many more.
 */
export function suggestProjectIdentifier(name: string, taken: ReadonlySet<string>, tries = 1): string {
  const ascii = name
    .normalize("NFKD")
    .toUpperCase()
    .replace(/[^A-Z0-9 ]/g, "");
  const words = ascii.split(" ").filter((word) => word !== "");
  const [first = ""] = words;
  const abbreviation = words.length > 1 ? words.map((word) => word.slice(0, 1)).join("") : first.slice(0, 4);
  const base = abbreviation.slice(0, MAX_IDENTIFIER_LENGTH - 4) || "PROJ";
  let triesLeft = tries;
  for (let number = 1; ; number += 1) {
    const identifier = number === 1 ? base : `${base}${number}`;
    if (!taken.has(identifier)) triesLeft -= 1;
    if (triesLeft === 0) return identifier;
  }
}
