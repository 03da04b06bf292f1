const LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** What may stand in a line: names, ids, counts, durations. Never a secret, never the text of a message. */
export type LogFields = Record<string, string | number | boolean | null | undefined | readonly string[]>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose every line also carries these fields, for example `{ correlation }`. */
  with(fields: LogFields): Log;
}

interface LogOptions {
  level: LogLevel;
  /** Takes one finished JSON line, without a line end. */
  write: (line: string) => void;
  clock: () => number;
  /** Every occurrence of one of these is replaced by `[secret]` in what is written. */
  secrets?: readonly string[];
}

/**
 * One JSON line per event: `{time (ISO 8601), level, message, …fields}`.
 * The redaction of `secrets` is a second fence: no caller should hand one in.
 */
export function createLog(options: LogOptions): Log {
  const { write, clock } = options;
  const least = LEVELS.indexOf(options.level);
  const secrets = (options.secrets ?? [])
    .filter((secret) => secret.length >= 6)
    .map((secret) => JSON.stringify(secret).slice(1, -1));

  function make(bound: LogFields): Log {
    const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
      if (LEVELS.indexOf(level) < least) return;
      let line = JSON.stringify({ time: new Date(clock()).toISOString(), level, message, ...bound, ...fields });
      for (const secret of secrets) line = line.replaceAll(secret, "[secret]");
      write(line);
    };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      with: (fields) => make({ ...bound, ...fields }),
    };
  }
  return make({});
}
