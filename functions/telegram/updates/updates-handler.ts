import type { Deps, JobHandler } from "../../../shared/app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../../shared/errors.ts";
import { parseJobBody } from "../../../shared/jobs/parse-job-body.ts";
import { type UpdateBody, updateBodySchema, upgradeUpdateBody } from "../../../shared/jobs/updates-jobs.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { PlaneError } from "../../../shared/plane/errors.ts";
import { getRefusal, renderRefusal } from "../../../shared/refusals/render-refusal.ts";
import type { LeasedJob, Settlement } from "../../../shared/store/job-operations.ts";
import { joinRichText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { toTopic } from "../../../shared/telegram/updates.ts";
import { MINUTE, type Ms } from "../../../shared/time.ts";
import type { CommandContext, CommandResult } from "../commands/command.ts";
import { toConfiguredChat } from "../delivery/chat-migration.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { createPresentation } from "../presentation/presentation.ts";
import { type AuthorizedUser, authorizeUser } from "./access.ts";
import { getMessageText, interpretMessage } from "./interpret-message.ts";
import { type InterpretedUpdate, isUpdateRecorded, recordUpdate } from "./record-update.ts";
import { BUTTON_HANDLERS } from "./registry.ts";

/**
 * Lease for one update: 60 s. A command waits at most 10 s for Plane's rate limit, and each request takes at most 30 s.
 */
const LEASE_TTL: Ms = MINUTE;
/** Number of tries before an unexpected error is reported to the user. */
const MAX_TRIES = 3;

const SETTLED_UPDATE: Settlement = { done: true };

/**
 * Handles commands, replies and presses in Telegram, of authorized users only and each update once. Its effects, the
 * reply and the record that it was handled are one commit. After a crash in between it is handled again from the start.
 */
export const updatesHandler: JobHandler = {
  queue: "updates",
  leaseMs: LEASE_TTL,
  concurrency: 4,
  async handle(deps, job) {
    const body = parseJobBody(job, updateBodySchema, upgradeUpdateBody);
    const { message, callback_query: callback } = body.update;
    const chat = await toConfiguredChat(deps, message?.chat ?? callback?.message?.chat);
    const user = message?.from ?? callback?.from;
    const authorization = authorizeUser(deps.settings, user, chat, body.type === "page_input");
    if ("refused" in authorization) {
      logIgnoredUpdate(deps, body, authorization.refused);
      return SETTLED_UPDATE;
    }
    if (await isUpdateRecorded(deps, job.id)) return SETTLED_UPDATE;
    const context = createCommandContext(deps, job, body, authorization);
    const interpreted = await interpretUpdate(context, body, job);
    if ((await recordUpdate(context, interpreted)) !== "kept") return { retryAt: await deps.store.now() };
    deps.kick();
    if (interpreted.callback !== undefined)
      await deps.telegram?.answerCallback(interpreted.callback, interpreted.result.toast);
    return SETTLED_UPDATE;
  },
};

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
  user: AuthorizedUser,
): CommandContext {
  const { settings } = deps;
  const message = update.message ?? update.callback_query?.message;
  const isFromTelegram = type === "telegram_update" && message;
  return {
    deps,
    id: job.id,
    isRetry: job.tries > 1,
    correlation,
    chat: settings.telegram?.chat ?? 0,
    from: { id: user.id, name: user.name },
    presentation: createPresentation({ ...settings, locale: user.language }),
    ...(isFromTelegram ? { message: { id: message.message_id, ...toTopic(message) } } : {}),
  };
}

async function interpretUpdate(
  context: CommandContext,
  { type, update }: UpdateBody,
  job: LeasedJob,
): Promise<InterpretedUpdate> {
  const isFromPage = type === "page_input";
  const { message, callback_query: callback } = update;
  if (message) {
    const isPrivate = isFromPage || message.chat.type === "private";
    const outcome = await runSafely(context, job, () => interpretMessage(context, message, isPrivate));
    if (!outcome) return { result: {} };
    const text = getMessageText(message);
    return {
      result: outcome,
      ...omitUndefined({ replyTo: context.message?.id, messageText: text === "" ? undefined : text }),
      ...toTopic(message),
    };
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
    ...omitUndefined({ callback: isFromPage ? undefined : callback.id }),
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
