import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { exitWith } from "./output.ts";

type Fields = Record<string, unknown>;

interface Hook {
  type: "command" | "http";
  command?: string;
  url?: string;
  headers?: Record<string, string>;
  allowedEnvVars?: string[];
}

/** The part of Claude's settings that the stand-in knows. */
export interface ClaudeSettings {
  hooks?: Record<string, { matcher?: string; hooks: Hook[] }[]>;
  /** In any source: no hook of any source runs. */
  disableAllHooks?: boolean;
  statusLine?: { command: string };
  permissions?: Partial<Record<RuleKind, string[]>>;
}

type RuleKind = "allow" | "ask" | "deny";

interface SettingsPlaces {
  /** Path of `--settings`. */
  given: string | undefined;
  /** `user`, `project` and `local`. */
  sources: readonly string[];
  configFolder: string;
}

/**
 * Reads the settings of these sources and those that `--settings` names, which count in any case: hooks of all of them run,
 * and one of them can switch off all. Ends the program when the named file does not exist.
 */
export function readSettings({ given, sources, configFolder }: SettingsPlaces): ClaudeSettings {
  if (given !== undefined && !existsSync(given))
    exitWith(process.stderr, `Error: Settings file not found: ${given}`, 1);
  const files = {
    user: join(configFolder, "settings.json"),
    project: join(process.cwd(), ".claude/settings.json"),
    local: join(process.cwd(), ".claude/settings.local.json"),
  };
  const paths = Object.entries(files).flatMap(([source, path]) => (sources.includes(source) ? [path] : []));
  const all = [...paths, ...(given === undefined ? [] : [given])].flatMap(readSettingsFile);
  const hooks: NonNullable<ClaudeSettings["hooks"]> = {};
  for (const [event, groups] of all.flatMap((one) => Object.entries(one.hooks ?? {})))
    hooks[event] = [...(hooks[event] ?? []), ...groups];
  const isDisabled = all.some(({ disableAllHooks }) => disableAllHooks);
  const collect = (kind: RuleKind) => all.flatMap(({ permissions }) => permissions?.[kind] ?? []);
  const permissions = { allow: collect("allow"), ask: collect("ask"), deny: collect("deny") };
  return { ...Object.assign({}, ...all), permissions, hooks: isDisabled ? {} : hooks };
}

function readSettingsFile(path: string): ClaudeSettings[] {
  return existsSync(path) ? [JSON.parse(readFileSync(path, "utf8")) as ClaudeSettings] : [];
}

/** Runs a shell command with JSON on its standard input, as Claude runs command hooks, and returns its output. */
export function runShellCommand(command: string, input: Fields): string {
  return spawnSync("/bin/sh", ["-c", command], { input: JSON.stringify(input), encoding: "utf8" }).stdout;
}

/**
 * Runs the hooks of an event and returns the first JSON that one answers. HTTP hooks are skipped at SessionStart, and
 * one that cannot be reached, or is not waited for any more, counts as absent.
 */
export async function runHooks(
  settings: ClaudeSettings,
  body: Fields & { hook_event_name: string },
  signal?: AbortSignal,
): Promise<Fields | undefined> {
  const event = body.hook_event_name;
  for (const { matcher, hooks } of settings.hooks?.[event] ?? []) {
    if (matcher !== undefined && matcher !== body["command_name"]) continue;
    for (const hook of hooks) {
      const answer = hook.type === "command" ? runCommandHook(hook, body) : await callHttpHook(hook, body, signal);
      if (answer) return answer;
    }
  }
  return undefined;
}

function runCommandHook({ command = "" }: Hook, body: Fields): Fields | undefined {
  return parseObject(runShellCommand(command, body));
}

async function callHttpHook(hook: Hook, body: Fields, signal: AbortSignal | undefined): Promise<Fields | undefined> {
  if (body["hook_event_name"] === "SessionStart") return undefined;
  try {
    const response = await fetch(hook.url ?? "", {
      method: "POST",
      headers: { "content-type": "application/json", ...expandHeaders(hook) },
      body: JSON.stringify(body),
      ...(signal ? { signal } : {}),
    });
    return response.ok ? parseObject(await response.text()) : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces `$NAME` in headers where the hook allows that variable. */
export function expandHeaders({
  headers = {},
  allowedEnvVars = [],
}: Pick<Hook, "headers" | "allowedEnvVars">): Record<string, string> {
  const expand = (text: string) =>
    text.replaceAll(
      /\$\{?(\w+)\}?/g,
      (_, name: string) => (allowedEnvVars.includes(name) ? process.env[name] : "") ?? "",
    );
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, expand(value)]));
}

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}
