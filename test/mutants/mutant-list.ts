import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A small mistake in the core that some test must notice. */
export interface Mutant {
  /** The function it is in and what it breaks: also the mutant's name. */
  name: string;
  /** The file where it was when it was written; the function is also found elsewhere. */
  file: string;
  functionName: string;
  /** The text that is replaced; white space counts as equal, so that formatting does not matter. */
  text: string;
  replacement: string;
  /** Why no test can notice it, or why none does. */
  survives?: string;
  /** Files and folders of tests that may notice it. */
  area: readonly string[];
}

/** Where a mutant is, and the file's content with it. */
export interface MutantPlace {
  path: string;
  content: string;
}

export const ROOT = join(import.meta.dirname, "../..");

/** Folders of the core, in which functions are looked for. */
const SOURCE_FOLDERS = ["shared", "functions"];

/**
 * Reads `core.mutants`. `== file: areas` begins the mutants of a file, a line `function: what it breaks` a mutant;
 * `- ` is the text that is replaced, `+ ` what replaces it, and `survives:` the reason why no test notices it.
 */
export function readMutants(text = readFileSync(join(import.meta.dirname, "core.mutants"), "utf8")): Mutant[] {
  const mutants: Mutant[] = [];
  let [file, area]: [string, string[]] = ["", []];
  const addLine = (before: string, line: string) => (before === "" ? line : `${before}\n${line}`);
  for (const line of text.split("\n")) {
    const mutant = mutants.at(-1);
    const [mark, rest] = [line.slice(0, 2), line.slice(2)];
    if (line === "" || mark === "# ") continue;
    if (mark === "==") {
      const [path = "", areas = ""] = rest.trim().split(": ");
      [file, area] = [path, areas.split(" ")];
    } else if (mark === "- " && mutant) mutant.text = addLine(mutant.text, rest);
    else if ((mark === "+ " || line === "+") && mutant) mutant.replacement = addLine(mutant.replacement, rest);
    else if (line.startsWith("survives: ") && mutant) mutant.survives = line.slice("survives: ".length);
    else {
      const functionName = line.slice(0, line.indexOf(":"));
      mutants.push({ name: line, file, functionName, text: "", replacement: "", area });
    }
  }
  return mutants;
}

/** Returns the paths and contents of all files of the core. */
export function readSources(): Map<string, string> {
  const paths = SOURCE_FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  );
  const files = paths.filter((path) => path.endsWith(".ts"));
  return new Map(files.map((path) => [path, readFileSync(join(ROOT, path), "utf8")]));
}

/**
 * Finds the only place of a mutant: in its file, else in the only other file with such a function and text. Throws an
 * error that names the mutant when there is none, or more than one.
 */
export function placeMutant(mutant: Mutant, sources: ReadonlyMap<string, string>): MutantPlace {
  const own = sources.get(mutant.file);
  const ownPlaces = own === undefined ? [] : applyMutant(mutant, own);
  const candidates = ownPlaces.length > 0 ? [[mutant.file, own] as const] : [...sources];
  const places = candidates.flatMap(([path, source = ""]) =>
    applyMutant(mutant, source).map((content) => ({ path, content })),
  );
  const [place] = places;
  if (place && places.length === 1) return place;
  throw new Error(`${places.length} places for the mutant "${mutant.name}" (${mutant.file}): ${mutant.text}`);
}

/** Returns the file's contents with the mutant, one for each place of its text in functions of its name. */
function applyMutant({ functionName, text, replacement }: Mutant, source: string): string[] {
  const words = text.split(/\s+/).map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const contents = new Map<number, string>();
  for (const [start, end] of findFunctions(functionName, source)) {
    for (const { 0: found, index } of source.slice(start, end).matchAll(new RegExp(words.join("\\s+"), "g"))) {
      const at = start + index;
      contents.set(at, source.slice(0, at) + replacement + source.slice(at + found.length));
    }
  }
  return [...contents.values()];
}

/**
 * Finds where functions, methods and constants of a name begin and end: up to the next line that is indented as little
 * and is no closing bracket.
 */
function findFunctions(name: string, source: string): [number, number][] {
  const head = new RegExp(`^( *)(?:export )?(?:async )?(?:function\\*? |const |\\*)?${name}(?=[(<:]| [=:])`, "gm");
  return [...source.matchAll(head)].map(({ 1: indent = "", index }): [number, number] => {
    const rest = source.slice(index);
    const next = new RegExp(`\\n {0,${indent.length}}[^\\s}\\])]`).exec(rest);
    return [index, index + (next?.index ?? rest.length)];
  });
}
