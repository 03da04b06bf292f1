import type { Deps } from "../../../shared/app/deps.ts";
import { getErrorMessage } from "../../../shared/errors.ts";
import type { StoreKey } from "../../../shared/store/port.ts";
import type { ChatId, EditOutcome, SendOutcome, TelegramBot } from "../../../shared/telegram/bot.ts";
import type { TelegramMessage } from "../../../shared/telegram/updates.ts";
import { DAY, type Ms } from "../../../shared/time.ts";

/** The chat id that a group got when it became a supergroup. Everything is still stored under its old id. */
interface MigrationRecord {
  to: number;
}

const migrationKey = (chat: ChatId): StoreKey => `migration:${chat}`;
const migratedMessageKey = (chat: ChatId, messageId: number): StoreKey => `migration:${chat}:${messageId}`;
/** Retention for the number of a sent message: 180 days, as long as an open question or review is kept. */
const SENT_RETENTION: Ms = 180 * DAY;

/** Supergroups and channels have ids below this one; only groups above it can still become a supergroup. */
const FIRST_SUPERGROUP = -1_000_000_000_000;

const canMigrate = (chat: ChatId) => typeof chat === "number" && chat < 0 && chat > FIRST_SUPERGROUP;

async function getCurrentChat({ store }: Pick<Deps, "store">, chat: ChatId): Promise<ChatId> {
  if (!canMigrate(chat)) return chat;
  const [stored] = await store.read<MigrationRecord>([migrationKey(chat)]);
  return stored?.value.to ?? chat;
}

/**
 * Creates a bot that follows a group which became a supergroup, so that queued messages still arrive. Messages sent
 * before the migration cannot be edited: in the supergroup their numbers belong to other messages.
 */
export function createMigrationAwareBot(bot: TelegramBot, deps: Pick<Deps, "store" | "log">): TelegramBot {
  const { store, log } = deps;

  /** Makes a call in the chat as it is now; once more when Telegram answers that the group has become a supergroup. */
  async function callIn<T extends SendOutcome | EditOutcome>(chat: ChatId, run: (current: ChatId) => Promise<T>) {
    const current = await getCurrentChat(deps, chat);
    const outcome = await run(current);
    const to = outcome.kind === "refused" && current === chat ? outcome.movedTo : undefined;
    if (to === undefined || !(await followChat(deps, chat, to))) return outcome;
    return run(await getCurrentChat(deps, chat));
  }

  /** A failure here is only logged: without the record the message cannot be edited, but it was sent. */
  async function recordSent(chat: ChatId, messageId: number): Promise<void> {
    const put = [{ key: migratedMessageKey(chat, messageId), value: true, expires: SENT_RETENTION }];
    await store.commit({ put }).catch((thrown: unknown) => {
      log.warn("telegram message cannot be edited later", { chat, messageId, error: getErrorMessage(thrown) });
    });
  }
  return {
    ...bot,
    sendMessage: (chat, ...message) =>
      callIn(chat, async (current) => {
        const outcome = await bot.sendMessage(current, ...message);
        if (current !== chat && outcome.kind === "sent") await recordSent(chat, outcome.messageId);
        return outcome;
      }),
    editMessage: (chat, messageId, ...message) =>
      callIn(chat, async (current): Promise<EditOutcome> => {
        const [sent] = current === chat ? [true] : await store.read([migratedMessageKey(chat, messageId)]);
        if (!sent) return { kind: "gone", reason: "it was sent before the group became a supergroup" };
        return bot.editMessage(current, messageId, ...message);
      }),
  };
}

/**
 * Follows the configured group into a supergroup when Telegram reports there what it was, so that the commands after
 * it are answered, however long nothing was sent.
 */
export async function followReportedMigration(
  deps: Pick<Deps, "store" | "log" | "settings">,
  { chat, migrate_from_chat_id: former }: Pick<TelegramMessage, "chat" | "migrate_from_chat_id">,
): Promise<void> {
  if (typeof former !== "number" || former !== deps.settings.telegram?.chat) return;
  if ((await getCurrentChat(deps, former)) !== chat.id) await followChat(deps, former, chat.id);
}

/** Stores where the messages of a group go from now on; false unless a group can have become that supergroup. */
async function followChat({ store, log }: Pick<Deps, "store" | "log">, chat: ChatId, to: number): Promise<boolean> {
  if (to > FIRST_SUPERGROUP || !canMigrate(chat)) return false;
  await store.commit({ put: [{ key: migrationKey(chat), value: { to } satisfies MigrationRecord }] });
  log.error("telegram group became a supergroup: messages go there, set its new id in the settings", { chat, to });
  return true;
}

/** Maps the chat of an update to the configured chat: a migrated group keeps the id that is in the settings. */
export async function toConfiguredChat(
  { store, settings: { telegram } }: Pick<Deps, "store" | "settings">,
  chat: TelegramMessage["chat"] | undefined,
): Promise<TelegramMessage["chat"] | undefined> {
  if (!chat || typeof telegram?.chat !== "number" || chat.id === telegram.chat) return chat;
  return (await getCurrentChat({ store }, telegram.chat)) === chat.id ? { ...chat, id: telegram.chat } : chat;
}
