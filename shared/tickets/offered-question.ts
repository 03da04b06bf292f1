import { z } from "zod";
import { cleanLine, cleanText } from "../clean-text.ts";
import type { TicketQuestion } from "./ticket.ts";

/** Claude Code's tool that asks people. Its permission request arrives before its dialog appears. */
const QUESTION_TOOL = "AskUserQuestion";
/** Limit of a question's text and of an option's label in UTF-16 units. */
const MAX_TEXT_LENGTH = 2_000;
const MAX_OPTION_LENGTH = 200;
/** Limit of options: 9, those that have a key of their own in the dialog. */
const MAX_OPTIONS = 9;

const inputSchema = z.looseObject({
  questions: z
    .array(
      z.looseObject({
        question: z.string(),
        options: z.array(z.looseObject({ label: z.string() })).max(MAX_OPTIONS),
        multiSelect: z.boolean().exactOptional(),
      }),
    )
    .length(1),
});

/**
 * Finds the question that a session asks with its question tool, and the answers that it offers. Undefined for another
 * tool, and for several questions at once, which are answered in the terminal.
 */
export function findOfferedQuestion({
  tool_name,
  tool_input,
}: {
  tool_name?: string;
  tool_input?: unknown;
}): Pick<TicketQuestion, "text" | "options"> | undefined {
  const parsed = tool_name === QUESTION_TOOL ? inputSchema.safeParse(tool_input) : undefined;
  const [asked] = parsed?.data?.questions ?? [];
  if (!asked || asked.multiSelect) return undefined;
  const options = asked.options.map(({ label }) => cleanLine(label, MAX_OPTION_LENGTH)).filter((label) => label !== "");
  return { text: cleanText(asked.question, MAX_TEXT_LENGTH), options };
}
