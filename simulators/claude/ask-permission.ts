import type { createKeyboard } from "./keyboard.ts";

export type Answer = Record<string, unknown> | undefined;

export interface PermissionRequest {
  keyboard: ReturnType<typeof createKeyboard>;
  /** Runs the hook; the signal says that its answer is not needed any more. */
  runHook: (signal: AbortSignal) => Promise<Answer>;
  /** Sends the notification that the dialog waits. */
  notify: () => Promise<unknown>;
  notifyAfterMs: number;
}

/** The dialog about a command, as the recorded one. */
export function renderPermissionDialog(command: string): string {
  const options = "❯ 1. Yes\n  2. Yes, and don't ask again\n  3. Yes, and switch to auto mode\n  4. No";
  return `Bash command\n\n  ${command}\n\nDo you want to proceed?\n${options}\n\nEsc to cancel`;
}

/** Asks in the dialog and by the hook whether a tool may run; `interrupt`: the dialog denied it, which ends the turn. */
export const askPermission = (request: PermissionRequest) => waitForDecision(request, readDecision, parseDecision);

/**
 * Waits for the decision of a dialog that is on the screen: of the hook or of keys, whichever comes first. A hook without
 * a decision leaves it to the dialog.
 */
export async function waitForDecision<Decision>(
  { keyboard, runHook, notify, notifyAfterMs }: PermissionRequest,
  readKeys: (keyboard: PermissionRequest["keyboard"], signal: AbortSignal) => Promise<Decision>,
  parseAnswer: (answer: Answer) => Decision | undefined,
): Promise<Decision> {
  const over = new AbortController();
  const notice = setTimeout(() => void notify(), notifyAfterMs);
  try {
    const byKey = readKeys(keyboard, over.signal);
    const byHook = runHook(over.signal).then((answer) => parseAnswer(answer) ?? byKey);
    return await Promise.race([byKey, byHook]);
  } finally {
    clearTimeout(notice);
    over.abort();
  }
}

/** `1` and Enter allow once, `2` and `3` allow more; `4`, Escape and a closed terminal deny. Other keys do nothing. */
async function readDecision(
  keyboard: PermissionRequest["keyboard"],
  signal: AbortSignal,
): Promise<"allow" | "deny" | "interrupt"> {
  for (;;) {
    const key = await keyboard.readKey(signal);
    if (key === "1" || key === "2" || key === "3" || key === "\r") return "allow";
    if (key === undefined || key === "4" || key.startsWith("\u001b")) return "interrupt";
  }
}

function parseDecision(answer: Answer): "allow" | "deny" | "interrupt" | undefined {
  const output = answer?.["hookSpecificOutput"] as { decision?: { behavior?: string } } | undefined;
  if (!output?.decision) return undefined;
  return output.decision.behavior === "allow" ? "allow" : "deny";
}
