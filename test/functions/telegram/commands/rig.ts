import { expect, onTestFinished } from "vitest";
import type { ShownMessage } from "../../../../demo/telegram/chats.ts";
import { createTelegram } from "../../../../demo/telegram/server.ts";
import { heard } from "../../../../functions/telegram/heard.ts";
import { outbox } from "../../../../functions/telegram/outbox.ts";
import { pollOnce } from "../../../../functions/telegram/polling.ts";
import { notifyRules } from "../../../../functions/telegram/rules.ts";
import { work } from "../../../../functions/work/worker.ts";
import { createWorkCrew } from "../../../work-crew.ts";

export const CHAT = -100_200;
export const ADA = 4711;
export const STRANGER = 666;

type Options = NonNullable<Parameters<typeof createWorkCrew>[0]> & {
  env?: Record<string, string>;
  chats?: (number | string)[];
};

/**
 * The product with agents in front of the in-memory Plane and Telegram, both over HTTP: what people write and press is
 * polled, worked and answered by the product's own parts. Time moves only when the rig moves it.
 */
export async function createCommandsRig({ env = {}, chats = [CHAT], ...options }: Options = {}) {
  let clock = () => 0;
  const token = "1000:token-of-the-commands";
  const telegram = createTelegram({ clock: () => clock(), token, chats });
  const apiRoot = await telegram.start();
  onTestFinished(() => telegram.stop());
  const crew = await createWorkCrew({
    ...options,
    outbox: outbox(),
    parts: {
      workers: [work, heard, ...(options.parts?.workers ?? [])],
      consumers: (settings) => [
        notifyRules(settings.notifications, settings.telegram?.chat),
        ...(options.parts?.consumers?.(settings) ?? []),
      ],
    },
    staff: (plane) => ({
      TELEGRAM_BOT_TOKEN: token,
      TELEGRAM_CHAT_ID: String(CHAT),
      TELEGRAM_ALLOWED_USERS: String(ADA),
      TELEGRAM_API_ROOT: apiRoot,
      ...env,
      ...options.staff?.(plane),
    }),
  });
  clock = () => crew.time.now;

  /** What waits at Telegram is taken, worked and answered. */
  async function hear() {
    // A second between two things: Telegram takes one message a second in a chat.
    crew.pass(1_100);
    await pollOnce(crew.deps, "rig");
    await answered();
  }
  /** Time passes until all is heard and said; what is for later, a reminder say, stays. */
  async function answered() {
    for (let tries = 0; tries < 400; tries += 1) {
      await crew.drain();
      const { updates, outbox: out } = (await crew.store.stats()).queues;
      if (updates.pending + out.pending === 0) return;
      crew.pass(500);
    }
    throw new Error(`still waiting: ${JSON.stringify(await crew.store.stats())}`);
  }
  const shown = (chat: number | string = CHAT) => telegram.chat(chat).messages.filter(({ from }) => from === undefined);

  async function say(text: string, more: { from?: number; chat?: number; replyTo?: number; topic?: number } = {}) {
    const { from = ADA, chat = CHAT, ...place } = more;
    await telegram.say(chat, from, text, place);
    const said = telegram.chat(chat).messages.at(-1)?.id;
    await hear();
    return shown(chat).filter((message) => message.replyTo === said);
  }

  return Object.assign(crew, {
    telegram,
    hear,
    /** The bot's messages in a chat. */
    shown,
    /** Says it; the bot's messages that answer it. */
    say,
    /** Says it and answers the text of the one message that comes back. */
    async ask(text: string, more: Parameters<typeof say>[1] = {}): Promise<string> {
      const answers = await say(text, more);
      expect(answers, text).toHaveLength(1);
      return plainly(answers[0]);
    },
    /** Presses a button of a message by its text; what the person is shown for a moment. */
    async press(message: ShownMessage | undefined, label: string | RegExp, from = ADA): Promise<string[]> {
      const button = message?.buttons
        .flat()
        .find(({ text }) => (typeof label === "string" ? text === label : label.test(text)));
      if (!message || !button) throw new Error(`no button ${label} in ${JSON.stringify(message?.buttons)}`);
      const press = await telegram.press(CHAT, from, message.id, button.callback_data);
      await hear();
      return press.answers;
    },
  });
}

/** A message's text without what only keeps Telegram from finding links. */
export function plainly(message: ShownMessage | undefined): string {
  return (message?.text ?? "").replaceAll("\u2060", "").replaceAll(/[\u00a0\u202f]/g, " ");
}
