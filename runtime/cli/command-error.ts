/** Exit codes of a command; those from 64 up are defined in sysexits.h. */
export const EXIT = {
  done: 0,
  /** The call was refused or failed. */
  failed: 1,
  /** The command itself is wrong. */
  usage: 2,
  /** EX_TEMPFAIL: the same command may work later. */
  later: 75,
  /** EX_CONFIG: a human must change a setting, so restarting does not help. */
  config: 78,
  /** EX_NOPERM: no token, a wrong one, or one that others can read. */
  token: 77,
} as const;

/** Ends the command with an exit code. People read the message; with `--json` code and retryAfter are printed as well. */
export class CommandError extends Error {
  readonly exit: number;
  readonly code: string;
  /** Seconds after which the command may be repeated. */
  readonly retryAfter: number | undefined;

  constructor(exit: number, message: string, details: { code?: string; retryAfter?: number | undefined } = {}) {
    super(message);
    this.name = "CommandError";
    this.exit = exit;
    this.code = details.code ?? (exit === EXIT.usage ? "usage" : exit === EXIT.token ? "token" : "failed");
    this.retryAfter = details.retryAfter;
  }
}

export function createUsageError(message: string): CommandError {
  return new CommandError(EXIT.usage, message);
}
