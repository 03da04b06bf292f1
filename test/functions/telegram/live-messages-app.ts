import { createLiveMessageRules } from "../../../functions/telegram/live-messages/live-message-rules.ts";
import { pollTelegramOnce } from "../../../functions/telegram/updates/polling-service.ts";
import { createWorkRules } from "../../../functions/work/work-rules.ts";
import { askHuman, type NewQuestion } from "../../../shared/work/questions/questions.ts";
import { findTask } from "../../../shared/work/tasks/find-task.ts";
import type { SimulatedMessage } from "../../../simulators/telegram/chats.ts";
import { ADA_USER, createCommandsApp, GROUP_CHAT, toPlainText } from "./commands/commands-app.ts";

export type LiveMessagesApp = Awaited<ReturnType<typeof createLiveMessagesApp>>;

/**
 * Agents, a human in Telegram and Plane, all over HTTP. What is due later (a reminder, say) waits: time moves only as
 * far as a test lets it.
 */
export async function createLiveMessagesApp(options: NonNullable<Parameters<typeof createCommandsApp>[0]> = {}) {
  const rig = await createCommandsApp({
    ...options,
    parts: {
      ruleSets: (settings) => [
        createLiveMessageRules(settings.notifications, settings.telegram?.chat),
        createWorkRules(settings.agents),
      ],
    },
  });
  await rig.runFirstPoll();

  /** So long passes, in half seconds, and what becomes due is worked. */
  async function advanceAndDrain(ms = 5_000) {
    for (let passed = 0; passed < ms; passed += 500) {
      await rig.drain();
      rig.advance(500);
    }
    await rig.drain();
  }
  async function pollUpdates() {
    await pollTelegramOnce(rig.deps, "rig");
    await advanceAndDrain();
  }

  return Object.assign(rig, {
    advanceAndDrain,
    pollUpdates,
    /** A task of an agent that is in progress; its key. */
    async startTask(agent: string, title = "Write the mail"): Promise<string> {
      const key = rig.toTaskKey(rig.addTask(title, agent));
      await rig.poll();
      await rig.actAs(agent).setStatus(key, { status: "in_progress" });
      await advanceAndDrain();
      return key;
    },
    async askQuestion(agent: string, key: string, question: NewQuestion) {
      const acting = rig.createContext(agent);
      const newQuestion = await askHuman(acting, await findTask(acting, key), question);
      await advanceAndDrain();
      return newQuestion;
    },
    /** Presses the button with this text; what is shown for a moment. */
    async tapButton(message: SimulatedMessage | undefined, label: string, from = ADA_USER): Promise<string> {
      const button = message?.buttons.flat().find(({ text }) => text === label);
      if (!message || !button) throw new Error(`no button ${label} in ${JSON.stringify(message?.buttons)}`);
      return tapButtonData(message.id, button.callback_data, from);
    },
    tapButtonData,
    /** Replies to a message. */
    async replyTo(message: SimulatedMessage | undefined, text: string, from = ADA_USER): Promise<void> {
      await rig.telegram.postAsUser(GROUP_CHAT, from, text, { replyTo: message?.id ?? 0 });
      await pollUpdates();
    },
    /** The last of the bot's messages whose text holds this. */
    findMessage: (part: string) => rig.getBotMessages().findLast((one) => toPlainText(one).includes(part)),
    getButtonLabels: (message: SimulatedMessage | undefined) => message?.buttons.flat().map(({ text }) => text),
  });

  async function tapButtonData(messageId: number, data: string, from = ADA_USER): Promise<string> {
    const press = await rig.telegram.press(GROUP_CHAT, from, messageId, data);
    await pollUpdates();
    return toPlainText({ ...EMPTY_MESSAGE, text: press.answers.join("|") });
  }
}

const EMPTY_MESSAGE: SimulatedMessage = {
  id: 0,
  text: "",
  entities: [],
  at: 0,
  edits: [],
  previews: false,
  buttons: [],
};
