import { z } from "zod";

/** What a wake asks of a scripted agent. A real agent's model reads the same sentences. */
export interface WakeRequest {
  /** `plan`: plan for a wish, or again. `sum_up`: tell the person the result. `work`: anything about a task. */
  kind: "plan" | "answered" | "sum_up" | "work";
  /** A task's key, a project's identifier, or a word that stands for a request. */
  key: string;
  title?: string | undefined;
  /** The id of a wish. */
  wish?: string | undefined;
  /** What a person wrote. */
  text?: string | undefined;
}

const dataSchema = z.looseObject({
  task: z.string(),
  wish: z.string().optional(),
  title: z.string().optional(),
  text: z.string().optional(),
});

/** Reads a wake's message: one line of instructions and one line of data for each request, in the same order. */
export function readWake(message: string): WakeRequest[] {
  const lines = message.split("\n");
  const instructions = lines.filter((line) => line.startsWith("- "));
  const data = lines.filter((line) => line.startsWith("{")).map((line) => dataSchema.parse(JSON.parse(line)));
  return instructions.map((instruction, i) => {
    const { task = "", wish, title, text } = data[i] ?? {};
    return { kind: chooseKind(instruction), key: task, wish, title, text };
  });
}

function chooseKind(instruction: string): WakeRequest["kind"] {
  // The summary of one task is part of the work on it.
  if (instruction.includes("summary") && instruction.includes("message_human")) return "sum_up";
  if (instruction.includes("plan_project")) return "plan";
  return instruction.includes("answered") ? "answered" : "work";
}
