import { expect, onTestFinished } from "vitest";
import { createOutboxHandler } from "../../../../functions/telegram/outbox-handler.ts";
import { createNotificationRules } from "../../../../functions/telegram/rules.ts";
import { pollTelegramOnce } from "../../../../functions/telegram/updates/receive-updates.ts";
import { workHandler } from "../../../../functions/work.ts";
import { createUpdateJob } from "../../../../shared/jobs/incoming-jobs.ts";
import { keepDefined } from "../../../../shared/omit-undefined.ts";
import type { SimulatedMessage } from "../../../../simulators/telegram/chats.ts";
import { createTelegramSimulator } from "../../../../simulators/telegram/telegram-simulator.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { updatesHandler } from "../../../support/updates-handler.ts";

export const GROUP_CHAT = -100_200;
export const ADA_USER = 4711;
export const BOB_USER = 4712;
export const STRANGER_USER = 666;
export const ADA = { email: "ada@javisi.local.test", telegram: ADA_USER };
export const BOB = { email: "bob@javisi.local.test", telegram: BOB_USER };

type Options = NonNullable<Parameters<typeof createAgentTestApp>[0]> & {
  env?: Record<string, string>;
  chats?: (number | string)[];
};

/** Options of an app whose list names these people; Bob has a chat of his own with the bot. */
export const createTeamOptions = (people: object[] = [ADA, BOB]) => ({
  chats: [GROUP_CHAT, BOB_USER],
  config: { people },
  setUpPlane(plane: Parameters<NonNullable<Options["setUpPlane"]>>[0]) {
    plane.addUser({ name: "Bob" });
    return {};
  },
});

/**
 * Creates Groundcrew with agents and simulated Plane and Telegram servers, both over HTTP. Messages and presses are
 * polled and handled by the product's own code. Time passes only when a test advances it.
 */
export async function createCommandsApp({ env = {}, chats = [GROUP_CHAT], ...options }: Options = {}) {
  let clock = () => 0;
  const token = "1000:token-of-the-commands";
  const telegram = createTelegramSimulator({ clock: () => clock(), token, chats });
  const apiRoot = await telegram.start();
  onTestFinished(() => telegram.stop());
  const app = await createAgentTestApp({
    ...options,
    outbox: createOutboxHandler(),
    parts: {
      jobHandlers: [workHandler, updatesHandler, ...(options.parts?.jobHandlers ?? [])],
      ruleSets: (settings) => [
        createNotificationRules(settings.notifications, settings.telegram?.chat),
        ...(options.parts?.ruleSets?.(settings) ?? []),
      ],
    },
    setUpPlane: (plane) => ({
      TELEGRAM_BOT_TOKEN: token,
      TELEGRAM_CHAT_ID: String(GROUP_CHAT),
      TELEGRAM_ALLOWED_USERS: String(ADA_USER),
      TELEGRAM_API_ROOT: apiRoot,
      ...env,
      ...options.setUpPlane?.(plane),
    }),
  });
  clock = () => app.time.now;

  /** Polls the pending updates, handles them and sends the replies. */
  async function pollUpdates() {
    // Telegram accepts one message per second in a chat.
    app.advance(1_100);
    await pollTelegramOnce(app.deps, "rig");
    await waitUntilAnswered();
  }
  /** Advances time until both queues are empty; jobs due later (a reminder, say) stay. */
  async function waitUntilAnswered() {
    for (let tries = 0; tries < 400; tries += 1) {
      await app.drain();
      const { updates, outbox } = (await app.store.stats()).queues;
      if (updates.pending + outbox.pending === 0) return;
      app.advance(500);
    }
    throw new Error(`jobs are still pending: ${JSON.stringify(await app.store.stats())}`);
  }
  const getBotMessages = (chat: number | string = GROUP_CHAT) =>
    telegram.chat(chat).messages.filter(({ from }) => from === undefined);

  async function sendMessage(
    text: string,
    more: { from?: number; chat?: number; replyTo?: number; topic?: number } = {},
  ) {
    const { from = ADA_USER, chat = GROUP_CHAT, ...target } = more;
    await telegram.postAsUser(chat, from, text, target);
    const sentId = telegram.chat(chat).messages.at(-1)?.id;
    await pollUpdates();
    return getBotMessages(chat).filter((message) => message.replyTo === sentId);
  }

  /** Presses the button with this data and returns the toast that the user is shown. */
  async function tapButtonData(messageId: number, data: string, from = ADA_USER, chat = GROUP_CHAT): Promise<string> {
    const press = await telegram.press(chat, from, messageId, data);
    await all.pollUpdates();
    return toPlainText({ text: press.answers.join("|") });
  }

  const all = Object.assign(app, {
    telegram,
    pollUpdates,
    /** Stores an update as the webhook of Telegram does. */
    async storeUpdate(update: unknown, correlation = "c1") {
      await app.store.commit({ jobs: keepDefined([createUpdateJob(update, correlation)]) });
    },
    /** The bot's messages in a chat. */
    getBotMessages,
    /** Sends a message as a user and returns the bot's replies to it. */
    sendMessage,
    /** Sends a message as a user and returns the text of the only reply. */
    async sendAndGetReply(text: string, more: Parameters<typeof sendMessage>[1] = {}): Promise<string> {
      const replies = await sendMessage(text, more);
      expect(replies, text).toHaveLength(1);
      return toPlainText(replies[0]);
    },
    tapButtonData,
    /** Presses the button with this label and returns the toast that the user is shown. */
    async tapButton(message: SimulatedMessage | undefined, label: string | RegExp, from?: number, chat?: number) {
      const isMeant = (text: string) => (typeof label === "string" ? text === label : label.test(text));
      const button = message?.buttons.flat().find(({ text }) => isMeant(text));
      if (!message || !button) throw new Error(`no button ${label} in ${JSON.stringify(message?.buttons)}`);
      return tapButtonData(message.id, button.callback_data, from, chat);
    },
    getButtonLabels: (message: SimulatedMessage | undefined) => message?.buttons.flat().map(({ text }) => text),
  });
  return all;
}

/** Returns a message's text without word joiners, which only keep Telegram from detecting links. */
export function toPlainText(message: Pick<SimulatedMessage, "text"> | undefined): string {
  return (message?.text ?? "").replaceAll("\u2060", "").replaceAll(/[\u00a0\u202f]/g, " ");
}
