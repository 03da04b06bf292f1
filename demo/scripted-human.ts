import type { TelegramSimulator } from "../simulators/telegram/telegram-simulator.ts";
import type { TaskScript } from "./scripted-agent.ts";

interface HumanOptions {
  telegram: Pick<TelegramSimulator, "chat" | "press">;
  /** A private chat: its number is the human's. */
  chat: number;
  scripts: Readonly<Record<string, TaskScript>>;
  narrate: (text: string) => void;
  clock: () => number;
  /** Milliseconds the person watching has to answer first. */
  answerDelay: number;
}

/** The human of the script, who presses the first choice of a question that nobody has answered. */
export function createScriptedHuman({ telegram, chat, scripts, narrate, clock, answerDelay }: HumanOptions) {
  const choices = new Set(Object.values(scripts).flatMap(({ ask }) => ask?.choices ?? []));
  const pressed = new Set<number>();

  return {
    /** To be called again and again. */
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
