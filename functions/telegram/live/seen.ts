import { sha256Hex } from "../../../shared/digest.ts";
import type { Snapshot } from "../../../shared/task/snapshot.ts";
import type { Review } from "./kept.ts";

/** What of a task there is to look at, each field as a short hash. Not its labels: the bridge keeps those itself. */
export async function seenOf({ name, description, word, priority, due, assignees }: Snapshot) {
  const values = { title: name, text: description, status: word, priority, due, assignees };
  const hashed = Object.entries(values).map(
    async ([field, value]) => [field, await short(JSON.stringify(value))] as const,
  );
  return Object.fromEntries(await Promise.all(hashed));
}

/** What an approval is bound to: this review of this task as it was shown, twelve characters. */
export function shownHash(review: string, { agent, confidence, text }: Review, seen: Record<string, string>) {
  return short(JSON.stringify([review, agent, confidence, text, Object.entries(seen).sort()]));
}

/** The fields that are not what they were. */
export function changedFields(before: Record<string, string>, now: Record<string, string>): string[] {
  return Object.keys(now).filter((field) => before[field] !== now[field]);
}

async function short(text: string): Promise<string> {
  return (await sha256Hex(text)).slice(0, 12);
}
