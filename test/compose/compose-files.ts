import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { parse } from "yaml";
import { createTestFolder } from "../support/test-folder.ts";

type Mapping = Record<string, unknown>;

/** A service, as far as the tests look at it. */
export interface ComposeService {
  image: string;
  user?: string;
  restart?: string;
  command?: string[];
  read_only?: boolean;
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  privileged?: boolean;
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  configs?: { source: string; target: string }[];
  logging?: { driver: string; options: Record<string, string> };
  healthcheck?: { test: string[]; interval: string; timeout: string; retries: number };
  networks?: Record<string, { aliases?: string[] }>;
  depends_on?: Record<string, { condition: string }>;
  deploy?: { resources: { limits: { cpus: string; memory: string; pids: number } } };
}

export interface ComposeProject {
  services: Record<string, ComposeService>;
  networks: Record<string, Mapping>;
  volumes: Record<string, Mapping>;
  configs: Record<string, { file: string }>;
}

/** What setup needs of compose/. */
export const SETUP_FILES = ["dot-env", "setup", "setup-checks", "versions.env"];

/** A copy of compose/ in which setup can write; removed at the end of the test. */
export function copyComposeFolder(): string {
  const folder = createTestFolder("compose");
  for (const name of SETUP_FILES) cpSync(join("compose", name), join(folder, name));
  return folder;
}

/** Runs setup in such a folder with --yes and --json, with these answers and secrets. */
export function runSetup(
  folder: string,
  answers: readonly string[],
  secrets: Record<string, string> = {},
): { changed: number; names: string[] } {
  const env = { PATH: process.env["PATH"] ?? "", ...secrets };
  const options = { env, encoding: "utf8", stdio: "pipe" } as const;
  return JSON.parse(execFileSync(join(folder, "setup"), ["--yes", "--json", ...answers], options));
}

/** Runs setup and returns what it said, also when it refuses. */
export function trySetup(folder: string, options: readonly string[], { input = "", env = {} } = {}) {
  const allEnv = { PATH: process.env["PATH"] ?? "", ...env };
  return spawnSync(join(folder, "setup"), options, { env: allEnv, input, encoding: "utf8" });
}

/** The variables in the .env that setup wrote. */
export function readDotEnv(folder: string): Record<string, string> {
  return parseEnv(readFileSync(join(folder, ".env"), "utf8")) as Record<string, string>;
}

/**
 * The project that Compose would see: the files of COMPOSE_FILE, interpolated and merged. Mappings are merged as Compose
 * merges them; a list that two files have is an error here, because Compose treats each kind of list differently.
 */
export function readProject(env: Record<string, string>): ComposeProject {
  const files = (env["COMPOSE_FILE"] ?? "").split(":").map((file) => parseComposeFile(file));
  const merged = files.reduce((project, file) => mergeMappings(project, file, ""), {});
  const project = interpolate(merged, env) as unknown as ComposeProject;
  const { services = {}, networks = {}, volumes = {}, configs = {}, ...rest } = project;
  return { ...rest, services, networks, volumes, configs };
}

/** A file of compose/ without its `x-` parts, whose anchors are resolved already. */
export function parseComposeFile(file: string): Mapping {
  // Compose's own tag, for a list that shall be empty.
  const reset = { tag: "!reset", collection: "seq" as const, resolve: () => [] };
  const options = { merge: true, customTags: [reset] };
  const document = parse(readFileSync(join("compose", file), "utf8"), options) as Mapping;
  return Object.fromEntries(Object.entries(document).filter(([name]) => !name.startsWith("x-")));
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mergeMappings(below: Mapping, above: Mapping, path: string): Mapping {
  const merged = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const present = merged[name];
    if (isMapping(present) && isMapping(value)) merged[name] = mergeMappings(present, value, `${path}/${name}`);
    else if (Array.isArray(present)) throw new Error(`${path}/${name} is a list in two files`);
    else merged[name] = value;
  }
  return merged;
}

function interpolate(value: unknown, env: Record<string, string>): unknown {
  if (typeof value === "string") return interpolateText(value, env);
  if (Array.isArray(value)) return value.map((item) => interpolate(item, env));
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, interpolate(item, env)]));
}

