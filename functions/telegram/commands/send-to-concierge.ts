import type { Settings } from "../../../shared/config/settings.ts";
import type { AgentSettings } from "../../../shared/config/settings-file.ts";
import { toCode } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { submitWish } from "../../../shared/work/messages/submit-wish.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import type { CommandContext, CommandResult } from "./command.ts";

/** What `agents` in the settings file needs for a Concierge. */
const CONCIERGE_ENTRY =
  '{ "name": "Concierge", "email": "concierge@example.org", "role": "concierge", "wake": "openclaw" }';

/** Finds the Concierge that people write to: the first one that can be woken, else the first one. */
export function findConcierge({ agents }: Pick<Settings, "agents">): AgentSettings | undefined {
  const concierges = agents.filter(({ role }) => role === "concierge");
  return concierges.find(({ wake }) => wake.kind !== "none") ?? concierges[0];
}

/** Whether a text can be sent to the Concierge. */
export function isConciergeReachable(settings: Pick<Settings, "agents">): boolean {
  const concierge = findConcierge(settings);
  return concierge !== undefined && concierge.wake.kind !== "none";
}

/** Sends a request to the Concierge, who plans it. Without one, the reply asks for a project. */
export async function requestPlan(context: CommandContext, text: string): Promise<CommandResult> {
  const { refusals, confirmations } = context.presentation.texts.answers;
  const refusal = findRefusal(context, { none: refusals.noConcierge, deaf: refusals.deafConcierge });
  if (refusal) return refusal;
  const { agent } = await submit(context, text, false);
  return { reply: { rich: fillTemplate(`📨 ${confirmations.asked}`, { agent, text: toSafeText(text, 300) }) } };
}

/**
 * Sends free text to the Concierge, who answers it or plans it. A text that continues the one before gets no receipt of
 * its own. Without a Concierge, the reply says how to set one.
 */
export async function sendFreeText(context: CommandContext, text: string): Promise<CommandResult> {
  const { freeText } = context.presentation.texts;
  const refusal = findRefusal(context, { none: freeText.noConcierge, deaf: freeText.deafConcierge });
  if (refusal) return refusal;
  const { agent, outcome } = await submit(context, text, true);
  return outcome === "joined" ? {} : { reply: { rich: fillTemplate(`📨 ${freeText.sent}`, { agent }) } };
}

function findRefusal(
  { deps: { settings } }: CommandContext,
  texts: { none: string; deaf: string },
): CommandResult | undefined {
  const concierge = findConcierge(settings);
  if (!concierge) return { reply: { rich: fillTemplate(`⚠️ ${texts.none}`, { entry: toCode(CONCIERGE_ENTRY) }) } };
  if (concierge.wake.kind !== "none") return undefined;
  return { reply: { rich: fillTemplate(`⚠️ ${texts.deaf}`, { agent: toSafeText(concierge.name, 80) }) } };
}

async function submit({ deps, id, from, message }: CommandContext, text: string, isFreeText: boolean) {
  const { name = "" } = findConcierge(deps.settings) ?? {};
  const outcome = await submitWish(deps, name, { update: id, text, by: from.name, message, isFreeText });
  return { agent: toSafeText(name, 80), outcome };
}
