import type { ReceivedFrame } from "../../../../shared/app/terminals.ts";
import type { TerminalTexts } from "../../../../shared/i18n/texts.ts";
import type { TEXTS } from "./page-texts.ts";

export type PageLanguage = keyof typeof TEXTS;
export type TextName = keyof typeof TEXTS.en | keyof TerminalTexts;

/** Values for the placeholders of a text. */
export type TextValues = Readonly<Record<string, string | number | undefined>>;

/** The picture of a terminal, as the stream sends it: `at` is when Groundcrew received it, ISO 8601. */
export interface ReceivedPicture extends Omit<ReceivedFrame, "at" | "history"> {
  at: string;
}

/** What the terminal's document tells the frame of the picture; without anything, it scrolls up by a screen. */
export interface ScreenMessage {
  /** The lines above the picture. */
  history?: string;
  /** A text to look for upwards, or downwards. */
  find?: string;
  isDown?: boolean;
  lines?: number;
}

/** What a viewer learns of a ticket besides pictures. */
export interface TerminalState {
  state: string;
  run: number;
  phase: "waiting" | "live" | "ended";
  /** The runner that has the session is connected. */
  connected: boolean;
}

/** The elements of the page's HTML whose type is more specific than HTMLElement. */
interface FrameElements {
  "agent-token-value": HTMLInputElement;
  "failed-jobs": HTMLDetailsElement;
  "sign-ins": HTMLDetailsElement;
  language: HTMLSelectElement;
  projects: HTMLSelectElement;
  "say-text": HTMLInputElement;
  token: HTMLInputElement;
  "terminal-find": HTMLInputElement;
  "terminal-screen": HTMLIFrameElement;
  "terminal-take": HTMLButtonElement;
  "terminal-typing": HTMLTextAreaElement;
}

export type ElementOf<Id extends string> = Id extends keyof FrameElements ? FrameElements[Id] : HTMLElement;
