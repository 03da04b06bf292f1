import type { Deps } from "../../shared/deps.ts";
import { messageOf } from "../../shared/errors.ts";
import type { Key, Ms } from "../../shared/store/port.ts";
import type { Bot, Chat, EditOutcome, SendOutcome } from "../../shared/telegram/bot.ts";
import type { Message as Said } from "../../shared/telegram/updates.ts";

type Message = Parameters<Bot["send"]> extends [Chat, ...infer Rest] ? Rest : never;
type Change = Parameters<Bot["edit"]> extends [Chat, number, ...infer Rest] ? Rest : never;

/** The number a group has got as a supergroup; under the old one everything of it is kept. */
interface Move {
  to: number;
}

const movedKey = (chat: Chat): Key => `moved:${chat}`;
const sentKey = (chat: Chat, messageId: number): Key => `moved:${chat}:${messageId}`;
/** As long as the longest that a message waits for somebody. */
const SENT_KEPT: Ms = 180 * 86_400_000;

/** Supergroups and channels have numbers below it; only what is above can become one. */
const FIRST_SUPERGROUP = -1_000_000_000_000;

const canMove = (chat: Chat) => typeof chat === "number" && chat < 0 && chat > FIRST_SUPERGROUP;

async function nowAt({ store }: Pick<Deps, "store">, chat: Chat): Promise<Chat> {
  if (!canMove(chat)) return chat;
  const [kept] = await store.read<Move>([movedKey(chat)]);
  return kept?.value.to ?? chat;
}

/**
 * A bot that finds a group again which became a supergroup, so that what waits for it arrives. What was sent before is
 * not there to be edited: its numbers are others' now.
 */
export function following(bot: Bot, deps: Pick<Deps, "store" | "log">): Bot {
  const { store, log } = deps;

  async function send(chat: Chat, ...message: Message): Promise<SendOutcome> {
    const at = await nowAt(deps, chat);
    const outcome = await bot.send(at, ...message);
    if (at === chat) return (await learnt(chat, outcome)) ? send(chat, ...message) : outcome;
    if (outcome.kind === "sent") await keepSent(chat, outcome.messageId);
    return outcome;
  }
  async function edit(chat: Chat, messageId: number, ...change: Change): Promise<EditOutcome> {
    const at = await nowAt(deps, chat);
    if (at === chat) {
      const outcome = await bot.edit(chat, messageId, ...change);
      return (await learnt(chat, outcome)) ? edit(chat, messageId, ...change) : outcome;
    }
    const [kept] = await store.read([sentKey(chat, messageId)]);
    if (!kept) return { kind: "gone", reason: "it was sent before the group became a supergroup" };
    return bot.edit(at, messageId, ...change);
  }
  /** Without it the message is only not edited any more; that it was sent must be told. */
  async function keepSent(chat: Chat, messageId: number): Promise<void> {
    const put = [{ key: sentKey(chat, messageId), value: true, expires: SENT_KEPT }];
    await store.commit({ put }).catch((thrown: unknown) => {
      log.warn("telegram message will not be edited", { chat, messageId, error: messageOf(thrown) });
    });
  }
  async function learnt(chat: Chat, outcome: SendOutcome | EditOutcome): Promise<boolean> {
    const to = outcome.kind === "refused" ? outcome.movedTo : undefined;
    if (to === undefined || to === chat || !canMove(chat)) return false;
    await store.commit({ put: [{ key: movedKey(chat), value: { to } satisfies Move }] });
    log.error("a group became a supergroup: it is followed, please set its new number", { chat, to });
    return true;
  }
  return { ...bot, send, edit };
}

/** Where something was said; in the group of the settings under the number that is set, whatever it has now. */
export async function saidIn(
  { store, settings: { telegram } }: Pick<Deps, "store" | "settings">,
  where: Said["chat"] | undefined,
): Promise<Said["chat"] | undefined> {
  if (!where || typeof telegram?.chat !== "number" || where.id === telegram.chat) return where;
  return (await nowAt({ store }, telegram.chat)) === where.id ? { ...where, id: telegram.chat } : where;
}
