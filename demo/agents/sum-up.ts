import { z } from "zod";
import { formatTemplate, localizeMoney } from "../../shared/i18n/localize.ts";
import type { AgentWords } from "../workspace-texts.ts";
import type { BridgeClient } from "./bridge-client.ts";

const tasksSchema = z.looseObject({
  tasks: z.array(z.looseObject({ key: z.string(), title: z.string(), status: z.string() })),
});
const resultSchema = z.looseObject({
  agent: z.looseObject({ name: z.string().optional() }),
  attachments: z.object({ latest: z.array(z.looseObject({ name: z.string() })) }),
});
const projectsSchema = z.looseObject({
  projects: z.array(
    z.looseObject({
      project: z.string(),
      name: z.string(),
      spent_s: z.number().optional(),
      cost: z.number().optional(),
    }),
  ),
  currency: z.string().default("EUR"),
});

/** Writes the summary of a project with the results, time and cost that its agents have reported. */
export async function sumUpProject(words: AgentWords, bridge: BridgeClient, key: string): Promise<string | undefined> {
  const list = await bridge.read(tasksSchema, "list_tasks", { project: key, status: "all" });
  const progress = await bridge.read(projectsSchema, "list_projects", {});
  const project = progress?.projects.find((one) => one.project === key);
  if (!list || !progress || !project) return undefined;
  const results: string[] = [];
  for (const task of list.tasks.toSorted((a, b) => a.key.localeCompare(b.key, "en", { numeric: true }))) {
    const details = await bridge.read(resultSchema, "get_task_details", { task: task.key });
    const files = details?.attachments.latest.map(({ name }) => name) ?? [];
    const by = details?.agent.name === undefined ? "" : `, ${formatTemplate(words.by, { agent: details.agent.name })}`;
    results.push(`• ${task.key} ${task.title}${by}: ${files.length > 0 ? files.join(", ") : task.status}`);
  }
  const { spent_s: seconds = 0, cost = 0 } = project;
  const time = seconds < 60 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  const total = formatTemplate(words.total, { time, cost: localizeMoney(words.locale, cost, progress.currency) });
  return [formatTemplate(words.isDone, { project: project.name }), ...results, total].join("\n");
}
