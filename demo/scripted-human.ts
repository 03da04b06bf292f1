import type { TelegramSimulator } from "../simulators/telegram/telegram-simulator.ts";
import type { TaskScript } from "./scripted-agent.ts";

interface HumanOptions {
  telegram: Pick<TelegramSimulator, "chat" | "press">;
  /** Id of the human's private chat, which in Telegram is also the human's user id. */
  chat: number;
  scripts: Readonly<Record<string, TaskScript>>;
  narrate: (text: string) => void;
  clock: () => number;
  /** Time that the person watching has to answer first, in milliseconds. */
  answerDelay: number;
}

/** Creates the scripted human, who answers open questions with the first choice. */
export function createScriptedHuman({ telegram, chat, scripts, narrate, clock, answerDelay }: HumanOptions) {
  const choices = new Set(Object.values(scripts).flatMap(({ ask }) => ask?.choices ?? []));
  const pressed = new Set<number>();

  return {
    /** Answers the questions that are older than `answerDelay`. Called repeatedly. */
    answerQuestions(): void {
      for (const { id, at, buttons } of telegram.chat(chat).messages) {
        const button = buttons.flat().find(({ text }) => choices.has(text));
        if (!button || pressed.has(id) || clock() - at < answerDelay) continue;
        pressed.add(id);
        narrate(`Ada presses “${button.text}”`);
        void telegram.press(chat, chat, id, button.callback_data);
      }
    },
  };
}
