import { resolve } from "node:path";
import { onTestFinished } from "vitest";
import { createPlane } from "../../../demo/plane/plane.ts";
import type { PlaneOptions } from "../../../demo/plane/types.ts";
import type { Disk } from "../../../functions/provision/kept-secrets.ts";
import { run, type World } from "../../../runtime/provision/run.ts";

export const ADMIN = "ada@example.test";
export const SECRETS = "data/secrets.json";
export const NOTES = "data/provision-secrets.json";

/** Files in memory, with the modes they were written with; like a disk they outlive a process. */
export function memoryDisk() {
  const files = new Map<string, { text: string; mode: number }>();
  const disk: Disk = {
    read: async (path) => files.get(path)?.text,
    write: async (path, text, mode) => void files.set(path, { text, mode }),
  };
  return { files, disk };
}

export interface Ended {
  exit: number;
  out: string;
  err: string;
}

export type Rig = Awaited<ReturnType<typeof rig>>;

/** A Plane nobody has signed in to, and provision beside it: three agents unless said otherwise. */
export async function rig(options: PlaneOptions & { config?: unknown; env?: Record<string, string> } = {}) {
  const { config = { agents: TEAM }, env: more = {}, ...rest } = options;
  const plane = createPlane({ empty: true, autoWorker: true, rateLimit: Number.POSITIVE_INFINITY, ...rest });
  const url = await plane.start();
  onTestFinished(() => plane.stop());
  const { files, disk } = memoryDisk();
  if (config) files.set("groundcrew.json", { text: JSON.stringify(config), mode: 0o600 });
  const env: Record<string, string> = {
    PLANE_URL: url,
    PLANE_WORKSPACE: "javisi",
    PLANE_ADMIN_EMAIL: ADMIN,
    PUBLIC_URL: "https://crew.example.com",
    ...(config ? { GROUNDCREW_CONFIG: "groundcrew.json" } : {}),
    ...more,
  };
  const waits: number[] = [];
  let now = Date.now();
  let made = 0;

  const world = (): Omit<World, "out" | "err"> => ({
    env,
    files: { read: (path) => files.get(path) },
    disk,
    lock: async () => ({ release: () => {} }),
    fetch: globalThis.fetch,
    clock: () => now,
    wait: async (ms) => {
      waits.push(ms);
      now += ms;
    },
    newSecret: () => {
      made += 1;
      return `marked-Secret-${made}-${"x".repeat(20)}`;
    },
    skill: 'curl "$GROUNDCREW_URL/agent/$1"\n',
  });

  /** Runs the command; without `--dry-run` and the like with `--yes`. */
  async function provision(args: readonly string[] = ["--yes"], change: Partial<World> = {}): Promise<Ended> {
    let out = "";
    let err = "";
    const exit = await run(args, {
      ...world(),
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      ...change,
    });
    return { exit, out, err };
  }

  return {
    plane,
    url,
    files,
    disk,
    env,
    waits,
    provision,
    /** With `--json`: what was said, parsed. */
    async report(args: readonly string[] = ["--yes"], change: Partial<World> = {}) {
      const ended = await provision([...args, "--json"], change);
      const { steps, changed }: { steps: { name: string; status: string; detail: string }[]; changed: number } =
        JSON.parse(ended.out);
      const failed = steps.filter(({ status }) => status === "failed");
      return {
        ...ended,
        steps,
        changed,
        failed,
        detail: (name: string) => steps.find((one) => one.name === name)?.detail,
      };
    },
    secrets: (): Record<string, string | string[]> => JSON.parse(files.get(SECRETS)?.text ?? "{}"),
    notes: () => JSON.parse(files.get(NOTES)?.text ?? "{}"),
    advance: (ms: number) => {
      now += ms;
    },
  };
}

export const TEAM = [
  { name: "Concierge", email: "concierge@javisi.local", role: "concierge" },
  { name: "Imhotep", email: "imhotep@javisi.local" },
  { name: "Thot", email: "thot@javisi.local" },
];

export const COMMAND = resolve("runtime/provision.js");

/** A string that is there, for tests that need it. */
export function text(value: string | string[] | undefined): string {
  if (typeof value !== "string") throw new Error(`expected a text, found ${JSON.stringify(value)}`);
  return value;
}
