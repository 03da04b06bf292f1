import type { Settlement } from "../../../shared/store/port.ts";
import type { Failure } from "../../../shared/telegram/bot.ts";
import { type Attempt, attemptKey } from "../chat.ts";
import { holdChat } from "../limits.ts";
import { again } from "../post.ts";
import { delayAfter, later, type Work } from "../work.ts";

type EditFailure = Failure | { kind: "gone"; reason: string };

/** This edit will never be taken: the message is gone, or Telegram does not want its text. */
export function isLasting(failure: EditFailure): boolean {
  return failure.kind === "gone" || (failure.kind === "refused" && failure.lasting);
}

/** Comes back later. An edit whose answer never came is made again: done twice it is done once. */
export async function afterFailure(work: Work, failure: EditFailure): Promise<Settlement> {
  const { store } = work.deps;
  if (failure.kind === "wait") {
    await holdChat(store, work.chat, failure.ms);
    return later(work, failure.ms);
  }
  const [attempt] = await store.read<Attempt>([attemptKey(work.job)]);
  const failures = attempt?.value.failures ?? 0;
  return again(work, attempt, { failures: failures + 1 }, delayAfter(failures));
}
