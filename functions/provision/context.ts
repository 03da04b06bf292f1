import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { sha256Hex } from "../../shared/digest.ts";
import { createLog } from "../../shared/log.ts";
import { noMetrics } from "../../shared/metrics.ts";
import type { PlaneClient } from "../../shared/plane/client.ts";
import { createPlaneClient } from "../../shared/plane/create-client.ts";
import { createRedact } from "../../shared/redact.ts";
import { memoryStore } from "../../shared/store/memory.ts";
import type { Ms } from "../../shared/store/port.ts";
import type { InstanceInfo } from "./instance.ts";
import type { Disk } from "./kept-secrets.ts";
import { createSessions, type Sessions } from "./sessions.ts";
import { openVault, type Vault } from "./vault.ts";

/** Brings Telegram's webhook and menu in line; answers what differs or differed, and the hash of what was told. */
export type TelegramSetUp = (
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
  patience: Ms;
  /** The skill's file, for every agent. */
  skill: string;
  telegram?: TelegramSetUp;
}

/** What every step is given. */
export interface Context extends ProvisionDeps {
  vault: Vault;
  sessions: Sessions;
  /** The public API with this key. */
  client(apiKey: string): Promise<PlaneClient>;
  /** What was read once and holds until something is done; a reading that failed is tried again. */
  once<T>(what: string, read: () => Promise<T>): Promise<T>;
  forget(): void;
  /** Plane as it tells of itself, until `asked` is undefined again: only setting it up changes that. */
  instance: { asked?: Promise<InstanceInfo> | undefined };
  /** API keys that Plane does not take any more: a plan has only these. */
  refusedKeys: Set<string>;
  redact(text: string): string;
}

/** Longer than Plane's window of a minute. */
const TURN_MS: Ms = 120_000;

/** Throws a GroundcrewError when one of provision's files cannot be understood. */
export async function createContext(deps: ProvisionDeps): Promise<Context> {
  const { settings, clock } = deps;
  const secrets = new Set([...settings.given.values()].flat());
  if (settings.admin.password) secrets.add(settings.admin.password);
  const redact = (text: string) => createRedact([...secrets])(text);
  const vault = await openVault(settings, deps.disk, (secret) => void secrets.add(secret));
  const progress = (line: string) => deps.progress(redact(line));
  const wait = (ms: Ms) => {
    if (ms >= 5_000) progress(`waiting ${Math.ceil(ms / 1000)} s before Plane is asked again`);
    return deps.wait(ms);
  };
  const store = memoryStore({ clock });
  const clients = new Map<string, PlaneClient>();
  const read = new Map<string, Promise<unknown>>();

  async function client(apiKey: string): Promise<PlaneClient> {
    const keyName = (await sha256Hex(apiKey)).slice(0, 16);
    const known = clients.get(keyName);
    if (known) return known;
    const plain = createPlaneClient({
      ...settings.plane,
      apiKey,
      keyName,
      store,
      metrics: noMetrics,
      log: createLog({ level: "error", write: progress, clock }),
      clock,
      wait,
      fetch: deps.fetch,
      maxWait: { interactive: TURN_MS, background: TURN_MS, spare: TURN_MS },
    });
    // Somebody waits for it, and the runtime that shares the key leaves a part of its quota for that.
    const priority = "interactive";
    const made: PlaneClient = {
      ...plain,
      call: (endpoint, options) => plain.call(endpoint, { priority, ...options }),
      pages: (endpoint, options) => plain.pages(endpoint, { priority, ...options }),
    };
    clients.set(keyName, made);
    return made;
  }

  return {
    ...deps,
    progress,
    vault,
    sessions: createSessions({ ...deps, wait, vault }),
    client,
    once<T>(what: string, ask: () => Promise<T>): Promise<T> {
      const known = read.get(what) as Promise<T> | undefined;
      if (known) return known;
      const asked = ask();
      read.set(what, asked);
      asked.catch(() => read.delete(what));
      return asked;
    },
    forget: () => read.clear(),
    instance: {},
    refusedKeys: new Set(),
    redact,
  };
}
