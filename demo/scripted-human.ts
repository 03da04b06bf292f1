import type { SimulatedMessage } from "../simulators/telegram/chats.ts";
import type { SimulatedButton } from "../simulators/telegram/message-payload.ts";
import type { TelegramSimulator } from "../simulators/telegram/telegram-simulator.ts";
import { NEW_PROJECT } from "./agents/scripted-concierge.ts";
import type { TaskScript } from "./agents/task-scripts.ts";

interface HumanOptions {
  telegram: Pick<TelegramSimulator, "chat" | "press">;
  /** Id of the human's private chat, which in Telegram is also the human's user id. */
  chat: number;
  scripts: Readonly<Record<string, TaskScript>>;
  narrate: (text: string) => void;
  clock: () => number;
  /** Time that the person watching has to answer a question first, in milliseconds. */
  answerDelay: number;
  /** Time that the person watching has to approve a plan or a result first, in milliseconds. */
  approvalDelay: number;
}

/** A button that the human presses, and the time before that. */
interface Choice {
  button: SimulatedButton;
  delay: number;
}

/**
 * Creates the scripted human, who answers open questions with the first choice and approves the Concierge's plans and
 * their results.
 */
export function createScriptedHuman(options: HumanOptions) {
  const { telegram, chat, scripts, narrate, clock, answerDelay, approvalDelay } = options;
  const choices = new Set([NEW_PROJECT, ...Object.values(scripts).flatMap(({ ask }) => ask?.choices ?? [])]);
  const pressed = new Set<string>();

  function choose({ text, buttons }: SimulatedMessage): Choice | undefined {
    const all = buttons.flat();
    const answer = all.find((button) => choices.has(button.text));
    if (answer) return { button: answer, delay: answerDelay };
    // What the message of a plan or of a result begins with; of results only those of a wish, which are named so.
    const subject = /(?:^|\s)(Design|Build|Test): /.test(text) ? /^(?:🗺️|🔍)/u : /^🗺️/u;
    const approval = subject.test(text) && all.find(({ callback_data }) => /^r:[^:]+:approve\./.test(callback_data));
    return approval ? { button: approval, delay: approvalDelay } : undefined;
  }

  return {
    /** Presses the buttons whose time has come. Called repeatedly. */
    pressButtons(): void {
      for (const message of telegram.chat(chat).messages) {
        const choice = choose(message);
        if (!choice || clock() - message.at < choice.delay) continue;
        const { button } = choice;
        const press = `${message.id} ${button.callback_data}`;
        if (pressed.has(press)) continue;
        pressed.add(press);
        narrate(`Ada presses “${button.text}”`);
        void telegram.press(chat, chat, message.id, button.callback_data);
      }
    },
  };
}
