import { nearestName } from "../../shared/config/nearest.ts";

/** What somebody may have meant. */
export type Match<T> =
  | { kind: "one"; one: T; exact: boolean }
  | { kind: "several"; some: T[] }
  | { kind: "none"; nearest?: T };

/** Without accents, upper case and needless blanks, so that `equipe` finds `Équipe`. */
export function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, " ").trim();
}

/**
 * Those of `all` that go by this name: whole names first, then beginnings of words, then any part. None of them: the one
 * whose name is nearest, when one is near.
 */
export function matching<T>(given: string, all: readonly T[], namesOf: (one: T) => readonly string[]): Match<T> {
  const wanted = folded(given);
  if (wanted === "") return { kind: "none" };
  const named = all.map((one) => ({ one, names: namesOf(one).map(folded) }));
  const whole = named.filter(({ names }) => names.includes(wanted));
  if (whole.length > 0) return found(whole, true);
  const begun = named.filter(({ names }) => names.some((name) => ` ${name}`.includes(` ${wanted}`)));
  if (begun.length > 0) return found(begun, false);
  const part = named.filter(({ names }) => names.some((name) => name.includes(wanted)));
  if (part.length > 0) return found(part, false);
  const name = nearestName(
    wanted,
    named.flatMap(({ names }) => names),
  );
  const near = named.find(({ names }) => name !== undefined && names.includes(name));
  return { kind: "none", ...(near && { nearest: near.one }) };
}

function found<T>(some: readonly { one: T }[], exact: boolean): Match<T> {
  const [first] = some;
  if (first && some.length === 1) return { kind: "one", one: first.one, exact };
  return { kind: "several", some: some.map(({ one }) => one) };
}
