import { parseArgs } from "node:util";

/** What was asked for on the command line. */
export interface ProvisionOptions {
  dryRun: boolean;
  yes: boolean;
  json: boolean;
  printEnv: boolean;
  help: boolean;
  /** An agent's name, `groundcrew`, `webhook` or `all`. */
  rotate: string | undefined;
  retire: boolean;
  /** Milliseconds that Plane may take to come up. */
  patience: number;
}

export const PROVISION_USAGE = `npm run provision -- [options]

Takes a Plane, new or in use, and brings about what the settings want: accounts, API keys, the webhook, the first
project, bridge tokens. Run again it changes nothing. See .env.example for the settings (PLANE_URL, PLANE_WORKSPACE,
PLANE_ADMIN_EMAIL at least).

  --dry-run        print what would be done, and do nothing
  --yes            do it without asking
  --json           print {steps: [{name, status, detail}], changed}, with error: {code, message} where nothing
                   could be begun (progress goes to standard error)
  --print-env      print the runtime's secrets as NAME=value lines when all is done, for those who keep them elsewhere
  --rotate <what>  replace the secrets of an agent, of groundcrew itself, of the webhook, or all; the old ones stay valid
  --retire         end what --rotate has left valid
  --wait <s>       how long Plane may take to come up (300)

With --json and --print-env say \`npm run --silent provision -- …\`: else npm's own lines stand before the answer.

Ends with 0 when all holds, 1 when something failed or was not agreed to, 2 when the command is wrong, 78 when a
setting needs attention.
`;

/** The options, or what is wrong with them; values are not repeated. */
export function parseProvisionOptions(args: readonly string[]): ProvisionOptions | { wrong: string } {
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
        wait: { type: "string", default: "300" },
      },
    });
    if (!/^\d{1,5}$/.test(values.wait)) return { wrong: "--wait takes a number of seconds." };
    if (values.rotate !== undefined && values.retire) return { wrong: "--rotate and --retire are two commands." };
    if (values.json && values["print-env"])
      return { wrong: "--json and --print-env both print to standard output: ask for one." };
    const { yes, json, help, rotate, retire } = values;
    const patience = Number(values.wait) * 1000;
    return { dryRun: values["dry-run"], printEnv: values["print-env"], yes, json, help, rotate, retire, patience };
  } catch {
    const knownOption = /^--?(?:dry-run|yes|y|json|print-env|help|h|rotate|retire|wait)(?:=|$)/;
    const unknownOption = args.find((arg) => !knownOption.test(arg))?.split("=", 1)[0] ?? "an option";
    const displayed = unknownOption.startsWith("-") ? unknownOption.slice(0, 40) : "what does not begin with --";
    return { wrong: `${displayed} is not known here, or lacks its value. Secrets never go on the command line.` };
  }
}
