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

interface ToolCall {
  tool_name?: string;
  tool_input?: unknown;
}

/**
 * Finds the question that a session asks with its question tool, and the answers that it offers. Undefined for another
 * tool, and for several questions at once, which are answered in the terminal.
 */
export function findOfferedQuestion(call: ToolCall): Pick<TicketQuestion, "text" | "options"> | undefined {
  const [asked] = parseInput(call)?.questions ?? [];
  if (!asked) return undefined;
  const options = asked.options.map(toOption).filter((option) => option !== "");
  return { text: cleanText(asked.question, MAX_TEXT_LENGTH), options };
}

/**
 * The input of the question tool with a person's answer, with which the tool succeeds without a dialog: Claude's own text
 * of the chosen option, or what the person has written. Undefined for another tool.
 */
export function answerOfferedQuestion(call: ToolCall, answer: string): object | undefined {
  const input = parseInput(call);
  const [asked] = input?.questions ?? [];
  if (!asked) return undefined;
  const chosen = asked.options.find((option) => toOption(option) === answer)?.label ?? answer;
  return { ...input, answers: Object.fromEntries([[asked.question, chosen]]) };
}

function parseInput({ tool_name, tool_input }: ToolCall): z.infer<typeof inputSchema> | undefined {
  const input = tool_name === QUESTION_TOOL ? inputSchema.safeParse(tool_input).data : undefined;
  return input?.questions.some(({ multiSelect }) => multiSelect) ? undefined : input;
}

/** The text of an option as people see it. */
function toOption({ label }: { label: string }): string {
  return cleanLine(label, MAX_OPTION_LENGTH);
}
