import type { Deps } from "../../../shared/app/deps.ts";
import { createReplacementJob, createReplyJob } from "../../../shared/jobs/outbox-jobs.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Put, StoreKey } from "../../../shared/store/port.ts";
import { createChatMessagePut, unnumberedMessageKey } from "../../../shared/telegram/message-log.ts";
import { toPlainText } from "../../../shared/telegram/rich-text.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import type { CommandContext, CommandResult } from "../commands/command.ts";

/** An update and its effects. */
export interface InterpretedUpdate {
  /** Empty for an update that is not for the bot. */
  result: CommandResult;
  /** The text the user wrote, for the dashboard. */
  messageText?: string;
  /** The message and the topic that a reply belongs to. */
  replyTo?: number;
  topic?: number;
  /** Id of a press that Telegram waits to have confirmed. */
  callback?: string;
}

/** Retention for handled updates: 3 days, longer than the engine remembers the id of a finished job (2 days). */
const UPDATE_RETENTION: Ms = 3 * DAY;

const updateKey = (id: string): StoreKey => `heard:${id}`;

export async function isUpdateRecorded({ store }: Pick<Deps, "store">, id: string): Promise<boolean> {
  const [record] = await store.read([updateKey(id)]);
  return record !== undefined;
}

/** Commits that the update was handled together with its effects: reply jobs, and both texts for the dashboard. */
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
  if (replaceMessage) {
    const { tasks: _, ...message } = replaceMessage;
    jobs.push(createReplacementJob(chat, { ...message, ...topicAndLanguage }, id, correlation));
  }
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
    // The dashboard cannot show a toast, so there it is recorded as a message.
    toast === undefined || callback !== undefined ? undefined : createPut(`${id}:toast`, toast),
  ]);
  return deps.store.commit({ expect: [[updateKey(id), 0], ...(result.expect ?? [])], put, jobs });
}
