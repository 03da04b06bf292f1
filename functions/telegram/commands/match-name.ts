import { findNearestName } from "../../../shared/nearest-name.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";

/** The result of looking up a name. */
export type NameMatch<T> =
  | { kind: "one"; candidate: T; isExact: boolean }
  | { kind: "several"; candidates: T[] }
  | { kind: "none"; nearest?: T };

/** Removes accents, upper case and extra blanks, so that `equipe` finds `Équipe`. */
export function normalizeName(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, " ").trim();
}

/**
 * Finds the candidates with this name: exact names first, then beginnings of words, then any part of a name. Without a
 * match it suggests the candidate with the most similar name, if one is similar enough.
 */
export function matchByName<T>(
  input: string,
  candidates: readonly T[],
  getNames: (candidate: T) => readonly string[],
): NameMatch<T> {
  const searchedName = normalizeName(input);
  if (searchedName === "") return { kind: "none" };
  const withNames = candidates.map((candidate) => ({ candidate, names: getNames(candidate).map(normalizeName) }));
  const exactMatches = withNames.filter(({ names }) => names.includes(searchedName));
  if (exactMatches.length > 0) return toMatch(exactMatches, true);
  const prefixMatches = withNames.filter(({ names }) => names.some((name) => ` ${name}`.includes(` ${searchedName}`)));
  if (prefixMatches.length > 0) return toMatch(prefixMatches, false);
  const partialMatches = withNames.filter(({ names }) => names.some((name) => name.includes(searchedName)));
  if (partialMatches.length > 0) return toMatch(partialMatches, false);
  const name = findNearestName(
    searchedName,
    withNames.flatMap(({ names }) => names),
  );
  const nearest = withNames.find(({ names }) => name !== undefined && names.includes(name));
  return { kind: "none", ...omitUndefined({ nearest: nearest?.candidate }) };
}

function toMatch<T>(matches: readonly { candidate: T }[], isExact: boolean): NameMatch<T> {
  const [first] = matches;
  if (first && matches.length === 1) return { kind: "one", candidate: first.candidate, isExact };
  return { kind: "several", candidates: matches.map(({ candidate }) => candidate) };
}
