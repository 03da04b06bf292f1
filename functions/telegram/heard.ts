import type { Deps, Worker } from "../../shared/deps.ts";
import { GroundcrewError, messageOf } from "../../shared/errors.ts";
import { PlaneError } from "../../shared/plane/errors.ts";
import type { Leased, Ms, Settlement } from "../../shared/store/port.ts";
import { data } from "../../shared/telegram/data.ts";
import { join } from "../../shared/telegram/text.ts";
import { type UpdateBody, updateBodySchema } from "../../shared/telegram/update-job.ts";
import { isForwarded, topicOf } from "../../shared/telegram/updates.ts";
import { type Speaker, speakerOf } from "./access.ts";
import { lookOf } from "./details.ts";
import type { Heard, HeardDeps, Outcome } from "./handler.ts";
import { commandCalled, PRESSES, REPLIES } from "./handlers.ts";
import { keepHeard, type Understood, wasHeard } from "./keep-heard.ts";
import { filled } from "./locales/say.ts";
import { saidIn } from "./moved.ts";
import { unknownWord } from "./unknown.ts";
import { type Asked, askedIn } from "./words.ts";

/** A command waits at most 10 s for its turns at Plane, and each request for 30 s. */
const TTL: Ms = 60_000;
/** A mistake of ours is tried again so often before it is told. */
const TRIES = 3;

const DONE: Settlement = { done: true };

/**
 * What people say and press in Telegram: only those who may, each update once. What comes of it, the answer and the
 * mark that it was heard are one commit; done again after an end in between, it is done as if it were the first time.
 */
export const heard: Worker = {
  queue: "updates",
  ttl: TTL,
  parallel: 4,
  async work(deps, job) {
    const body = updateBodySchema.safeParse(job.body);
    if (!body.success) return { dead: "the job's body is not one that this version knows" };
    const { message, callback_query: callback } = body.data.update;
    const where = await saidIn(deps, message?.chat ?? callback?.message?.chat);
    const speaker = speakerOf(deps.settings, message?.from ?? callback?.from, where, body.data.atPage);
    if ("refused" in speaker) {
      refused(deps, body.data, speaker.refused);
      return DONE;
    }
    if (await wasHeard(deps, job.id)) return DONE;
    const one = heardBy(deps, job, body.data, speaker);
    const what = await understood(one, body.data, job);
    if ((await keepHeard(one, what)) !== "kept") return { retryAt: await deps.store.now() };
    deps.kick();
    if (what.callback !== undefined) await deps.telegram?.answer(what.callback, what.outcome.toast);
    return DONE;
  },
};

/** Everyone else gets silence. */
function refused({ log }: Pick<Deps, "log">, { update, correlation }: UpdateBody, why: string) {
  const { message, callback_query: callback } = update;
  if (!message && !callback) return;
  const user = message?.from?.id ?? callback?.from.id;
  const chat = message?.chat.id ?? callback?.message?.chat.id;
  log.info("telegram update not answered", { correlation, update: update.update_id, user, chat, why });
}

function heardBy(deps: Deps, job: Leased, { correlation }: UpdateBody, speaker: Speaker): Heard {
  const { settings } = deps;
  return {
    deps,
    id: job.id,
    again: job.tries > 1,
    correlation,
    chat: settings.telegram?.chat ?? 0,
    from: { id: speaker.id, name: speaker.name },
    look: lookOf({ ...settings, locale: speaker.language }),
  };
}

async function understood(one: Heard, { update, atPage }: UpdateBody, job: Leased): Promise<Understood> {
  const { message, callback_query: callback } = update;
  if (message) {
    if (isForwarded(message)) return { outcome: {} };
    const { reply_to_message: reply, caption } = message;
    const text = message.text ?? (reply ? caption : undefined) ?? "";
    const isForUs = atPage === true || message.chat.type === "private";
    const where = { ...(atPage !== true && { replyTo: message.message_id }), ...topicOf(message) };
    const outcome = await done(one, job, async () => {
      const isReply = reply && text !== "" && !text.trimStart().startsWith("/");
      const known = isReply ? await replied(one, reply.message_id, text) : undefined;
      return known ?? commanded(one, askedIn(text, isForUs));
    });
    if (!outcome) return { outcome: {} };
    return { outcome, ...where, said: text };
  }
  if (!callback?.message) return { outcome: {} };
  const { message_id: messageId } = callback.message;
  const [verb = "", id = "", arg = ""] = (callback.data ?? "").split(":", 3);
  const press = Object.hasOwn(PRESSES, verb) ? PRESSES[verb] : undefined;
  const pressed = await done(one, job, async () => press?.(one, { messageId, id, arg }));
  const outcome = pressed ?? { toast: one.look.texts.answers.old };
  return { outcome, ...topicOf(callback.message), ...(atPage !== true && { callback: callback.id }) };
}

async function commanded(one: Heard, asked: Asked | undefined): Promise<Outcome | undefined> {
  if (!asked || !(await isOurs(one.deps, asked.bot))) return undefined;
  const command = commandCalled(asked.word);
  return command ? command.run(one, asked.args) : unknownWord(one, asked);
}

/** What it came to; what went wrong is told in words, unless it may go well the next time. */
async function done(
  { deps, look, correlation }: Heard,
  { id, tries }: Leased,
  act: () => Promise<Outcome | undefined>,
): Promise<Outcome | undefined> {
  try {
    return await act();
  } catch (thrown) {
    const known = thrown instanceof GroundcrewError || thrown instanceof PlaneError;
    if (!known && tries < TRIES) throw thrown;
    deps.log[known ? "info" : "error"]("command not done", { correlation, job: id, error: messageOf(thrown) });
    const { plane, other } = look.texts.answers.not;
    // Our own mistakes are for the log.
    const reason = known ? messageOf(thrown) : `internal error (${correlation})`;
    const text = filled(thrown instanceof PlaneError ? plane : other, { reason: data(reason, 600) });
    return { say: { rich: join(["⚠️ ", text]) } };
  }
}

/** `/plane@somebody_else` is for somebody else. */
async function isOurs({ telegram, cache }: HeardDeps, bot: string | undefined): Promise<boolean> {
  if (bot === undefined || !telegram) return true;
  const known = await cache.getItem<{ username: string }>("telegram-me");
  const me = known ?? (await telegram.me());
  if (!("username" in me)) return true;
  if (!known) await cache.setItem("telegram-me", { username: me.username });
  return me.username.toLowerCase() === bot.toLowerCase();
}

async function replied(one: Heard, to: number, text: string): Promise<Outcome | undefined> {
  for (const reply of REPLIES) {
    const outcome = await reply(one, { to, text });
    if (outcome) return outcome;
  }
  return undefined;
}
