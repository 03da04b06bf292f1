import { z } from "zod";
import { formatTemplate } from "../../shared/i18n/localize.ts";
import type { AgentWords } from "../workspace-texts.ts";
import type { BridgeClient } from "./bridge-client.ts";
import type { FindTaskScript, TaskScript } from "./task-scripts.ts";

/** A scripted agent that does tasks. Like a real one, it knows only Groundcrew's address and its own bridge token. */
export interface ScriptedWorker {
  /** Does the tasks that can be started, one after the other, until none is left. */
  workAllTasks(): Promise<void>;
}

export interface WorkerOptions {
  name: string;
  bridge: BridgeClient;
  narrate: (text: string) => void;
  wait: (ms: number) => Promise<void>;
  /** Whether the demo is ending. */
  isOver: () => boolean;
  /** Duration of one step of work, in milliseconds. */
  pace: number;
  findScript: FindTaskScript;
  words: AgentWords;
}

/** Limit of checks for an answer: 20, one per step. Then the agent continues without one. */
const MAX_ANSWER_CHECKS = 20;
/** Cost that an agent reports for a task, in the currency of the budget. */
const TASK_COST = 0.12;

const listSchema = z.object({
  tasks: z.array(
    z.looseObject({ key: z.string(), title: z.string(), status: z.string(), startable: z.boolean().optional() }),
  ),
});

const detailsSchema = z.looseObject({
  inputs: z.array(z.looseObject({ key: z.string(), title: z.string() })).default([]),
  attachments: z.object({ latest: z.array(z.looseObject({ name: z.string() })) }),
  questions: z.object({ latest: z.array(z.looseObject({ text: z.string(), answer: z.string().optional() })) }),
});
const closedSchema = z.looseObject({ in_review: z.boolean().default(false) });
const fileSchema = z.looseObject({ text: z.string().default("") });

/** Creates an agent that works with the bridge's tools, as a real one does. */
export function createScriptedWorker(options: WorkerOptions): ScriptedWorker {
  const { name, bridge, narrate, wait, isOver, pace, findScript, words } = options;
  const submitted = new Set<string>();

  async function askHuman(task: string, { text, choices }: NonNullable<TaskScript["ask"]>) {
    if ((await bridge.call("ask_human", { task, text, choices })) === undefined) return;
    narrate(`${name} asks about ${task}: ${text}`);
    for (let steps = 0; steps < MAX_ANSWER_CHECKS && !isOver(); steps += 1) {
      await wait(pace);
      const details = await bridge.read(detailsSchema, "get_task_details", { task });
      const answer = details?.questions.latest.find((question) => question.text === text)?.answer;
      if (answer !== undefined) return narrate(`${name} received an answer about ${task}: ${answer}`);
    }
    narrate(`${name} received no answer about ${task} and continues`);
  }

  /** Reads the results of the tasks that this one waited for. Returns the names of the files that were read. */
  async function readInputs(task: string): Promise<string[]> {
    const details = await bridge.read(detailsSchema, "get_task_details", { task });
    const read: string[] = [];
    for (const input of details?.inputs ?? []) {
      const result = await bridge.read(detailsSchema, "get_task_details", { task: input.key });
      for (const file of result?.attachments.latest ?? []) {
        const content = await bridge.read(fileSchema, "download_deliverable", { task: input.key, name: file.name });
        if (!content) continue;
        read.push(file.name);
        narrate(`${name} reads ${file.name}, the result of ${input.key} “${input.title}”`);
      }
    }
    return read;
  }

  async function workTask(key: string, title: string): Promise<void> {
    const { ask: question, confidence = 0.9, secondConfidence = 0.9 } = findScript(title) ?? {};
    if ((await bridge.call("update_task_status", { task: key, status: "in_progress" })) === undefined) return;
    narrate(`${name} starts ${key} “${title}”`);
    await bridge.call("start_timer", { task: key });
    const inputs = await readInputs(key);
    await wait(pace);
    if (await bridge.call("add_comment", { task: key, kind: "progress", percent: 60, text: words.progress }))
      narrate(`${name} reports on ${key}: 60%`);
    if (question && !submitted.has(key)) await askHuman(key, question);
    await wait(pace);
    const basis = inputs.length > 0 ? ` ${formatTemplate(words.basedOn, { files: inputs.join(", ") })}` : "";
    const content = `# ${key}\n\n${formatTemplate(words.file, { agent: name })}${basis}\n`;
    const file = Buffer.from(content).toString("base64");
    if (await bridge.call("upload_deliverable", { task: key, name: `${key}.md`, file }))
      narrate(`${name} uploads ${key}.md`);
    const reportedConfidence = submitted.has(key) ? secondConfidence : confidence;
    const closed = await bridge.read(closedSchema, "update_task_status", {
      task: key,
      status: "done",
      text: words.result + basis,
      confidence: reportedConfidence,
      cost: TASK_COST,
    });
    if (closed === undefined) return;
    submitted.add(key);
    narrate(
      closed.in_review
        ? `${name} is ${reportedConfidence * 100}% sure of ${key}: a human reviews it`
        : `${name} finishes ${key}`,
    );
  }

  return {
    async workAllTasks() {
      const refused = new Set<string>();
      while (!isOver()) {
        const list = await bridge.read(listSchema, "list_my_tasks", {});
        const task = list?.tasks.find(
          ({ key, status, startable = true }) =>
            startable && !refused.has(key) && (status === "todo" || status === "in_progress"),
        );
        if (!task) return;
        // A task that was refused once is left to the next wake, so that a run ends.
        refused.add(task.key);
        await workTask(task.key, task.title);
        if (submitted.has(task.key)) refused.delete(task.key);
      }
    },
  };
}
