import type { ShownMessage } from "../../../demo/telegram/chats.ts";
import { liveRules } from "../../../functions/telegram/live/rules.ts";
import { pollOnce } from "../../../functions/telegram/polling.ts";
import { workRules } from "../../../functions/work/rules.ts";
import { findTask } from "../../../shared/work/find.ts";
import { askHuman, type NewQuestion } from "../../../shared/work/question.ts";
import { ADA, CHAT, createCommandsRig, plainly } from "./commands/rig.ts";

export type LiveRig = Awaited<ReturnType<typeof createLiveRig>>;

/**
 * Agents, a human in Telegram and Plane, all over HTTP. What is due later (a reminder, say) waits: time moves only as
 * far as a test lets it.
 */
export async function createLiveRig(options: NonNullable<Parameters<typeof createCommandsRig>[0]> = {}) {
  const rig = await createCommandsRig({
    ...options,
    parts: {
      consumers: (settings) => [liveRules(settings.notifications, settings.telegram?.chat), workRules(settings.agents)],
    },
  });
  await rig.begin();

  /** So long passes, in half seconds, and what becomes due is worked. */
  async function go(ms = 5_000) {
    for (let passed = 0; passed < ms; passed += 500) {
      await rig.drain();
      rig.pass(500);
    }
    await rig.drain();
  }
  async function hear() {
    await pollOnce(rig.deps, "rig");
    await go();
  }

  return Object.assign(rig, {
    go,
    hear,
    /** A task of an agent that is in progress; its key. */
    async started(agent: string, title = "Write the mail"): Promise<string> {
      const key = rig.keyOf(rig.task(title, agent));
      await rig.poll();
      await rig.work(agent).setStatus(key, { status: "in_progress" });
      await go();
      return key;
    },
    async question(agent: string, key: string, question: NewQuestion) {
      const acting = rig.acting(agent);
      const asked = await askHuman(acting, await findTask(acting, key), question);
      await go();
      return asked;
    },
    /** Presses the button with this text; what is shown for a moment. */
    async tap(message: ShownMessage | undefined, label: string, from = ADA): Promise<string> {
      const button = message?.buttons.flat().find(({ text }) => text === label);
      if (!message || !button) throw new Error(`no button ${label} in ${JSON.stringify(message?.buttons)}`);
      return tapData(message.id, button.callback_data, from);
    },
    tapData,
    /** Replies to a message. */
    async reply(message: ShownMessage | undefined, text: string, from = ADA): Promise<void> {
      await rig.telegram.say(CHAT, from, text, { replyTo: message?.id ?? 0 });
      await hear();
    },
    /** The last of the bot's messages whose text holds this. */
    message: (part: string) => rig.shown().findLast((one) => plainly(one).includes(part)),
    labels: (message: ShownMessage | undefined) => message?.buttons.flat().map(({ text }) => text),
  });

  async function tapData(messageId: number, data: string, from = ADA): Promise<string> {
    const press = await rig.telegram.press(CHAT, from, messageId, data);
    await hear();
    return plainly({ ...EMPTY, text: press.answers.join("|") });
  }
}

const EMPTY: ShownMessage = { id: 0, text: "", entities: [], at: 0, edits: [], previews: false, buttons: [] };
