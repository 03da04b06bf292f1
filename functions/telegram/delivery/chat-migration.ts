import type { Deps } from "../../../shared/app/deps.ts";
import { getErrorMessage } from "../../../shared/errors.ts";
import type { StoreKey } from "../../../shared/store/port.ts";
import type { ChatId, EditOutcome, SendOutcome, TelegramBot } from "../../../shared/telegram/bot.ts";
import type { TelegramMessage as Said } from "../../../shared/telegram/updates.ts";
import { DAY, type Ms } from "../../../shared/time.ts";

type SendArguments = Parameters<TelegramBot["sendMessage"]> extends [ChatId, ...infer Rest] ? Rest : never;
type EditArguments = Parameters<TelegramBot["editMessage"]> extends [ChatId, number, ...infer Rest] ? Rest : never;

/** The number a group has got as a supergroup; under the old one everything of it is kept. */
interface KeptMigration {
  to: number;
}

const migrationKey = (chat: ChatId): StoreKey => `moved:${chat}`;
const migratedMessageKey = (chat: ChatId, messageId: number): StoreKey => `moved:${chat}:${messageId}`;
/** As long as the longest that a message waits for somebody. */
const SENT_RETENTION: Ms = 180 * DAY;

/** Supergroups and channels have numbers below it; only what is above can become one. */
const FIRST_SUPERGROUP = -1_000_000_000_000;

const canMigrate = (chat: ChatId) => typeof chat === "number" && chat < 0 && chat > FIRST_SUPERGROUP;

async function getCurrentChat({ store }: Pick<Deps, "store">, chat: ChatId): Promise<ChatId> {
  if (!canMigrate(chat)) return chat;
  const [kept] = await store.read<KeptMigration>([migrationKey(chat)]);
  return kept?.value.to ?? chat;
}

/**
 * A bot that finds a group again which became a supergroup, so that what waits for it arrives. What was sent before is
 * not there to be edited: its numbers are others' now.
 */
export function createMigrationAwareBot(bot: TelegramBot, deps: Pick<Deps, "store" | "log">): TelegramBot {
  const { store, log } = deps;

  async function sendMessage(chat: ChatId, ...sendArguments: SendArguments): Promise<SendOutcome> {
    const currentChat = await getCurrentChat(deps, chat);
    const outcome = await bot.sendMessage(currentChat, ...sendArguments);
    if (currentChat === chat)
      return (await recordMigration(chat, outcome)) ? sendMessage(chat, ...sendArguments) : outcome;
    if (outcome.kind === "sent") await recordSent(chat, outcome.messageId);
    return outcome;
  }
  async function editMessage(chat: ChatId, messageId: number, ...editArguments: EditArguments): Promise<EditOutcome> {
    const currentChat = await getCurrentChat(deps, chat);
    if (currentChat === chat) {
      const outcome = await bot.editMessage(chat, messageId, ...editArguments);
      return (await recordMigration(chat, outcome)) ? editMessage(chat, messageId, ...editArguments) : outcome;
    }
    const [kept] = await store.read([migratedMessageKey(chat, messageId)]);
    if (!kept) return { kind: "gone", reason: "it was sent before the group became a supergroup" };
    return bot.editMessage(currentChat, messageId, ...editArguments);
  }
  /** Without it the message is only not edited any more; that it was sent must be told. */
  async function recordSent(chat: ChatId, messageId: number): Promise<void> {
    const put = [{ key: migratedMessageKey(chat, messageId), value: true, expires: SENT_RETENTION }];
    await store.commit({ put }).catch((thrown: unknown) => {
      log.warn("telegram message will not be edited", { chat, messageId, error: getErrorMessage(thrown) });
    });
  }
  async function recordMigration(chat: ChatId, outcome: SendOutcome | EditOutcome): Promise<boolean> {
    const to = outcome.kind === "refused" ? outcome.movedTo : undefined;
    if (to === undefined || to === chat || !canMigrate(chat)) return false;
    await store.commit({ put: [{ key: migrationKey(chat), value: { to } satisfies KeptMigration }] });
    log.error("a group became a supergroup: it is followed, please set its new number", { chat, to });
    return true;
  }
  return { ...bot, sendMessage, editMessage };
}

/** Where something was said; in the group of the settings under the number that is set, whatever it has now. */
export async function toConfiguredChat(
  { store, settings: { telegram } }: Pick<Deps, "store" | "settings">,
  chat: Said["chat"] | undefined,
): Promise<Said["chat"] | undefined> {
  if (!chat || typeof telegram?.chat !== "number" || chat.id === telegram.chat) return chat;
  return (await getCurrentChat({ store }, telegram.chat)) === chat.id ? { ...chat, id: telegram.chat } : chat;
}
