import { findNearestName } from "../../../shared/nearest-name.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";

/** The result of looking up a name. */
export type NameMatch<T> =
  | { kind: "one"; one: T; exact: boolean }
  | { kind: "several"; some: T[] }
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
  getNames: (one: T) => readonly string[],
): NameMatch<T> {
  const wanted = normalizeName(input);
  if (wanted === "") return { kind: "none" };
  const withNames = candidates.map((one) => ({ one, names: getNames(one).map(normalizeName) }));
  const exactMatches = withNames.filter(({ names }) => names.includes(wanted));
  if (exactMatches.length > 0) return toMatch(exactMatches, true);
  const prefixMatches = withNames.filter(({ names }) => names.some((name) => ` ${name}`.includes(` ${wanted}`)));
  if (prefixMatches.length > 0) return toMatch(prefixMatches, false);
  const partialMatches = withNames.filter(({ names }) => names.some((name) => name.includes(wanted)));
  if (partialMatches.length > 0) return toMatch(partialMatches, false);
  const name = findNearestName(
    wanted,
    withNames.flatMap(({ names }) => names),
  );
  const nearest = withNames.find(({ names }) => name !== undefined && names.includes(name));
  return { kind: "none", ...omitUndefined({ nearest: nearest?.one }) };
}

function toMatch<T>(some: readonly { one: T }[], exact: boolean): NameMatch<T> {
  const [first] = some;
  if (first && some.length === 1) return { kind: "one", one: first.one, exact };
  return { kind: "several", some: some.map(({ one }) => one) };
}
