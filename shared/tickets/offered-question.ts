import { z } from "zod";
import { cleanLine, cleanText } from "../clean-text.ts";
import { joinChoices, splitChoices } from "./join-choices.ts";
import type { OfferedQuestion } from "./ticket.ts";

/** Claude Code's tool that asks people. Its permission request arrives before its dialog appears. */
const QUESTION_TOOL = "AskUserQuestion";
/** Limit of a question's text and of an option's label in UTF-16 units. */
const MAX_TEXT_LENGTH = 2_000;
const MAX_OPTION_LENGTH = 200;
/** Limit of options: 9, those that have a key of their own in the dialog. */
const MAX_OPTIONS = 9;
/** Limit of questions in one call: 4, that of the tool. */
const MAX_QUESTIONS = 4;

const inputSchema = z.looseObject({
  questions: z
    .array(
      z.looseObject({
        question: z.string(),
        options: z.array(z.looseObject({ label: z.string() })).max(MAX_OPTIONS),
        multiSelect: z.boolean().exactOptional(),
      }),
    )
    .min(1)
    .max(MAX_QUESTIONS),
});
type AskedQuestion = z.infer<typeof inputSchema>["questions"][number];

interface ToolCall {
  tool_name?: string;
  tool_input?: unknown;
}

/**
 * Finds the questions that a session asks with one call of its question tool, and the answers that it offers. Undefined
 * for another tool.
 */
export function findOfferedQuestions(call: ToolCall): OfferedQuestion[] | undefined {
  return parseInput(call)?.questions.map(({ question, options, multiSelect }) => ({
    text: cleanText(question, MAX_TEXT_LENGTH),
    options: options.map(toOption).filter((option) => option !== ""),
    ...(multiSelect ? { isMultiple: true } : {}),
  }));
}

/**
 * The input of the question tool with a person's answers, one for each question, with which the tool succeeds without a
 * dialog: Claude's own text of the chosen options, or what the person has written. Undefined for another tool.
 */
export function answerOfferedQuestions(call: ToolCall, answers: readonly string[]): object | undefined {
  const input = parseInput(call);
  if (!input || input.questions.length !== answers.length) return undefined;
  const entries = input.questions.map((asked, i) => [asked.question, toClaudeAnswer(asked, answers[i] ?? "")]);
  return { ...input, answers: Object.fromEntries(entries) };
}

function toClaudeAnswer({ options, multiSelect }: AskedQuestion, answer: string): string {
  if (!multiSelect) return options.find((option) => toOption(option) === answer)?.label ?? answer;
  const { chosen, rest } = splitChoices(options.map(toOption), answer);
  if (chosen.length === 0) return answer;
  const labels = chosen.map((index) => options[index]?.label ?? "");
  return joinChoices(rest === "" ? labels : [...labels, rest]);
}

function parseInput({ tool_name, tool_input }: ToolCall): z.infer<typeof inputSchema> | undefined {
  return tool_name === QUESTION_TOOL ? inputSchema.safeParse(tool_input).data : undefined;
}

/** The text of an option as people see it. */
function toOption({ label }: { label: string }): string {
  return cleanLine(label, MAX_OPTION_LENGTH);
}
