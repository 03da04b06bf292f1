import { keepDefined } from "../../shared/keep-defined.ts";
import { EXIT } from "./command-error.ts";
import type { ToolField, ToolSpec } from "./tool-specs.ts";

const USAGE = `groundcrew <tool> [options]

Does an agent's work on the tasks of its team through Groundcrew.

  --json     the answer as JSON, for programs
  --help     this, or a tool's options
  --version

It needs GROUNDCREW_URL, for example https://crew.example.com, and the agent's token in GROUNDCREW_TOKEN, in the file
GROUNDCREW_TOKEN_FILE names, or in .groundcrew/token here or in a folder above (readable by you alone).

Ends with ${EXIT.done} when it is done, ${EXIT.failed} when it was refused or failed, ${EXIT.usage} when the command is wrong, ${EXIT.later} when the same
command may work later, ${EXIT.token} when there is something wrong with the token.
`;

/** What `groundcrew --help` says; the tools are those this agent may call, where they could be asked for. */
export function renderHelp(specs: readonly ToolSpec[] | { why: string }): string {
  if ("why" in specs) return `${USAGE}\nThe tools are not known: ${specs.why}\n`;
  const width = Math.max(0, ...specs.map(({ name }) => name.length));
  const tools = specs.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`);
  return `${USAGE}\nTools (groundcrew <tool> --help tells more):\n${tools.join("\n")}\n`;
}

/** What `groundcrew <tool> --help` says. */
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
  const notes = keepDefined([required ? "required" : undefined, nullable ? "null takes it away" : undefined]);
  return [description ?? "", notes.length > 0 ? `(${notes.join("; ")})` : ""].filter((part) => part !== "").join(" ");
}
