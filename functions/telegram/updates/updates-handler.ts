/**
 * Handles an update of Telegram: authorizes its sender, finds out what it asks for, runs that once, and stores the
 * reply with the update's record.
 */

import { type AuditEntry, createAuditPut } from "../../../shared/app/audit-log.ts";
import type { Deps, JobHandler } from "../../../shared/app/deps.ts";
import type { Settings } from "../../../shared/config/settings.ts";
import { GroundcrewError, getErrorMessage } from "../../../shared/errors.ts";
import { type Locale, resolveLocale } from "../../../shared/i18n/localize.ts";
import { readUpdateBody, storedUpdateBodySchema, type UpdateBody } from "../../../shared/jobs/incoming-jobs.ts";
import { parseJobBody } from "../../../shared/jobs/internal-jobs.ts";
import { createReplacementJob, createReplyJob } from "../../../shared/jobs/outgoing-jobs.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import { findPerson, type Person } from "../../../shared/people/directory.ts";
import { limitDeps, toViewer } from "../../../shared/people/viewer.ts";
import { PlaneError } from "../../../shared/plane/errors.ts";
import { getRefusal, renderRefusal } from "../../../shared/refusals/render-refusal.ts";
import type { JobResult, LeasedJob, Put, StoreKey } from "../../../shared/store/port.ts";
import { refreshPeople } from "../../../shared/sync/projects.ts";
import type { ChatId } from "../../../shared/telegram/bot.ts";
import { createChatMessagePut, unnumberedMessageKey } from "../../../shared/telegram/message-log.ts";
import { joinRichText, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import {
  getMessageText,
  type TelegramCallback,
  type TelegramMessage,
  toTopic,
} from "../../../shared/telegram/updates.ts";
import { cleanLine } from "../../../shared/text.ts";
import { DAY, MINUTE, type Ms, SECOND } from "../../../shared/time.ts";
import type { CommandContext, CommandResult } from "../commands/command.ts";
import { followReportedMigration, toConfiguredChat } from "../delivery/chat-migration.ts";
import { createPresentation, fillTemplate } from "../presentation/presentation.ts";

/** A user who is allowed to give commands, the language of the reply, and the chat that it goes to. */
type AuthorizedUser = CommandContext["from"] & Pick<CommandContext, "chat"> & { language: Locale };

/** Finds out what an update asks for, and does it; undefined for one that is not for the bot. */
type InterpretUpdate = (context: CommandContext, body: UpdateBody) => Promise<CommandResult | undefined>;

/**
 * Lease for one update: 60 s. A command waits at most 10 s for Plane's rate limit, and each request takes at most 30 s.
 */
const LEASE_TTL: Ms = MINUTE;

/** Number of tries before an unexpected error is reported to the user. */
const MAX_TRIES = 3;

const SETTLED_UPDATE: JobResult = { done: true };

const updateKey = (id: string): StoreKey => `update-done:${id}`;

/** Retention for handled updates: 3 days, longer than the engine remembers the id of a finished job (2 days). */
const UPDATE_RETENTION: Ms = 3 * DAY;

/**
 * Handles commands, replies and presses in Telegram, of authorized users only and each update once. Its effects, the
 * reply and the record that it was handled are one commit. After a crash in between it is handled again from the start.
 */
export function createUpdatesHandler(interpret: InterpretUpdate): JobHandler {
  const handle: JobHandler["handle"] = (deps, job) => handleUpdate(deps, job, interpret);
  return { queue: "updates", leaseMs: LEASE_TTL, concurrency: 4, handle };
}

async function handleUpdate(deps: Deps, job: LeasedJob, interpret: InterpretUpdate): Promise<JobResult> {
  const body = readUpdateBody(parseJobBody(job, storedUpdateBodySchema));
  if ("problem" in body) return { dead: body.problem };
  const { message, callback_query: callback } = body.update;
  if (message) await followReportedMigration(deps, message);
  const chat = await toConfiguredChat(deps, message?.chat ?? callback?.message?.chat);
  const user = message?.from ?? callback?.from;
  const startedAt = deps.clock();
  const pageName = body.type === "page_input" ? body.by : undefined;
  const authorization = await authorizeUser(deps, user, chat, pageName);
  if ("refused" in authorization) {
    logIgnoredUpdate(deps, body, authorization.refused);
    return SETTLED_UPDATE;
  }
  const [recorded] = await deps.store.read([updateKey(job.id)]);
  if (recorded) return SETTLED_UPDATE;
  const context = createCommandContext(deps, job, body, authorization);
  const result = await runSafely(context, job, () => interpret(context, body));
  if ((await recordUpdate(context, body, result, startedAt)) !== "committed")
    return { retryAt: await deps.store.now() };
  await result?.afterCommit?.();
  deps.notify();
  if (callback?.message && body.type !== "page_input") await deps.telegram?.answerCallback(callback.id, result?.toast);
  return SETTLED_UPDATE;
}

/** Users who are not authorized get no reply. */
function logIgnoredUpdate({ log }: Pick<Deps, "log">, { update, correlation }: UpdateBody, why: string) {
  const { message, callback_query: callback } = update;
  if (!message && !callback) return;
  const user = message?.from?.id ?? callback?.from.id;
  const chat = message?.chat.id ?? callback?.message?.chat.id;
  log.info("telegram update not answered", { correlation, update: update.update_id, user, chat, why });
}

function createCommandContext(
  deps: Deps,
  job: LeasedJob,
  { type, update, correlation }: UpdateBody,
  { chat, language, ...from }: AuthorizedUser,
): CommandContext {
  const { settings } = deps;
  const message = update.message ?? update.callback_query?.message;
  const isFromTelegram = type === "telegram_update" && message;
  const date = update.message?.date ?? undefined;
  const viewer = from.person && toViewer(from.person);
  return {
    deps: viewer ? limitDeps(deps, viewer) : deps,
    allDeps: deps,
    id: job.id,
    isRetry: job.tries > 1,
    correlation,
    chat,
    from,
    presentation: createPresentation({ ...settings, locale: language }),
    ...omitUndefined({ writtenAt: date === undefined ? undefined : date * SECOND }),
    ...(isFromTelegram
      ? { message: { id: message.message_id, user: from.id, ...toTopic(message), ...toOwnChat(chat, settings) } }
      : {}),
  };
}

/** Runs a handler and turns an error into a reply. An unexpected error is retried first. */
async function runSafely(
  { deps, presentation, correlation }: CommandContext,
  { id, tries }: LeasedJob,
  run: () => Promise<CommandResult | undefined>,
): Promise<CommandResult | undefined> {
  try {
    return await run();
  } catch (thrown) {
    const isExpected = thrown instanceof GroundcrewError || thrown instanceof PlaneError;
    if (!isExpected && tries < MAX_TRIES) throw thrown;
    deps.log[isExpected ? "info" : "error"]("telegram command failed", {
      correlation,
      job: id,
      error: getErrorMessage(thrown),
    });
    const { plane, other } = presentation.texts.answers.refusals;
    // Details of unexpected errors are for the log only.
    const refusal = isExpected ? getRefusal(thrown) : { name: "internal", values: { id: correlation } };
    const known = refusal && renderRefusal(presentation.texts, refusal);
    const reason = toSafeText(known ?? getErrorMessage(thrown), 600);
    const isSentence = known !== undefined && !(thrown instanceof PlaneError);
    const text = isSentence ? reason : fillTemplate(thrown instanceof PlaneError ? plane : other, { reason });
    return { reply: { rich: joinRichText(["⚠️ ", text]) } };
  }
}

/**
 * Accepts people whose number the settings name, in TELEGRAM_CHAT_ID and in their own chat with the bot, and nameless
 * users of TELEGRAM_ALLOWED_USERS in TELEGRAM_CHAT_ID. Otherwise returns the reason, for the log. What the list says
 * wins: who has left the workspace is refused, also with an allowed number.
 * @param pageName the name of who wrote on the page, as the first allowed user
 */
async function authorizeUser(
  deps: Deps,
  user: TelegramCallback["from"] | undefined,
  chat: TelegramMessage["chat"] | undefined,
  pageName: string | undefined,
): Promise<AuthorizedUser | { refused: string }> {
  const { telegram, locale } = deps.settings;
  if (!telegram) return { refused: "Telegram is not configured" };
  const person = user && pageName === undefined ? await findSender(deps, user.id) : undefined;
  const isOwnChat = person !== undefined && chat?.id === person.telegram;
  if (!chat || !(isOwnChat || isConfiguredChat(telegram.chat, chat)))
    return { refused: "the chat is not TELEGRAM_CHAT_ID" };
  if (!user || !(person || telegram.allowedUsers.includes(user.id)))
    return { refused: "the user is not in TELEGRAM_ALLOWED_USERS" };
  if (person && person.role === undefined) return { refused: "the person is not in Plane's workspace" };
  // Whoever has left a project reads no more of it here; the group shows what everybody in it sees.
  if (isOwnChat && person.doubtedAt !== undefined) return { refused: "the person may have left a project" };
  const firstName = cleanLine(user.first_name ?? "", 40).replace(/[()]/g, "") || user.id;
  const name = pageName ?? person?.name ?? `${firstName} (Telegram)`;
  return {
    ...{ id: user.id, name, ...omitUndefined({ person }) },
    chat: isConfiguredChat(telegram.chat, chat) ? telegram.chat : chat.id,
    // In a group all read the same language.
    language: (isOwnChat ? person.language : undefined) ?? resolveLocale(locale, user.language_code),
  };
}

/** The person's own chat with the bot, where that is not TELEGRAM_CHAT_ID. */
function toOwnChat(chat: ChatId, { telegram }: Pick<Settings, "telegram">): { chat?: number } {
  return typeof chat === "number" && chat !== telegram?.chat ? { chat } : {};
}

/** Finds the person of the list with this number. Who has just come to the workspace may not be stored yet. */
async function findSender(deps: Deps, telegram: number): Promise<Person | undefined> {
  const person = await findPerson(deps, { telegram });
  if (!person || person.role !== undefined) return person;
  await refreshPeople(deps);
  return findPerson(deps, { telegram });
}

/** Names of public chats are case-insensitive. */
function isConfiguredChat(chat: ChatId, { id, username }: TelegramMessage["chat"]): boolean {
  return typeof chat === "number" ? id === chat : `@${username ?? ""}`.toLowerCase() === chat.toLowerCase();
}

/** Commits that the update was handled together with its effects: reply jobs, and both texts for the dashboard. */
async function recordUpdate(
  { allDeps: deps, id, chat, correlation, from, presentation, message }: CommandContext,
  { type, update }: UpdateBody,
  result: CommandResult | undefined,
  startedAt: Ms,
): Promise<"committed" | "stale" | "fenced"> {
  const { reply, replaceMessage, toast, action } = result ?? {};
  const text = result && update.message ? getMessageText(update.message) : "";
  const replyTo = update.message ? message?.id : undefined;
  const topic = toTopic(update.message ?? update.callback_query?.message ?? {});
  const common = { ...topic, language: presentation.texts.locale };
  const jobs = [...(result?.jobs ?? [])];
  if (reply) jobs.push(createReplyJob(chat, { ...reply, ...common, ...omitUndefined({ replyTo }) }, id, correlation));
  if (replaceMessage) {
    const { tasks: _, ...message } = replaceMessage;
    jobs.push(createReplacementJob(chat, { ...message, ...common }, id, correlation));
  }
  const now = await deps.store.now();
  const createPut = (name: string, text: string, by?: string): Put =>
    createChatMessagePut(unnumberedMessageKey(chat, name, now), {
      ...toPlainText(text),
      chat: String(chat),
      messageId: 0,
      at: now,
      repeat: false,
      history: [[1, deps.clock()]],
      ...omitUndefined({ by }),
    });
  const toAuditEntry = ({ name: tool, task: item }: NonNullable<CommandResult["action"]>): AuditEntry => ({
    ...{ at: startedAt, person: from.name, tool, outcome: "ok", ms: deps.clock() - startedAt, correlation },
    ...{ via: message ? "telegram" : "page", ...omitUndefined({ item }) },
  });
  const put = keepDefined([
    { key: updateKey(id), value: { at: now }, expires: UPDATE_RETENTION },
    action && createAuditPut(toAuditEntry(action), deps.newId()),
    ...(result?.put ?? []),
    text === "" ? undefined : createPut(id, text, from.name),
    // The dashboard cannot show a toast, so there it is recorded as a message.
    toast === undefined || (update.callback_query && type !== "page_input")
      ? undefined
      : createPut(`${id}:toast`, toast),
  ]);
  const expect: [StoreKey, number][] = [[updateKey(id), 0], ...(result?.expect ?? [])];
  return deps.store.commit({ expect, put, jobs });
}
