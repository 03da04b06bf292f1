import { sha256Hex } from "../../../shared/hashing/sha256-hex.ts";
import type { Snapshot } from "../../../shared/task/snapshot.ts";
import type { ReviewEvent } from "./live-message.ts";

/** What of a task there is to look at, each field as a short hash. Not its labels: the bridge keeps those itself. */
export async function hashTaskFields({ name, description, word, priority, due, assignees }: Snapshot) {
  const values = { title: name, text: description, status: word, priority, due, assignees };
  const hashed = Object.entries(values).map(
    async ([field, value]) => [field, await hashShort(JSON.stringify(value))] as const,
  );
  return Object.fromEntries(await Promise.all(hashed));
}

/** What an approval is bound to: this review of this task as it was shown, twelve characters. */
export function hashReview(
  review: string,
  { agent, confidence, text }: ReviewEvent,
  fieldHashes: Record<string, string>,
) {
  return hashShort(JSON.stringify([review, agent, confidence, text, Object.entries(fieldHashes).sort()]));
}

/** The fields that are not what they were. */
export function findChangedFields(before: Record<string, string>, now: Record<string, string>): string[] {
  return Object.keys(now).filter((field) => before[field] !== now[field]);
}

async function hashShort(text: string): Promise<string> {
  return (await sha256Hex(text)).slice(0, 12);
}