/** The forms of variables that the files use; an absent variable without a default is an error. */
function interpolateText(text: string, env: Record<string, string>): string {
  const variable = /\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}|\$/g;
  return text.replaceAll(variable, (found, name?: string, form?: string, rest = "") => {
    if (found === "$$") return "$";
    if (name === undefined) throw new Error(`not a variable in ${text}`);
    const value = env[name];
    if (value) return value;
    if (form === "-") return rest;
    throw new Error(`${name} is not set: ${text}`);
  });
}

/** The names of all variables in a file of compose/. */
export function listVariables(file: string): string[] {
  const text = JSON.stringify(parseComposeFile(file)).replaceAll("$$", "");
  return [...new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name = ""]) => name))];
}

/** What a service mounts: a path of the checkout (`./…`), a path of the server (`/…`), or a volume. */
export function listMounts({ volumes = [] }: ComposeService) {
  return volumes.map((volume) => {
    const [source = "", target = "", mode] = volume.split(":");
    return { source, target, isReadOnly: mode === "ro" };
  });
}

/** Whether a service is a one-off job, which ends by itself, so that nothing checks its health. */
export function isJob({ restart = "" }: ComposeService): boolean {
  return restart.startsWith("on-failure");
}

/** A choice of overlays with the answers and secrets that setup needs for it. */
export interface OverlayChoice {
  /** As OVERLAYS of setup names it. */
  overlays: string;
  answers: string[];
  secrets: Record<string, string>;
}

const OWN = ["DOMAIN=javisi.test", "ACME_EMAIL=ada@javisi.test"];
const SHARED = ["SHARED_NETWORK=postgres_default", "POSTGRES_HOST=postgresql"];
/** Theirs, with what would break a URL or an .env file. */
export const SHARED_SECRETS = { POSTGRES_ADMIN_PASSWORD: "s3cret p@ss/#$x", POSTGRES_PASSWORD: "a:b@c/d?e#f%g" };

/** Every choice without monitoring that setup accepts; the shared ones also with Redis on another network. */
const BASIC_CHOICES: readonly OverlayChoice[] = [
  { overlays: "none", answers: ["PLANE_WORKSPACE=javisi"], secrets: {} },
  { overlays: "caddy", answers: OWN, secrets: {} },
  { overlays: "plane,embedded-data", answers: OWN, secrets: {} },
  { overlays: "plane,embedded-data,caddy", answers: OWN, secrets: {} },
  { overlays: "plane,shared-data", answers: [...OWN, ...SHARED], secrets: SHARED_SECRETS },
  { overlays: "plane,shared-data,caddy", answers: [...OWN, ...SHARED], secrets: SHARED_SECRETS },
  {
    overlays: "plane,shared-data,caddy",
    answers: [...OWN, ...SHARED, "SHARED_REDIS_NETWORK=redis_default"],
    secrets: { ...SHARED_SECRETS, REDIS_PASSWORD: "r:e d/is" },
  },
];

/** Every choice of overlays that setup accepts: each also with monitoring, which needs the group of Docker's socket. */
export const OVERLAY_CHOICES: readonly OverlayChoice[] = [
  ...BASIC_CHOICES,
  ...BASIC_CHOICES.map(({ overlays, answers, secrets }) => ({
    overlays: `${overlays},monitoring`.replace("none,", ""),
    answers: [...answers, "DOCKER_GROUP=998"],
    secrets,
  })),
];

type Prepared = ReturnType<typeof prepare>;
const prepared = new Map<OverlayChoice, Prepared>();

/** Runs the real setup for a choice, once for all tests; returns the project and the variables. */
export function prepareChoice(choice: OverlayChoice): Prepared {
  const result = prepared.get(choice) ?? prepare(choice);
  prepared.set(choice, result);
  return result;
}

function prepare({ overlays, answers, secrets }: OverlayChoice) {
  const folder = copyComposeFolder();
  runSetup(folder, [`OVERLAYS=${overlays}`, ...answers], secrets);
  const env = readDotEnv(folder);
  return { project: readProject(env), env };
}

/** The choice that these overlays are; shared data on one network. */
export function findChoice(overlays: string): OverlayChoice {
  const choice = OVERLAY_CHOICES.find((entry) => entry.overlays === overlays);
  if (!choice) throw new Error(`no choice ${overlays}`);
  return choice;
}
