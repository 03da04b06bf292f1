import { cleanLine } from "../../clean-text.ts";

/** Characters that Plane refuses in a project's name. */
const SPECIAL_CHARACTERS = /[&+,:;$^}{*=?@#|'<>.()%!-]/g;
/** Plane's limits of a project's name and identifier, in characters. */
const MAX_NAME_LENGTH = 255;
const MAX_IDENTIFIER_LENGTH = 12;

/** Reduces a name to one line of visible characters. */
export function cleanProjectName(rawName: string): string {
  return cleanLine(rawName, Number.POSITIVE_INFINITY);
}

/** Why Plane would refuse this name, with a suggestion; undefined when Plane accepts it. */
export function findProjectNameProblem(name: string): string | undefined {
  if (name === "") return "The project's name is empty.";
  if ([...name].length > MAX_NAME_LENGTH) return `A project's name may have at most ${MAX_NAME_LENGTH} characters.`;
  const specialCharacters = [...new Set(name.match(SPECIAL_CHARACTERS))];
  if (specialCharacters.length === 0) return undefined;
  const cleanName = name.replace(SPECIAL_CHARACTERS, " ").replace(/\s+/g, " ").trim();
  const suggestion = cleanName === "" ? "letters, digits and spaces" : `"${cleanName}"`;
  return `Plane accepts no special characters in a project's name (${specialCharacters.join(" ")}). Use ${suggestion}.`;
}

/**
 * Suggests an identifier for a project that is not in `taken`: the initials of the name's words, or the start of its
 * only word, with a number if needed. `tries` above 1 skips that many suggestions less one.
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
