import { onTestFinished } from "vitest";
import type { Disk } from "../../../functions/provision/files.ts";
import { type ProvisionEnvironment, runProvision } from "../../../runtime/provision/run-provision.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { createPlaneSimulator } from "../../../simulators/plane/create-plane-simulator.ts";
import type { PlaneSimulatorOptions } from "../../../simulators/plane/types.ts";

export const ADMIN_EMAIL = "ada@example.test";
export const SECRETS_PATH = "data/secrets.json";
export const NOTES_PATH = "data/provision-secrets.json";

export type ProvisionSetup = Awaited<ReturnType<typeof createProvisionSetup>>;

/** A new Plane that has not been set up, and the provision command for it; three agents by default. */
export async function createProvisionSetup(
  options: PlaneSimulatorOptions & { config?: unknown; env?: Record<string, string> } = {},
) {
  const { config = { agents: TEAM_AGENTS }, env: extraEnv = {}, ...rest } = options;
  const plane = createPlaneSimulator({ empty: true, autoWorker: true, rateLimit: Number.POSITIVE_INFINITY, ...rest });
  const url = await plane.start();
  onTestFinished(() => plane.stop());
  // Files in memory with their modes; like a disk they outlive a process.
  const files = new Map<string, { text: string; mode: number }>();
  const disk: Disk = {
    read: async (path) => files.get(path)?.text,
    write: async (path, text, mode) => void files.set(path, { text, mode }),
  };
  if (config) files.set("groundcrew.json", { text: JSON.stringify(config), mode: 0o600 });
  const env: Record<string, string> = {
    PLANE_URL: url,
    PLANE_WORKSPACE: "javisi",
    PLANE_ADMIN_EMAIL: ADMIN_EMAIL,
    PUBLIC_URL: "https://crew.example.com",
    ...omitUndefined({ GROUNDCREW_CONFIG: config ? "groundcrew.json" : undefined }),
    ...extraEnv,
  };
  const waits: number[] = [];
  let now = Date.now();
  let secretCount = 0;
  const groundcrew = { isRunning: true };

  const createWorld = (): Omit<ProvisionEnvironment, "out" | "err"> => ({
    env,
    files: { read: (path) => files.get(path) },
    disk,
    lock: async () => ({ isHeld: () => true, release: () => {} }),
    fetch: globalThis.fetch,
    clock: () => now,
    wait: async (ms) => {
      waits.push(ms);
      now += ms;
    },
    newSecret: () => {
      secretCount += 1;
      return `marked-Secret-${secretCount}-${"x".repeat(20)}`;
    },
    skill: 'curl "$GROUNDCREW_URL/agent/$1"\n',
  });

  /** Runs the command, by default with `--yes`. */
  async function provision(
    args: readonly string[] = ["--yes"],
    change: Partial<ProvisionEnvironment> = {},
    run: (args: readonly string[], world: ProvisionEnvironment) => Promise<number> = runProvision,
  ) {
    const result = { exit: 0, out: "", err: "" };
    result.exit = await run(args, {
      ...createWorld(),
      out: (text) => {
        result.out += text;
      },
      err: (text) => {
        result.err += text;
      },
      ...change,
      fetch: withGroundcrew(change.fetch ?? globalThis.fetch),
    });
    return result;
  }

  /** Groundcrew answers an unsigned webhook when it runs, whatever becomes of requests to Plane. */
  function withGroundcrew(planeFetch: typeof fetch): typeof fetch {
    return async (input, init) => {
      if (!String(input).endsWith("/webhooks/plane")) return planeFetch(input, init);
      if (!groundcrew.isRunning) throw new Error("connect ECONNREFUSED");
      return Response.json({ error: { message: "X-Plane-Signature must be …" } }, { status: 401 });
    };
  }

  return {
    ...{ plane, url, files, disk, env, waits, groundcrew, provision },
    /** Runs the command with `--json` and parses its output. */
    async provisionWithReport(args: readonly string[] = ["--yes"], change: Partial<ProvisionEnvironment> = {}) {
      const result = await provision([...args, "--json"], change);
      const { steps, changed }: { steps: { name: string; status: string; detail: string }[]; changed: number } =
        JSON.parse(result.out);
      const failed = steps.filter(({ status }) => status === "failed");
      const detail = (name: string) => steps.find((step) => step.name === name)?.detail;
      return { ...result, steps, changed, failed, detail };
    },
    readSecrets: (): Record<string, string | string[]> => JSON.parse(files.get(SECRETS_PATH)?.text ?? "{}"),
    readNotes: () => JSON.parse(files.get(NOTES_PATH)?.text ?? "{}"),
  };
}

/**
 * The same for the command in a process of its own, whose requests are real: nothing listens at the webhook's address, so
 * that none leaves this machine, and none waits for a name that no server resolves.
 */
export function createProcessSetup({ env, ...options }: Parameters<typeof createProvisionSetup>[0] = {}) {
  return createProvisionSetup({
    webhookAllowedHosts: ["127.0.0.1"],
    ...options,
    env: { PLANE_WEBHOOK_TARGET: "http://127.0.0.1:1/webhooks/plane", ...env },
  });
}

/** The same, with a run of the command behind it. */
export async function createProvisioned(options: Parameters<typeof createProvisionSetup>[0] = {}) {
  const setup = await createProvisionSetup(options);
  await setup.provision();
  return setup;
}

export const TEAM_AGENTS = [
  { name: "Concierge", email: "concierge@javisi.local", role: "concierge" },
  { name: "Imhotep", email: "imhotep@javisi.local" },
  { name: "Thot", email: "thot@javisi.local" },
];

/** A process that crashes at its nth request or write: before it, or right after it, without reading the answer. */
export function createCrashingWorld({ disk }: ProvisionSetup, at: number, when: "before" | "after") {
  let actCount = 0;
  let isCrashed = false;
  // Everything that the killed process would still have tried fails.
  function crash(): never {
    isCrashed = true;
    throw new Error("killed");
  }
  async function runAct<T>(run: () => Promise<T>): Promise<T> {
    actCount += 1;
    if (isCrashed || (actCount === at && when === "before")) crash();
    const done = await run();
    return actCount === at ? crash() : done;
  }
  const change: Partial<ProvisionEnvironment> = {
    fetch: (input, init) => runAct(() => globalThis.fetch(input, init)),
    disk: { read: disk.read, write: (...args) => runAct(() => disk.write(...args)) },
    wait: async () => (isCrashed ? crash() : undefined),
  };
  return { change, acts: () => actCount };
}
