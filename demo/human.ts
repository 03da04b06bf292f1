import type { Turn } from "./agents.ts";
import type { Telegram } from "./telegram/server.ts";

interface HumanOptions {
  telegram: Pick<Telegram, "chat" | "press">;
  /** A private chat: its number is the human's. */
  chat: number;
  turns: Readonly<Record<string, Turn>>;
  tell: (text: string) => void;
  clock: () => number;
  /** Milliseconds the person watching has to answer first. */
  patience: number;
}

/** The human of the script, who presses the first choice of a question that nobody has answered. */
export function scriptedHuman({ telegram, chat, turns, tell, clock, patience }: HumanOptions) {
  const choices = new Set(Object.values(turns).flatMap(({ ask }) => ask?.choices ?? []));
  const pressed = new Set<number>();

  return {
    /** To be called again and again. */
    look(): void {
      for (const { id, at, buttons } of telegram.chat(chat).messages) {
        const button = buttons.flat().find(({ text }) => choices.has(text));
        if (!button || pressed.has(id) || clock() - at < patience) continue;
        pressed.add(id);
        tell(`Ada presses “${button.text}”`);
        void telegram.press(chat, chat, id, button.callback_data);
      }
    },
  };
}
