/** The CLI that works on tickets: Claude Code, Codex, or a command of one's own; and what each of them cannot do. */

import type { TicketSettings } from "../config/tickets-schema.ts";
import { formatTemplate } from "../i18n/localize.ts";
import { omitUndefined } from "../omit-undefined.ts";

/** A CLI as the settings name it. */
export type Cli = "claude" | "codex" | { command: string[] };

/** The kind of a CLI. */
export function getCliKind(cli: Cli = "claude"): "claude" | "codex" | "command" {
  return typeof cli === "string" ? cli : "command";
}

/** The CLI of a ticket, and the label that has chosen it, if any. */
export interface CliChoice {
  cli: Cli;
  label?: string;
}

/** Chooses the CLI of a ticket: by the first label of the settings that its work item has, or by its repository. */
export function chooseCli(
  settings: TicketSettings | undefined,
  ofRepository: Cli,
  labels: readonly string[],
): CliChoice {
  const names = labels.map((name) => name.toLowerCase());
  const byLabel = Object.entries(settings?.cli_by_label ?? {});
  const [label, chosen] = byLabel.find(([name]) => names.includes(name.toLowerCase())) ?? [];
  return { cli: chosen ?? ofRepository, ...omitUndefined({ label }) };
}

/** The name under which people read of a CLI. */
export function getCliName(cli: Cli): string {
  if (typeof cli === "object") return cli.command[0]?.split("/").at(-1) ?? "";
  return cli === "codex" ? "Codex" : "Claude Code";
}

/** The name of the CLI that works on a ticket, or has worked on it. */
export function getTicketCliName({ approval }: { approval?: { cli?: { name: string } } }): string {
  return approval?.cli?.name ?? getCliName("claude");
}

/** Says what a CLI cannot do, where somebody might expect it; undefined for Claude Code, which can do all. */
export function describeCliLimits(
  cli: Cli,
  { limits }: { limits: Record<"codex" | "command", string> },
): string | undefined {
  if (cli === "claude") return undefined;
  return cli === "codex" ? limits.codex : formatTemplate(limits.command, { command: getCliName(cli) });
}
