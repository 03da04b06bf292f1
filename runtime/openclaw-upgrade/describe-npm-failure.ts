import { cleanLine } from "../../shared/clean-text.ts";
import { describeFailure, type ProgramResult } from "../runner/run-program.ts";
import { redactCredentials } from "./redact-credentials.ts";

/** How npm begins a line about an error; before version 10 it wrote `npm ERR!`. */
const ERROR_LINE = /^npm (?:error|ERR!)(?: |$)/;

/** npm's lines that give no reason: general advice, where its log is, and its own stack. */
const ADVICE =
  /^(?:\d+ *$|A complete log of this run|For a full report see|Please make sure you have the correct access|and the repository exists|If you are behind a proxy|(?:\d+ +)?(?:Note that you can also install|tarball, folder, http url)|at |(?:code|errno|syscall|address|port|type|hostname): |[{}]$|(?:errno|syscall) )/;

/** npm's lines about a package from Git that this machine cannot fetch. */
const GIT_COMMAND = /^command git .*\b(?:ls-remote|clone|fetch)\b/m;
const GIT_ADDRESS = /\b(?:ssh|git|git\+ssh|git\+https|https):\/\/[^\s'"]+/;

const SECRET_VARIABLE = /token|auth|passw|secret/i;

/** Limits of what is shown: the last 6 lines with a reason, 600 UTF-16 units. */
const MAX_LINES = 6;
const MAX_LENGTH = 600;

/**
 * Describes in one line why npm failed: its own reason without secrets, and what to do where a package comes from Git.
 * `env`: the environment that npm ran with.
 */
export function describeNpmFailure(name: string, result: ProgramResult, env: Readonly<Record<string, string>>): string {
  const lines = result.stderr
    .split("\n")
    .flatMap((line) => (ERROR_LINE.test(line) ? line.replace(ERROR_LINE, "") : []));
  const reasons = lines.map((line) => line.trim()).filter((line) => line !== "" && !ADVICE.test(line));
  const secrets = Object.entries(env).flatMap(([variable, value]) => (SECRET_VARIABLE.test(variable) ? [value] : []));
  const redact = (text: string) => cleanLine(redactCredentials(text, secrets), MAX_LENGTH);
  if (reasons.length === 0) return redact(describeFailure(name, result));
  const reason = result.problem ?? `exit code ${result.status}`;
  const address = GIT_ADDRESS.exec(reasons.find((line) => GIT_COMMAND.test(line)) ?? "")?.[0];
  const hint =
    address === undefined
      ? ""
      : `A package comes from ${address}, which this machine cannot fetch. Allow that connection, or replace the package by "overrides" in the settings of upgrades. `;
  return redact(`${name}: ${reason}. ${hint}npm says: ${reasons.slice(-MAX_LINES).join("; ")}`);
}
