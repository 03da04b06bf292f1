import { parseArgs } from "node:util";

/** The parsed command line. */
export interface ProvisionOptions {
  dryRun: boolean;
  yes: boolean;
  json: boolean;
  printEnv: boolean;
  help: boolean;
  /** An agent's name, `groundcrew`, `webhook` or `all`. */
  rotate: string | undefined;
  retire: boolean;
  /** Whether to remove Plane's own sample project; undefined: ask at a terminal, else keep it. */
  removeSampleProject: boolean | undefined;
  /** Timeout for Plane's startup, in milliseconds. */
  startupTimeout: number;
}

export const PROVISION_USAGE = `npm run provision -- [options]

Provisions Plane, new or in use, as the settings say: accounts, API keys, the webhook, the first project, bridge tokens.
A second run changes nothing. Requires PLANE_URL, PLANE_WORKSPACE and PLANE_ADMIN_EMAIL; .env.example has all settings.

  --dry-run        print the plan and change nothing
  --yes            do not ask for confirmation
  --json           print {steps: [{name, status, detail}], changed, settings}, with error: {code, message} if it
                   could not start (progress goes to standard error)
  --print-env      print the secrets as NAME=value lines at the end, to keep them elsewhere
  --rotate <what>  rotate the secrets of <agent>, groundcrew, webhook or all; the old ones stay valid
  --retire         revoke the old secrets that --rotate left valid
  --remove-sample-project
                   remove the sample project that Plane adds to a new workspace, if nobody has changed it
  --keep-sample-project
                   keep it, and do not ask
  --wait <s>       seconds to wait for Plane to start (default 300)

With --json and --print-env use \`npm run --silent provision -- …\`, or npm's own lines precede the output.

Exit codes: 0 success, 1 a step failed or the plan was not confirmed, 2 wrong command, 78 invalid settings.
`;

/** The options, or the error in them. The error never repeats a value, which may be a secret. */
export function parseProvisionOptions(args: readonly string[]): ProvisionOptions | { error: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        "dry-run": { type: "boolean", default: false },
        yes: { type: "boolean", short: "y", default: false },
        json: { type: "boolean", default: false },
        "print-env": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        rotate: { type: "string" },
        retire: { type: "boolean", default: false },
        "remove-sample-project": { type: "boolean", default: false },
        "keep-sample-project": { type: "boolean", default: false },
        wait: { type: "string", default: "300" },
      },
    });
    if (!/^\d{1,5}$/.test(values.wait)) return { error: "--wait requires a number of seconds." };
    if (values.rotate !== undefined && values.retire) return { error: "--rotate and --retire cannot be combined." };
    if (values.json && values["print-env"])
      return { error: "--json and --print-env cannot be combined: both print to standard output." };
    const isRemoved = values["remove-sample-project"];
    const isKept = values["keep-sample-project"];
    if (isRemoved && isKept) return { error: "--remove-sample-project and --keep-sample-project cannot be combined." };
    const { yes, json, help, rotate, retire } = values;
    const startupTimeout = Number(values.wait) * 1000;
    return {
      dryRun: values["dry-run"],
      printEnv: values["print-env"],
      yes,
      json,
      help,
      rotate,
      retire,
      removeSampleProject: isRemoved || isKept ? isRemoved : undefined,
      startupTimeout,
    };
  } catch {
    const knownOption =
      /^--?(?:dry-run|yes|y|json|print-env|help|h|rotate|retire|remove-sample-project|keep-sample-project|wait)(?:=|$)/;
    const unknownOption = args.find((arg) => !knownOption.test(arg))?.split("=", 1)[0] ?? "An option";
    const displayed = unknownOption.startsWith("-") ? unknownOption.slice(0, 40) : "An argument without --";
    return {
      error: `${displayed} is unknown, or its value is missing. Never pass secrets on the command line.`,
    };
  }
}
