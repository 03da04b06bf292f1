import { execFileSync } from "node:child_process";
import { PassThrough } from "node:stream";
import { runCli } from "../../runtime/cli/run-cli.ts";
import { DOCTOR_USAGE } from "../../runtime/doctor/run-doctor.ts";
import { AGENTS_HELP } from "../../runtime/provision/agents-command.ts";
import { PROVISION_USAGE } from "../../runtime/provision/run-provision.ts";

/** What `compose/setup --help` prints. */
export const renderSetupHelp = () =>
  renderOutput(execFileSync("sh", ["compose/setup", "--help"], { encoding: "utf8" }));

/** What provision, agents and doctor print with `--help`. */
export const renderSetUpHelp = () => [PROVISION_USAGE, AGENTS_HELP, DOCTOR_USAGE].map(renderOutput).join("\n\n");

/** What `groundcrew <command> --help` prints for each of these commands, which need no server for it. */
export async function renderHelp(...commands: readonly string[]): Promise<string> {
  const helps: string[] = [];
  for (const command of commands) {
    const print = (text: string) => void helps.push(renderOutput(text));
    await runCli([command, "--help"], { env: {}, cwd: "/", stdin: new PassThrough().end(), out: print, err: print });
  }
  return helps.join("\n\n");
}

const renderOutput = (text: string) => `\`\`\`text\n${text.trim()}\n\`\`\``;
