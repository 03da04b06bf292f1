/** The CLI that a label of a work item chooses for its ticket. */

import type { TaskDeps } from "../app/deps.ts";
import { keepDefined } from "../omit-undefined.ts";
import type { Task } from "../records/plane-records.ts";
import { findLabelName } from "../sync/names.ts";
import { chooseCli, getCliName } from "./cli.ts";
import type { TicketContent } from "./ticket.ts";

/** The names of a work item's labels, as far as they are known. */
export async function readLabelNames(deps: TaskDeps, { item, project }: Pick<Task, "item" | "project">) {
  return keepDefined(await Promise.all(item.snapshot.labels.map((id) => findLabelName(deps, project.id, id))));
}

/** The CLI that a label of a work item chooses: a part of what is approved. Nothing where its repository chooses. */
export async function readLabelCli(deps: TaskDeps, task: Task): Promise<Pick<TicketContent, "cli">> {
  const { tickets } = deps.settings;
  if (!tickets?.cli_by_label) return {};
  const { cli, label } = chooseCli(tickets, "claude", await readLabelNames(deps, task));
  return label === undefined ? {} : { cli: { name: getCliName(cli), label } };
}
