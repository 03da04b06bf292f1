import type { Settings } from "../../shared/config.ts";
import type { Deps } from "../../shared/deps.ts";
import type { Job, Key, Put, Rev } from "../../shared/store/port.ts";
import type { Button, Chat } from "../../shared/telegram/bot.ts";
import type { RichText } from "../../shared/telegram/text.ts";
import { type Acting, actFor, type WorkDeps } from "../../shared/work/acting.ts";
import type { Look } from "./details.ts";
import type { CommandName } from "./locales/answers/texts.ts";

export type HeardDeps = WorkDeps & Pick<Deps, "telegram" | "clock"> & { settings: Settings };

/** One thing that somebody who may has said or pressed. */
export interface Heard {
  deps: HeardDeps;
  /** Names it: however often it comes, it has one effect. */
  id: string;
  /** An earlier try ended in it: what it asks for may be done, in part or whole, and is not said to have been so before. */
  again: boolean;
  correlation: string;
  chat: Chat;
  /** Who: Telegram's number, and a name that no agent can have. */
  from: { id: number; name: string };
  /** In their language. */
  look: Look;
}

/** What is said in answer. */
export interface Answer {
  rich: RichText;
  buttons?: Button[][];
}

/** What comes of it, all in one commit with the mark that it was heard. */
export interface Outcome {
  /** A message of its own. */
  say?: Answer;
  /** The message that was pressed, or another of ours, says this from now on. */
  show?: Answer & { messageId: number };
  /** Shown for a moment to whoever pressed. */
  toast?: string;
  expect?: [Key, Rev][];
  put?: Put[];
  jobs?: Job[];
}

/** What a word after `/plane` does. It may be worked again when the process ended in it: it says so by being the same. */
export interface Command {
  name: CommandName;
  /** Other words that call it. */
  also: readonly string[];
  run(heard: Heard, args: string): Promise<Outcome>;
}

/** What a button does: its data is `verb:id:arg`, the id names what is kept of what was shown. */
export type Press = (heard: Heard, pressed: { messageId: number; id: string; arg: string }) => Promise<Outcome>;

/** What a reply to a message of ours does; undefined: this is not about that message. */
export type Reply = (heard: Heard, said: { to: number; text: string }) => Promise<Outcome | undefined>;

/** The hands of whoever said it: the human's, who may do everything. */
export function actingFor({ deps, from, correlation }: Heard): Acting {
  return actFor(deps, { name: from.name, role: "human" }, correlation);
}

/** A short id for what is kept of a message; with a verb and an argument it fits into a button's 64 bytes. */
export function shortId({ deps }: Heard): string {
  return deps.newId().replaceAll("-", "").slice(0, 16);
}
