import type { SimulatedMessage } from "../../../../simulators/telegram/chats.ts";
import { ADA_USER, toPlainText } from "../commands/commands-app.ts";
import { createMessagesApp } from "../messages-app.ts";

export const PRIVATE_CHAT = ADA_USER;

type Options = NonNullable<Parameters<typeof createMessagesApp>[0]>;

/** Creates a messages app whose chat is Ada's private chat with the bot. */
export async function createPrivateChatApp({ env = {}, ...options }: Options = {}) {
  const app = await createMessagesApp({
    ...options,
    env: { TELEGRAM_CHAT_ID: String(PRIVATE_CHAT), ...env },
    chats: [PRIVATE_CHAT],
  });
  /** Writes as Ada; `as` holds further fields of the message. Returns the bot's replies to it. */
  async function write(
    text: string,
    { as = {}, replyTo }: { as?: object; replyTo?: SimulatedMessage | undefined } = {},
  ) {
    const target = replyTo ? { replyTo: replyTo.id } : {};
    await app.telegram.postAsUser(PRIVATE_CHAT, ADA_USER, text, { as, ...target });
    const sentId = app.telegram.chat(PRIVATE_CHAT).messages.at(-1)?.id;
    await app.pollUpdates();
    return getMessages().filter((message) => message.replyTo === sentId);
  }
  const getMessages = () => app.getBotMessages(PRIVATE_CHAT);

  return Object.assign(app, {
    write,
    getMessages,
    /** Writes as Ada and returns the texts of the replies. */
    async ask(text: string, more: Parameters<typeof write>[1] = {}): Promise<string[]> {
      return (await write(text, more)).map(toPlainText);
    },
    async tap(message: SimulatedMessage | undefined, label: string | RegExp) {
      const button = message?.buttons.flat().find(({ text }) => text.match(label));
      if (!message || !button) throw new Error(`no button ${label} in ${JSON.stringify(message?.buttons)}`);
      await app.telegram.press(PRIVATE_CHAT, ADA_USER, message.id, button.callback_data);
      await app.pollUpdates();
    },
    findText: (part: string) => getMessages().findLast((message) => toPlainText(message).includes(part)),
    /** The data of the last wake: one object for each task. */
    readLastWake(): Record<string, unknown>[] {
      const lines = app.gateway.runs.at(-1)?.message.split("\n") ?? [];
      return lines.filter((line) => line.startsWith("{")).map((line): Record<string, unknown> => JSON.parse(line));
    },
  });
}
