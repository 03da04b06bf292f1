import { cleanLine } from "../../shared/clean-text.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { createLog } from "../../shared/log.ts";
import { noMetrics } from "../../shared/metrics.ts";
import type { PlaneClient } from "../../shared/plane/client.ts";
import { createPlaneClient } from "../../shared/plane/create-client.ts";
import { createKeyName } from "../../shared/plane/quota.ts";
import { createRedactor } from "../../shared/redact.ts";
import { createMemoryStore } from "../../shared/store/memory/memory-store.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import type { InstanceInfo } from "./instance.ts";
import { createPlaneSessions, type PlaneSessions } from "./plane-sessions.ts";
import type { Disk } from "./secrets-file.ts";
import { openVault, type Vault } from "./vault.ts";

/**
 * Compares Telegram's webhook and command menu with the settings, and with `apply` updates them. `changes` lists the
 * differences; `mark` is the hash of the registration that Telegram has.
 */
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
  /** Returns a secret of at least 128 random bits, made of letters, digits, `-` and `_`. */
  newSecret: () => string;
  /** Prints a progress line for people; it never contains a secret. */
  progress: (line: string) => void;
  /** Timeout for Plane's startup. */
  startupTimeout: Ms;
  /** Text of the shipped skill file. */
  skill: string;
  telegram?: SetUpTelegram;
  /** Whether to remove the sample project that Plane adds to a new workspace. */
  removeSampleProject: boolean;
}

/** Dependencies and shared state of all steps in one run. */
export interface ProvisionContext extends ProvisionDeps {
  vault: Vault;
  sessions: PlaneSessions;
  /** A client of Plane's public API with this key. */
  getClient(apiKey: string): Promise<PlaneClient>;
  /** Caches a read until `forgetReads`, which follows every change. A failed read is not cached. */
  readOnce<T>(subject: string, load: () => Promise<T>): Promise<T>;
  forgetReads(): void;
  /**
   * Cached information about the Plane instance. Cleared when the instance is set up, the only event that changes it.
   */
  instance: { info?: Promise<InstanceInfo> | undefined };
  /** API keys that Plane refused. A plan cannot replace them, so its later steps must not use them. */
  refusedKeys: Set<string>;
  redact(text: string): string;
}

/** Timeout for a request's turn in the rate limit: 2 min, longer than Plane's window of a minute. */
const MAX_TURN_MS: Ms = 2 * MINUTE;

/** Limit of a progress line, in UTF-16 units: it may contain texts of any length from Plane. */
const MAX_PROGRESS_LENGTH = 4_000;

/** Throws a GroundcrewError when one of provision's files cannot be parsed. */
export async function createProvisionContext(deps: ProvisionDeps): Promise<ProvisionContext> {
  const { settings, clock } = deps;
  const secrets = new Set([...settings.given.values()].flat());
  if (settings.admin.password) secrets.add(settings.admin.password);
  const redact = (text: string) => createRedactor([...secrets])(text);
  const vault = await openVault(settings, deps.disk, (secret) => void secrets.add(secret));
  const progress = (line: string) => deps.progress(cleanLine(redact(line), MAX_PROGRESS_LENGTH));
  const wait = (ms: Ms) => {
    if (ms >= 5_000) progress(`waiting ${Math.ceil(ms / 1000)} s before the next request to Plane`);
    return deps.wait(ms);
  };
  const store = createMemoryStore({ clock });
  const clients = new Map<string, PlaneClient>();
  const reads = new Map<string, Promise<unknown>>();

  async function getClient(apiKey: string): Promise<PlaneClient> {
    const keyName = await createKeyName(apiKey);
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
    // A person waits for provision, and the runtime that shares the key leaves part of its quota to interactive
    // requests.
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
    getClient,
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
