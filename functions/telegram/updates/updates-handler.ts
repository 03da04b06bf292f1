import type { Deps, JobHandler } from "../../../shared/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../../shared/errors.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { PlaneError } from "../../../shared/plane/errors.ts";
import type { LeasedJob, Ms, Settlement } from "../../../shared/store/port.ts";
import { joinRichText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { type UpdateBody, updateBodySchema } from "../../../shared/telegram/update-jobs.ts";
import { isForwarded, toTopic } from "../../../shared/telegram/updates.ts";
import type { CommandContext, CommandDeps, CommandResult } from "../commands/command.ts";
import { type ParsedCommand, parseCommand } from "../commands/parse-command.ts";
import { toConfiguredChat } from "../delivery/chat-migration.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { createPresentation } from "../presentation/notification-details.ts";
import { type AuthorizedUser, authorizeUser } from "./access.ts";
import { type InterpretedUpdate, isUpdateRecorded, recordUpdate } from "./record-update.ts";
import { BUTTON_HANDLERS, findCommand, REPLY_HANDLERS } from "./registry.ts";
import { suggestCommand } from "./suggest-command.ts";

/** A command waits at most 10 s for its turns at Plane, and each request for 30 s. */
const LEASE_TTL: Ms = 60_000;
/** A mistake of ours is tried again so often before it is told. */
const MAX_TRIES = 3;

const SETTLED_UPDATE: Settlement = { done: true };

/**
 * What people say and press in Telegram: only those who may, each update once. What comes of it, the answer and the
 * mark that it was heard are one commit; done again after an end in between, it is done as if it were the first time.
 */
export const updatesHandler: JobHandler = {
  queue: "updates",
  leaseMs: LEASE_TTL,
  concurrency: 4,
  async handle(deps, job) {
    const body = updateBodySchema.safeParse(job.body);
    if (!body.success) return { dead: "the job's body is not one that this version knows" };
    const { message, callback_query: callback } = body.data.update;
    const chat = await toConfiguredChat(deps, message?.chat ?? callback?.message?.chat);
    const authorization = authorizeUser(deps.settings, message?.from ?? callback?.from, chat, body.data.atPage);
    if ("refused" in authorization) {
      logIgnoredUpdate(deps, body.data, authorization.refused);
      return SETTLED_UPDATE;
    }
    if (await isUpdateRecorded(deps, job.id)) return SETTLED_UPDATE;
    const context = createCommandContext(deps, job, body.data, authorization);
    const interpreted = await interpretUpdate(context, body.data, job);
    if ((await recordUpdate(context, interpreted)) !== "kept") return { retryAt: await deps.store.now() };
    deps.kick();
    if (interpreted.callback !== undefined)
      await deps.telegram?.answerCallback(interpreted.callback, interpreted.result.toast);
    return SETTLED_UPDATE;
  },
};

/** Everyone else gets silence. */
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
  { correlation }: UpdateBody,
  user: AuthorizedUser,
): CommandContext {
  const { settings } = deps;
  return {
    deps,
    id: job.id,
    isRetry: job.tries > 1,
    correlation,
    chat: settings.telegram?.chat ?? 0,
    from: { id: user.id, name: user.name },
    presentation: createPresentation({ ...settings, locale: user.language }),
  };
}

async function interpretUpdate(
  context: CommandContext,
  { update, atPage }: UpdateBody,
  job: LeasedJob,
): Promise<InterpretedUpdate> {
  const { message, callback_query: callback } = update;
  if (message) {
    if (isForwarded(message)) return { result: {} };
    const { reply_to_message: reply, caption } = message;
    const text = message.text ?? (reply ? caption : undefined) ?? "";
    const isForUs = atPage === true || message.chat.type === "private";
    const replyPlace = {
      ...omitUndefined({ replyTo: atPage !== true ? message.message_id : undefined }),
      ...toTopic(message),
    };
    const outcome = await runSafely(context, job, async () => {
      const isReply = reply && text !== "" && !text.trimStart().startsWith("/");
      const replyResult = isReply ? await dispatchReply(context, reply.message_id, text) : undefined;
      return replyResult ?? runCommand(context, parseCommand(text, isForUs));
    });
    if (!outcome) return { result: {} };
    return { result: outcome, ...replyPlace, messageText: text };
  }
  if (!callback?.message) return { result: {} };
  const { message_id: messageId } = callback.message;
  const [verb = "", id = "", arg = ""] = (callback.data ?? "").split(":", 3);
  const handleButton = Object.hasOwn(BUTTON_HANDLERS, verb) ? BUTTON_HANDLERS[verb] : undefined;
  const buttonResult = await runSafely(context, job, async () => handleButton?.(context, { messageId, id, arg }));
  const outcome = buttonResult ?? { toast: context.presentation.texts.answers.expiredButton };
  return {
    result: outcome,
    ...toTopic(callback.message),
    ...omitUndefined({ callback: atPage !== true ? callback.id : undefined }),
  };
}

async function runCommand(
  context: CommandContext,
  parsed: ParsedCommand | undefined,
): Promise<CommandResult | undefined> {
  if (!parsed || !(await isForThisBot(context.deps, parsed.bot))) return undefined;
  const command = findCommand(parsed.word);
  return command ? command.run(context, parsed.args) : suggestCommand(context, parsed);
}

/** What it came to; what went wrong is told in words, unless it may go well the next time. */
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
    deps.log[isExpected ? "info" : "error"]("command not done", {
      correlation,
      job: id,
      error: getErrorMessage(thrown),
    });
    const { plane, other } = presentation.texts.answers.refusals;
    // Our own mistakes are for the log.
    const reason = isExpected ? getErrorMessage(thrown) : `internal error (${correlation})`;
    const text = fillTemplate(thrown instanceof PlaneError ? plane : other, { reason: toSafeText(reason, 600) });
    return { reply: { rich: joinRichText(["⚠️ ", text]) } };
  }
}

/** `/plane@somebody_else` is for somebody else. */
async function isForThisBot({ telegram, cache }: CommandDeps, bot: string | undefined): Promise<boolean> {
  if (bot === undefined || !telegram) return true;
  const cached = await cache.getItem<{ username: string }>("telegram-me");
  const me = cached ?? (await telegram.getMe());
  if (!("username" in me)) return true;
  if (!cached) await cache.setItem("telegram-me", { username: me.username });
  return me.username.toLowerCase() === bot.toLowerCase();
}

async function dispatchReply(context: CommandContext, to: number, text: string): Promise<CommandResult | undefined> {
  for (const handleReply of REPLY_HANDLERS) {
    const outcome = await handleReply(context, { to, text });
    if (outcome) return outcome;
  }
  return undefined;
}
