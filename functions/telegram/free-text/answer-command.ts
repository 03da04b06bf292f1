import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import { findPlanRun } from "../../../shared/work/plan-runs/plan-run.ts";
import { findPlanVerdict } from "../../../shared/work/plan-runs/plan-verdict.ts";
import { findQuestion } from "../../../shared/work/questions/question-record.ts";
import type { ChoiceCommand, CommandContext, CommandResult } from "../commands/command.ts";
import { sendFreeText } from "../commands/send-to-concierge.ts";
import { decidePlan } from "../live-messages/plan-buttons.ts";
import { isOwnAnswer, submitAnswer } from "../live-messages/question-buttons.ts";
import { fillTemplate } from "../presentation/fill-template.ts";

/** What a text is for: a question, a plan that waits for approval, or nothing that waits. */
type AnswerTarget = { kind: "question"; id: string } | { kind: "plan"; id: string; hash: string } | { kind: "message" };

/** The command of a button that says what a text is for. Nobody can type it: it is only stored with the button. */
export const answerCommand: ChoiceCommand = {
  name: "answer",
  async run(context, args) {
    const [, kind, id = "", hash = "", text = ""] =
      /^(question|plan|message):([^:\s]*):(\S*) ([\s\S]*)$/.exec(args) ?? [];
    if (kind === "question") return answerQuestionWithText(context, id, text);
    if (kind === "plan") return sendBackPlan(context, { plan: id, hash }, text);
    return sendFreeText(context, text);
  },
};

/** Creates the command with which a button says what a text is for. */
export function toAnswerArguments(target: AnswerTarget, text: string): { command: "answer"; args: string } {
  const id = "id" in target ? target.id : "";
  const hash = "hash" in target ? target.hash : "";
  return { command: "answer", args: `${target.kind}:${id}:${hash} ${text}` };
}

/** Submits a text as the answer to a question about no task, and says so. */
export async function answerQuestionWithText(
  context: CommandContext,
  id: string,
  text: string,
): Promise<CommandResult> {
  const { toast } = await submitAnswer(context, id, text);
  const question = (await findQuestion(context.deps, id))?.value;
  if (!question || !isOwnAnswer(question, context, text)) return { reply: { rich: toPlainText(toast ?? "") } };
  const values = { agent: toSafeText(question.agent, 80), question: toSafeText(question.text, 120) };
  return { reply: { rich: fillTemplate(`💡 ${context.presentation.texts.freeText.answered}`, values) } };
}

/** Sends a plan back with a text that says what to change. */
async function sendBackPlan(
  context: CommandContext,
  proposal: { plan: string; hash: string },
  text: string,
): Promise<CommandResult> {
  const { toast, ...outcome } = await decidePlan(context, proposal, "sent_back", text);
  const verdict = await findPlanVerdict(context.deps, proposal.plan, proposal.hash);
  if (verdict?.by !== context.from.name || verdict.kind !== "sent_back")
    return { ...outcome, ...omitUndefined({ reply: toast === undefined ? undefined : { rich: toPlainText(toast) } }) };
  const run = await findPlanRun(context.deps, proposal.plan);
  const values = { agent: toSafeText(run?.agent ?? "", 80), plan: toSafeText(run?.plan.project ?? "", 120) };
  return { ...outcome, reply: { rich: fillTemplate(`↩️ ${context.presentation.texts.freeText.planSentBack}`, values) } };
}
