import { cleaned } from "../clean.ts";

/** What Plane refuses in a project's name. */
const SPECIAL = /[&+,:;$^}{*=?@#|'<>.()%!-]/g;
/** Plane's limits, in characters. */
const LONGEST_NAME = 255;
const LONGEST_IDENTIFIER = 12;

/** The name as it is asked for: one line, of what people see. */
export function plainName(given: string): string {
  return cleaned(given, Number.POSITIVE_INFINITY);
}

/** Why Plane would not take this name, with one it would; undefined when it takes it. */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "A project needs a name.";
  if ([...name].length > LONGEST_NAME) return `A project's name has at most ${LONGEST_NAME} characters.`;
  const found = [...new Set(name.match(SPECIAL))];
  if (found.length === 0) return undefined;
  const clean = name.replace(SPECIAL, " ").replace(/\s+/g, " ").trim();
  const instead = clean === "" ? "letters, digits and blanks" : `"${clean}"`;
  return `Plane takes no special characters in a project's name (${found.join(" ")}): call it ${instead}.`;
}

/**
 * An identifier for a project of this name that none of `taken` has: the initials of its words, or the beginning of its
 * only one, with a number where needed. `tries` above 1 pass over as many more.
 */
export function identifierFor(name: string, taken: ReadonlySet<string>, tries = 1): string {
  const plain = name
    .normalize("NFKD")
    .toUpperCase()
    .replace(/[^A-Z0-9 ]/g, "");
  const words = plain.split(" ").filter((word) => word !== "");
  const [first = ""] = words;
  const short = words.length > 1 ? words.map((word) => word.slice(0, 1)).join("") : first.slice(0, 4);
  const base = short.slice(0, LONGEST_IDENTIFIER - 4) || "PROJ";
  let left = tries;
  for (let number = 1; ; number += 1) {
    const identifier = number === 1 ? base : `${base}${number}`;
    if (!taken.has(identifier)) left -= 1;
    if (left === 0) return identifier;
  }
}
