import { wait } from "../../shared/wait.ts";
import { hasBegun } from "./observe-session.ts";
import type { DesiredSession } from "./plan-actions.ts";
import type { RunnerContext } from "./runner-context.ts";
import { ENTER_DELAY_MS, type Pane } from "./tmux.ts";

type Input = DesiredSession["inputs"][number];

/** Names of keys as tmux has them. */
const KEY_NAMES = /^(?:[!-~]|Enter|Escape|Up|Down|Left|Right|Tab|BTab|Space|BSpace|DC|Home|End|PPage|NPage|C-[a-z])$/;

/** Limit of an input in UTF-16 units: 10,000, some pages of text. */
const MAX_INPUT_LENGTH = 10_000;

/**
 * Sends what has not reached the session yet, in order. tmux keeps what it has received, so nothing is sent twice. Texts
 * wait until Claude has begun: before, they would be typed into a dialog, which only keys are meant for.
 */
export async function sendInputs(context: RunnerContext, desired: DesiredSession, pane: Pane): Promise<void> {
  const { tmux, records } = context;
  if (await tmux.isEnterMissing(pane.name)) await tmux.pressEnter(pane.name);
  const applied = [...new Set([...(records.get(desired.ticket)?.applied ?? []), ...pane.applied])];
  let isFirst = true;
  for (const input of desired.inputs) {
    if (applied.includes(input.id) || !canSend(context, desired.ticket, input)) continue;
    // Keys that arrive together are read as one text: an Enter would not submit, and Escape would change the next key.
    if (!isFirst) await wait(ENTER_DELAY_MS);
    isFirst = false;
    applied.push(input.id);
    await sendInput(context, pane.name, input, applied.slice(-200));
  }
}

/** Whether a desired session has an input that waits for its start. */
export function hasWaitingInput(context: RunnerContext, { ticket, inputs }: DesiredSession): boolean {
  return inputs.some((input) => !canSend(context, ticket, input));
}

function canSend(context: RunnerContext, ticket: string, { kind }: Input): boolean {
  return kind !== "text" || hasBegun(context, ticket);
}

async function sendInput({ tmux }: RunnerContext, name: string, input: Input, applied: readonly string[]) {
  const mark = tmux.markArguments(name, applied);
  const text = input.text.slice(0, MAX_INPUT_LENGTH);
  switch (input.kind) {
    case "text":
      return tmux.typeLine(name, text, mark);
    case "interrupt":
      return tmux.pressKeys(name, ["Escape"], mark);
    case "keys":
      return tmux.pressKeys(name, toKeyArguments(text), mark);
  }
}

/** Names of keys, separated by spaces, stay as they are; anything else is what a terminal sends, byte by byte. */
function toKeyArguments(text: string): string[] {
  const names = text.split(" ").filter(Boolean);
  if (names.length > 0 && names.every((key) => KEY_NAMES.test(key)))
    return names.map((key) => (key === ";" ? "\\;" : key));
  return ["-H", ...[...Buffer.from(text.toWellFormed(), "utf8")].map((byte) => byte.toString(16).padStart(2, "0"))];
}
