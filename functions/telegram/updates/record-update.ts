import type { Deps } from "../../../shared/app/deps.ts";
import { createReplacementJob, createReplyJob } from "../../../shared/jobs/outbox-jobs.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Put, StoreKey } from "../../../shared/store/port.ts";
import { createChatMessagePut, unnumberedMessageKey } from "../../../shared/telegram/message-log.ts";
import { toPlainText } from "../../../shared/telegram/rich-text.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import type { CommandContext, CommandResult } from "../commands/command.ts";

/** What was understood of an update, and what came of it. */
export interface InterpretedUpdate {
  /** Empty: it was not for us. */
  result: CommandResult;
  /** What the person wrote, for the page. */
  messageText?: string;
  /** Where the answer belongs. */
  replyTo?: number;
  topic?: number;
  /** Telegram waits to be told that the press was heard. */
  callback?: string;
}

/** Longer than the engine remembers the id of a done job (2 days). */
const UPDATE_RETENTION: Ms = 3 * DAY;

const updateKey = (id: string): StoreKey => `heard:${id}`;

export async function isUpdateRecorded({ store }: Pick<Deps, "store">, id: string): Promise<boolean> {
  const [known] = await store.read([updateKey(id)]);
  return known !== undefined;
}

/** Keeps that it was heard with all that comes of it: the answer on its way, and what both sides said, for the page. */
export async function recordUpdate(
  { deps, id, chat, correlation, from, presentation }: CommandContext,
  { result, messageText, replyTo, topic, callback }: InterpretedUpdate,
): Promise<"kept" | "stale" | "fenced"> {
  const { reply, replaceMessage, toast } = result;
  const topicAndLanguage = { ...omitUndefined({ topic }), language: presentation.texts.locale };
  const jobs = [...(result.jobs ?? [])];
  if (reply) {
    const message = { ...reply, ...topicAndLanguage, ...omitUndefined({ replyTo }) };
    jobs.push(createReplyJob(chat, message, id, correlation));
  }
  if (replaceMessage)
    jobs.push(createReplacementJob(chat, { ...replaceMessage, ...topicAndLanguage }, id, correlation));
  const now = await deps.store.now();
  const createPut = (name: string, text: string, by?: string): Put => {
    const message = { ...toPlainText(text), chat: String(chat), messageId: 0, at: now, repeat: false };
    return createChatMessagePut(unnumberedMessageKey(chat, name, now), {
      ...message,
      shown: [[1, deps.clock()]],
      ...omitUndefined({ by: by || undefined }),
    });
  };
  const put = keepDefined([
    { key: updateKey(id), value: { at: now }, expires: UPDATE_RETENTION },
    ...(result.put ?? []),
    messageText === undefined ? undefined : createPut(id, messageText, from.name),
    // Nobody at the page sees what Telegram shows for a moment.
    toast === undefined || callback !== undefined ? undefined : createPut(`${id}:toast`, toast),
  ]);
  return deps.store.commit({ expect: [[updateKey(id), 0], ...(result.expect ?? [])], put, jobs });
}
