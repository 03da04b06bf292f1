import { createLiveMessageRules } from "../../../functions/telegram/rules.ts";
import { pollTelegramOnce } from "../../../functions/telegram/updates/receive-updates.ts";
import { createWorkRules } from "../../../functions/work.ts";
import { findTask } from "../../../shared/tasks/find-task.ts";
import { askHuman, type NewQuestion } from "../../../shared/tasks/people/questions.ts";
import type { SimulatedMessage } from "../../../simulators/telegram/chats.ts";
import { ADA_USER, createCommandsApp, GROUP_CHAT, toPlainText } from "./commands/commands-app.ts";

export type LiveMessagesApp = Awaited<ReturnType<typeof createLiveMessagesApp>>;

/**
 * Creates a commands app that also sends live messages. Jobs due later (a reminder, say) wait: time passes only when a
 * test advances it.
 */
export async function createLiveMessagesApp(options: NonNullable<Parameters<typeof createCommandsApp>[0]> = {}) {
  const app = await createCommandsApp({
    ...options,
    parts: {
      ...options.parts,
      ruleSets: (settings) => [
        createLiveMessageRules(settings.notifications, settings.telegram?.chat),
        createWorkRules(settings.agents),
        ...(options.parts?.ruleSets?.(settings) ?? []),
      ],
    },
  });
  await app.runFirstPoll();

  /** Advances time in steps of half a second and handles the jobs that become due. */
  const advanceAndDrain = (ms = 5_000) => app.runFor(ms, 500);
  async function pollUpdates() {
    await pollTelegramOnce(app.deps, "rig");
    await advanceAndDrain();
  }

  return Object.assign(app, {
    advanceAndDrain,
    pollUpdates,
    /** Creates a task of an agent that is in progress; returns its key. */
    async startTask(agent: string, title = "Write the mail"): Promise<string> {
      const key = app.toTaskKey(app.addTask(title, agent));
      await app.poll();
      await app.actAs(agent).setStatus(key, { status: "in_progress" });
      await advanceAndDrain();
      return key;
    },
    async askQuestion(agent: string, key: string, question: NewQuestion) {
      const context = app.createContext(agent);
      const newQuestion = await askHuman(context, await findTask(context, key), question);
      await advanceAndDrain();
      return newQuestion;
    },
    async replyTo(message: SimulatedMessage | undefined, text: string, from = ADA_USER): Promise<void> {
      await app.telegram.postAsUser(GROUP_CHAT, from, text, { replyTo: message?.id ?? 0 });
      await pollUpdates();
    },
    /** Returns the bot's last message that contains this text. */
    findMessage: (part: string) => app.getBotMessages().findLast((message) => toPlainText(message).includes(part)),
  });
}
