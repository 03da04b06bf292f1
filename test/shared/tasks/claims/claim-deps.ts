import { createDeps } from "../../../../runtime/create-deps.ts";
import { createAssetReader } from "../../../../runtime/node/files.ts";
import type { Deps } from "../../../../shared/app/deps.ts";
import { noMetrics } from "../../../../shared/metrics.ts";
import type { ProjectRecord } from "../../../../shared/records/plane-records.ts";
import { observedKeys, observedSets } from "../../../../shared/records/store-keys.ts";
import type { Store } from "../../../../shared/store/port.ts";
import { toItemPut } from "../../../../shared/sync/item-record.ts";
import type { ItemRecord } from "../../../../shared/task/snapshot.ts";
import { createTestSettings, PLANE_ENV } from "../../../support/settings.ts";
import { createItemRecord, toTimestamp } from "../../task/sample-items.ts";

const AT = toTimestamp(0);

const settings = createTestSettings({ ...PLANE_ENV, PLANE_URL: "http://127.0.0.1:9" });

/** Dependencies around a store without any Plane: enough for claims, which make no request to Plane. */
export function createClaimDeps(store: Store, clock: () => number = Date.now): Promise<Deps> {
  const manifest = { routes: [], ticks: [], jobHandlers: [], ruleSets: () => [], requestKinds: {} };
  const { signal } = new AbortController();
  const common = { settings, manifest, store, metrics: noMetrics, signal, readAsset: createAssetReader() };
  return createDeps({ ...common, write: () => {}, overrides: { clock } });
}

/** Stores an open task that belongs to these agents. */
export async function storeTask(store: Store, id: string, owners: string[]): Promise<void> {
  const project: ProjectRecord = {
    ...{ id: "project", identifier: "ONB", name: "Onboarding", createdAt: AT, began: AT, cursor: AT, window: 0 },
    ...{ archived: false, member: true, completed: false, baseline: true, cycles: false },
  };
  const item: ItemRecord = { ...createItemRecord({ id, project: project.id, sequence: 1 }), owners };
  const projectPut = { key: observedKeys.project(project.id), value: project, sets: [observedSets.projects] };
  await store.commit({ put: [toItemPut(item), projectPut] });
}

type WrapCall = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => (...args: A) => Promise<R>;

/** Wraps every operation of a store that claims use. */
export function wrapClaimStore(store: Store, wrapCall: WrapCall): Store {
  return {
    ...store,
    now: wrapCall(store.now),
    commit: wrapCall(store.commit),
    read: <T>(keys: string[]) => wrapCall(() => store.read<T>(keys))(),
  };
}
