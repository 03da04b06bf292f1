import { assemble } from "../../../runtime/assemble.ts";
import { parseSettings } from "../../../shared/config.ts";
import type { Deps } from "../../../shared/deps.ts";
import { noMetrics } from "../../../shared/metrics.ts";
import { itemPut } from "../../../shared/observe/item.ts";
import type { KeptProject } from "../../../shared/observe/kept.ts";
import { keys, sets } from "../../../shared/observe/keys.ts";
import type { Store } from "../../../shared/store/port.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";

const AT = "2026-11-21T08:00:00.000000Z";

const settings = settingsOf({ PLANE_URL: "http://127.0.0.1:9", PLANE_API_KEY: "key", PLANE_WORKSPACE: "javisi" });

/** The product's parts around a store, in front of no Plane at all: enough for claims, which ask Plane nothing. */
export function claimDeps(store: Store, clock: () => number = Date.now): Promise<Deps> {
  const manifest = { routes: [], ticks: [], workers: [], consumers: () => [] };
  const { signal } = new AbortController();
  return assemble({ settings, manifest, store, metrics: noMetrics, write: () => {}, signal, overrides: { clock } });
}

/** Keeps an open task that is these agents'. */
export async function keepTask(store: Store, id: string, owners: string[]): Promise<void> {
  const project: KeptProject = {
    ...{ id: "project", identifier: "ONB", name: "Onboarding", createdAt: AT, began: AT, cursor: AT, window: 0 },
    ...{ archived: false, member: true, completed: false, baseline: true, cycles: false },
  };
  const item: KeptItem = {
    snapshot: {
      ...{ id, project: project.id, sequence: 1, name: "Write it down", description: "", state: "todo", word: "todo" },
      ...{ priority: "none", assignees: [], labels: [], parent: null, start: null, due: null },
      ...{ createdBy: null, createdAt: AT, updatedAt: AT, completedAt: null },
    },
    owners,
    blockers: [],
  };
  const put = [itemPut(item), { key: keys.project(project.id), value: project, sets: [sets.projects] }];
  await store.commit({ put });
}

function settingsOf(env: Record<string, string>) {
  const parsed = parseSettings(env, { read: () => undefined });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.settings;
}
