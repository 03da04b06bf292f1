const speed = Number(process.env["CLAUDE_SIMULATOR_SPEED"] ?? 1);

/** Delay of the notification about a dialog: 6 s. CLAUDE_SIMULATOR_SPEED divides it, and that of the idle one. */
export const DIALOG_NOTICE_MS = 6_000 / speed;
/** Delay of the notification that the session waits for text after the end of a turn: 60 s. */
export const IDLE_NOTICE_MS = 60_000 / speed;
