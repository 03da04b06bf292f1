import type { CheckedCommit } from "../../../shared/store/check-commit.ts";

/** Converts commits to the arguments that `commit.lua` describes. */
export function toCommitArguments(commits: readonly CheckedCommit[]): string[] {
  const texts: string[] = [];
  const heads = commits.map(({ expect, fence, puts, jobs }) => {
    for (const { text } of puts) if (text !== undefined) texts.push(text);
    for (const { text } of jobs) texts.push(text);
    const p = puts.map(({ key, text, sets, expires }) => {
      return { k: key, v: text === undefined ? undefined : true, x: expires, s: sets.length > 0 ? sets : undefined };
    });
    const j = jobs.map(({ id, queue, lane, at }) => ({ i: id, q: queue, l: lane, a: at }));
    return { e: expect, f: fence, p, j };
  });
  return [JSON.stringify(heads), ...texts];
}

/** Returns the number of characters of a commit's values and job bodies. */
export function countCommitCharacters({ puts, jobs }: CheckedCommit): number {
  let length = 0;
  for (const { text } of puts) length += text?.length ?? 0;
  for (const { text } of jobs) length += text.length;
  return length;
}
