type Prefixed<P extends string, K extends string> = `${P}.${K}`;

/** Names of the texts of the terminal's document. */
export type TerminalTextName =
  | Prefixed<
      "terminal",
      "title" | "screen" | "connecting" | "waiting" | "live" | "ended" | "ended.none" | "away" | "lost"
    >
  | Prefixed<
      "terminal",
      "signed_out" | "unknown" | "take" | "give" | "typing" | "here" | "sending" | "not_sent" | "keys"
    >
  | Prefixed<"terminal.key", "escape" | "shift_tab" | "left" | "up" | "down" | "right" | "enter">;

export type TerminalTexts = Record<TerminalTextName, string>;
