import { keepDefined } from "../../shared/keep-defined.ts";
import { EXIT } from "./command-error.ts";
import type { ToolField, ToolSpec } from "./tool-specs.ts";

const USAGE = `groundcrew <tool> [options]
groundcrew tickets <command> [ticket] [options]

Calls an agent's tools: lists, claims, does and reports tasks through Groundcrew. tickets is for people
(groundcrew tickets --help).

  --json     print the answer as JSON, for programs
  --help     show this help, or the options of a tool
  --version  show the version

groundcrew runner runs approved tickets as Claude Code sessions on this machine (groundcrew runner --help).
groundcrew openclaw upgrades OpenClaw on this machine, with a backup and a way back (groundcrew openclaw --help).
groundcrew backup and groundcrew restore save and restore an installation (groundcrew backup --help).

Requires GROUNDCREW_URL, for example https://crew.example.com, and the agent's token in GROUNDCREW_TOKEN, in the file that
GROUNDCREW_TOKEN_FILE names, or in .groundcrew/token in this folder or one above (readable by you only).

Exit codes: ${EXIT.done} success, ${EXIT.failed} refused or failed, ${EXIT.usage} wrong command, ${EXIT.later} temporary failure,
${EXIT.token} no valid token.
`;

/** Renders `groundcrew --help` with the tools that this agent may call, or with the reason why they cannot be listed. */
export function renderHelp(specs: readonly ToolSpec[] | { why: string }): string {
  if ("why" in specs) return `${USAGE}\nThe tools cannot be listed: ${specs.why}\n`;
  const width = Math.max(0, ...specs.map(({ name }) => name.length));
  const tools = specs.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`);
  return `${USAGE}\nTools (groundcrew <tool> --help shows the options):\n${tools.join("\n")}\n`;
}

/** Renders `groundcrew <tool> --help`. */
export function renderToolHelp({ name, description, fields }: ToolSpec): string {
  const optionRows = fields.map(
    (field) => [`--${field.name} ${formatFieldKind(field)}`, formatFieldDescription(field)] as const,
  );
  const width = Math.max(0, ...optionRows.map(([option]) => option.length));
  const options = optionRows.map(([option, text]) => `  ${option.padEnd(width)}  ${text}`.trimEnd());
  const task = fields.some((field) => field.name === "task") ? " [task]" : "";
  return `groundcrew ${name}${task} [options]\n\n${description}\n\n${options.join("\n")}\n\nA value of - is read from standard input.\n`;
}

function formatFieldKind({ kind, choices }: ToolField): string {
  if (choices) return choices.join("|");
  return { text: "<text>", number: "<number>", boolean: "", list: "<a,b,…>", json: "<json>" }[kind];
}

function formatFieldDescription({ required, description, nullable }: ToolField): string {
  const notes = keepDefined([required ? "required" : undefined, nullable ? "null removes it" : undefined]);
  return [description ?? "", notes.length > 0 ? `(${notes.join("; ")})` : ""].filter((part) => part !== "").join(" ");
}
