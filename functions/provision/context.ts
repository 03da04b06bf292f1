import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { sha256Hex } from "../../shared/hashing/sha256-hex.ts";
import { createLog } from "../../shared/log.ts";
import { noMetrics } from "../../shared/metrics.ts";
import type { PlaneClient } from "../../shared/plane/client.ts";
import { createPlaneClient } from "../../shared/plane/create-client.ts";
import { createRedactor } from "../../shared/redact.ts";
import { createMemoryStore } from "../../shared/store/memory/memory-store.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import type { InstanceInfo } from "./instance.ts";
import { createPlaneSessions, type PlaneSessions } from "./plane-sessions.ts";
import type { Disk } from "./secrets-file.ts";
import { openVault, type Vault } from "./vault.ts";

/** Brings Telegram's webhook and menu in line; answers what differs or differed, and the hash of what was told. */
export type SetUpTelegram = (
  apply: boolean,
  mark: string | undefined,
) => Promise<{ changes: string[]; failed?: string; mark?: string }>;

export interface ProvisionDeps {
  settings: ProvisionSettings;
  disk: Disk;
  fetch: typeof fetch;
  clock: () => Ms;
  wait: (ms: Ms) => Promise<void>;
  /** At least 128 random bits, of letters, digits, `-` and `_`. */
  newSecret: () => string;
  /** Takes a line for people who wait; never holds a secret. */
  progress: (line: string) => void;
  /** How long Plane may take to come up. */
  startupTimeout: Ms;
  /** The skill's file, for every agent. */
  skill: string;
  telegram?: SetUpTelegram;
}

/** What every step is given. */
export interface ProvisionContext extends ProvisionDeps {
  vault: Vault;
  sessions: PlaneSessions;
  /** The public API with this key. */
  client(apiKey: string): Promise<PlaneClient>;
  /** What was read once and holds until something is done; a reading that failed is tried again. */
  readOnce<T>(what: string, read: () => Promise<T>): Promise<T>;
  forgetReads(): void;
  /** Plane as it tells of itself, until `asked` is undefined again: only setting it up changes that. */
  instance: { asked?: Promise<InstanceInfo> | undefined };
  /** API keys that Plane does not take any more: a plan has only these. */
  refusedKeys: Set<string>;
  redact(text: string): string;
}

/** Longer than Plane's window of a minute. */
const MAX_TURN_MS: Ms = 2 * MINUTE;

/** Throws a GroundcrewError when one of provision's files cannot be understood. */
export async function createProvisionContext(deps: ProvisionDeps): Promise<ProvisionContext> {
  const { settings, clock } = deps;
  const secrets = new Set([...settings.given.values()].flat());
  if (settings.admin.password) secrets.add(settings.admin.password);
  const redact = (text: string) => createRedactor([...secrets])(text);
  const vault = await openVault(settings, deps.disk, (secret) => void secrets.add(secret));
  const progress = (line: string) => deps.progress(redact(line));
  const wait = (ms: Ms) => {
    if (ms >= 5_000) progress(`waiting ${Math.ceil(ms / 1000)} s before Plane is asked again`);
    return deps.wait(ms);
  };
  const store = createMemoryStore({ clock });
  const clients = new Map<string, PlaneClient>();
  const reads = new Map<string, Promise<unknown>>();

  async function client(apiKey: string): Promise<PlaneClient> {
    const keyName = (await sha256Hex(apiKey)).slice(0, 16);
    const cached = clients.get(keyName);
    if (cached) return cached;
    const plainClient = createPlaneClient({
      ...settings.plane,
      apiKey,
      keyName,
      store,
      metrics: noMetrics,
      log: createLog({ level: "error", write: progress, clock }),
      clock,
      wait,
      fetch: deps.fetch,
      maxWait: { interactive: MAX_TURN_MS, background: MAX_TURN_MS, spare: MAX_TURN_MS },
    });
    // Somebody waits for it, and the runtime that shares the key leaves a part of its quota for that.
    const priority = "interactive";
    const prioritized: PlaneClient = {
      ...plainClient,
      call: (endpoint, options) => plainClient.call(endpoint, { priority, ...options }),
      pages: (endpoint, options) => plainClient.pages(endpoint, { priority, ...options }),
    };
    clients.set(keyName, prioritized);
    return prioritized;
  }

  return {
    ...deps,
    progress,
    vault,
    sessions: createPlaneSessions({ ...deps, wait, vault }),
    client,
    readOnce<T>(subject: string, load: () => Promise<T>): Promise<T> {
      const cached = reads.get(subject) as Promise<T> | undefined;
      if (cached) return cached;
      const promise = load();
      reads.set(subject, promise);
      promise.catch(() => reads.delete(subject));
      return promise;
    },
    forgetReads: () => reads.clear(),
    instance: {},
    refusedKeys: new Set(),
    redact,
  };
}
