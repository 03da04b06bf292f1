import { sha256Hex } from "../../../shared/hashing/sha256-hex.ts";
import type { Snapshot } from "../../../shared/task/snapshot.ts";
import type { ReviewEvent } from "./live-message.ts";

/** Short hashes of the fields a reviewer sees. Labels are excluded, because Groundcrew changes them itself. */
export async function hashTaskFields({ name, description, word, priority, due, assignees }: Snapshot) {
  const values = { title: name, text: description, status: word, priority, due, assignees };
  const hashed = Object.entries(values).map(
    async ([field, value]) => [field, await hashShort(JSON.stringify(value))] as const,
  );
  return Object.fromEntries(await Promise.all(hashed));
}

/** Twelve characters that bind an approval to this review of this task as it was shown. */
export function hashReview(
  review: string,
  { agent, confidence, text }: ReviewEvent,
  fieldHashes: Record<string, string>,
) {
  return hashShort(JSON.stringify([review, agent, confidence, text, Object.entries(fieldHashes).sort()]));
}

/** Twelve characters that bind a verdict to this review of this task, for a button without the message of the review. */
export async function hashReviewedTask(review: string, snapshot: Snapshot): Promise<string> {
  return hashShort(JSON.stringify([review, Object.entries(await hashTaskFields(snapshot)).sort()]));
}

/** Names of the fields whose hashes differ. */
export function findChangedFields(before: Record<string, string>, now: Record<string, string>): string[] {
  return Object.keys(now).filter((field) => before[field] !== now[field]);
}

async function hashShort(text: string): Promise<string> {
  return (await sha256Hex(text)).slice(0, 12);
}
