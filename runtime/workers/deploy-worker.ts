/**
 * The command that deploys the Worker with its settings: checks them, uploads secrets and variables, and removes those
 * that are gone.
 */

import { spawn } from "node:child_process";
import { z } from "zod";
import { environmentSchema } from "../../shared/config/environment.ts";
import { isAgentSecret, SECRET_NAMES, type SettingsFiles } from "../../shared/config/secrets.ts";
import { formatSettingProblems, type SettingProblem } from "../../shared/config/setting-problem.ts";
import { isInIpRange, parseIpAddress, parseIpRange } from "../../shared/ip-address.ts";
import { tryParseJson } from "../../shared/text.ts";
import { nodeFiles, readEnvironment } from "../node/files.ts";
import { createWorkerVariables, isConfigVariable } from "./settings.ts";

interface DeployOptions {
  environment: Record<string, string | undefined>;
  files: SettingsFiles;
  /** Arguments for `wrangler deploy`. With `--dry-run` nothing is sent. */
  args: readonly string[];
  /** Runs Wrangler with these arguments and this text as its input; resolves with its exit code and standard output. */
  runWrangler: (args: string[], input?: string) => Promise<{ code: number; output: string }>;
  write: (line: string) => void;
}

/** Limit of secrets in one command of Wrangler, by its help. */
const MAX_SECRETS = 100;

/** Cloudflare's limit of variables and secrets of one Worker in the paid plan (developers.cloudflare.com/workers/platform/limits). */
const MAX_VARIABLES = 128;

/** The secrets as Wrangler lists them; another answer names none. */
const secretsSchema = z.array(z.object({ name: z.string().catch("") })).catch([]);

/** `EX_CONFIG` of sysexits.h, as `npm start` exits with invalid settings. */
const EX_CONFIG = 78;

/** Settings with addresses that the Worker calls, or by which Plane and people reach it. */
const CALLED_ADDRESSES = ["PLANE_URL", "PUBLIC_URL", "OPENCLAW_URL", "TELEGRAM_API_ROOT"] as const;

/** Ranges that the Internet does not route (https://www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-). */
const PRIVATE_RANGES = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"],
  ...["::/127", "fc00::/7", "fe80::/10"],
].flatMap((text) => parseIpRange(text) ?? []);

/** Deploys the Worker from this folder, as the command does. */
export async function runDeployCommand(): Promise<void> {
  process.exitCode = await deployWorker({
    environment: readEnvironment(),
    files: nodeFiles,
    args: process.argv.slice(2),
    runWrangler,
    write: (line) => process.stdout.write(`${line}\n`),
  });
}

/** Runs this project's Wrangler. What it prints for people is shown; its input and its lists are not. */
function runWrangler(args: string[], input?: string): Promise<{ code: number; output: string }> {
  const isShown = args[0] === "deploy";
  const child = spawn(process.execPath, ["node_modules/wrangler/bin/wrangler.js", ...args], {
    stdio: [input === undefined ? "inherit" : "pipe", isShown ? "inherit" : "pipe", "inherit"],
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Checks the settings, deploys the Worker and sends the settings to it. Returns the exit code. */
export async function deployWorker({ environment, files, args, runWrangler, write }: DeployOptions): Promise<number> {
  const checked = createWorkerVariables(environment, files);
  if (!checked.ok) {
    write(
      `Nothing was deployed: these settings cannot be used on Workers.\n\n${formatSettingProblems(checked.problems)}`,
    );
    return EX_CONFIG;
  }
  const unreachable = findUnreachable(checked.variables);
  if (unreachable.length > 0) {
    write(`Nothing was deployed: Cloudflare cannot reach these addresses.\n\n${formatSettingProblems(unreachable)}`);
    return EX_CONFIG;
  }
  const names = Object.keys(checked.variables).sort();
  if (names.length > MAX_VARIABLES) {
    write(formatTooMany(names));
    return EX_CONFIG;
  }
  for (const warning of checked.warnings) write(`Warning: ${warning}`);
  const { code } = await runWrangler(["deploy", ...args]);
  if (code !== 0) return code;
  if (args.includes("--dry-run")) {
    write(`The settings are valid. A deployment sends: ${names.join(", ")}`);
    return 0;
  }
  const changes = { ...(await findRemoved(names, runWrangler)), ...checked.variables };
  const entries = Object.entries(changes);
  for (let i = 0; i < entries.length; i += MAX_SECRETS) {
    const part = Object.fromEntries(entries.slice(i, i + MAX_SECRETS));
    const sent = await runWrangler(["secret", "bulk"], JSON.stringify(part));
    if (sent.code !== 0) {
      write("The Worker was deployed, but its settings were not sent. Run the same command again.");
      return sent.code;
    }
  }
  write(`Deployed with ${names.length} settings.`);
  return 0;
}

/** Finds the addresses in the settings, also in parts of the settings file, that exist in a private network only. */
function findUnreachable(variables: Readonly<Record<string, string>>): SettingProblem[] {
  const file = Object.keys(variables).filter(isConfigVariable);
  const sources = [
    ...CALLED_ADDRESSES.map((name) => [name, variables[name] ?? ""] as const),
    // A part may end within an address.
    ["the settings file", file.map((name) => variables[name]).join("")] as const,
  ];
  return sources.flatMap(([name, text]) => {
    const hosts = [...text.matchAll(/https?:\/\/[^\s"\\]+/g)].flatMap(([url]) => {
      return URL.canParse(url) ? [new URL(url).hostname] : [];
    });
    const wanted = "an address that is reachable from the Internet, for example through a Cloudflare Tunnel";
    return [...new Set(hosts)].filter(isPrivateHost).map((given) => ({ name, given, wanted }));
  });
}

function isPrivateHost(host: string): boolean {
  const address = parseIpAddress(host.replace(/^\[(.*)\]$/, "$1"));
  if (address) return PRIVATE_RANGES.some((range) => isInIpRange(address, range));
  return !host.includes(".") || /\.(localhost|local|internal|lan|test|home\.arpa)$/.test(host);
}

function formatTooMany(names: readonly string[]): string {
  const ofAgents = names.filter(isAgentSecret).length;
  const ofFile = names.filter(isConfigVariable).length;
  return (
    `Nothing was deployed: these are ${names.length} settings, and Cloudflare allows ${MAX_VARIABLES} for a Worker.\n` +
    `${ofAgents} of them are secrets of agents, ${ofFile} are parts of the settings file. Have fewer agents with secrets of ` +
    "their own, or run Groundcrew on a machine."
  );
}

/** Returns null for each setting that the Worker still has and that is not set here any more; Wrangler then deletes it. */
async function findRemoved(
  names: readonly string[],
  runWrangler: DeployOptions["runWrangler"],
): Promise<Record<string, null>> {
  const { code, output } = await runWrangler(["secret", "list", "--format", "json"]);
  const known = secretsSchema.parse(code === 0 ? tryParseJson(output) : []);
  const removed = known.filter(({ name }) => isOwnSetting(name) && !names.includes(name));
  return Object.fromEntries(removed.map(({ name }) => [name, null]));
}

function isOwnSetting(name: string): boolean {
  return (
    name in environmentSchema.shape || SECRET_NAMES.includes(name) || isAgentSecret(name) || isConfigVariable(name)
  );
}
