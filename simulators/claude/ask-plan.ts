import { type Answer, type PermissionRequest, waitForDecision } from "./ask-permission.ts";
import type { applyPermissionUpdates } from "./decide-by-rules.ts";

/** What became of a plan: it is carried out, as it is or with another text, or made again. */
export type PlanDecision =
  | { plan?: string; updates?: Parameters<typeof applyPermissionUpdates>[1] }
  | { back: string }
  | "interrupt";

/** The dialog about a plan, as the recorded one where automatic mode is switched off. */
export function renderPlanDialog(plan: string): string {
  const options = "❯ 1. Yes, auto-accept edits\n  2. Yes, manually approve edits\n  3. Tell Claude what to change";
  return `Ready to code?\nHere is Claude's plan:\n${plan}\nWould you like to proceed?\n${options}`;
}

/** Asks in the dialog and by the hook whether a plan may be carried out. */
export const askPlan = (request: PermissionRequest) => waitForDecision(request, readDecision, parseDecision);

/** `1` and `2` approve, `3` and a line send back, Escape and a closed terminal interrupt. Other keys do nothing. */
async function readDecision(keyboard: PermissionRequest["keyboard"], signal: AbortSignal): Promise<PlanDecision> {
  for (;;) {
    const key = await keyboard.readKey(signal);
    if (key === "1" || key === "2") return {};
    if (key === "3") return { back: (await keyboard.readLine()) ?? "" };
    if (key === undefined || key.startsWith("\u001b")) return "interrupt";
  }
}

/** An "allow" without an input is ignored: the dialog stays. */
function parseDecision(answer: Answer): PlanDecision | undefined {
  const output = answer?.["hookSpecificOutput"] as
    | { decision?: { behavior?: string; message?: string; updatedInput?: { plan?: string }; updatedPermissions?: [] } }
    | undefined;
  const { behavior, message = "", updatedInput, updatedPermissions: updates = [] } = output?.decision ?? {};
  if (behavior === "deny") return { back: message };
  return behavior === "allow" && updatedInput ? { ...updatedInput, updates } : undefined;
}
