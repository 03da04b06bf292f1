import { type Context, createContext, type ProvisionDeps } from "../../functions/provision/context.ts";
import { apply, plan, type Report } from "../../functions/provision/provision.ts";
import type { Step } from "../../functions/provision/step.ts";
import { rotatable, stepsFor, type Task } from "../../functions/provision/steps.ts";
import { besideSecrets, PROVISION_LOCK } from "../../shared/config/provision.ts";
import { type ProvisionSettings, parseProvision } from "../../shared/config/provision-settings.ts";
import type { Files } from "../../shared/config/secrets.ts";
import { GroundcrewError, messageOf } from "../../shared/errors.ts";
import { asJson, forTerminal } from "../cli/show.ts";
import { type Options, optionsIn, USAGE } from "./options.ts";
import { envText, planText, problemsText, resultText } from "./show.ts";
import { telegramSetUp } from "./telegram.ts";

const EXIT = { done: 0, failed: 1, usage: 2, settings: 78 } as const;

export interface World extends Omit<ProvisionDeps, "settings" | "progress" | "patience" | "telegram"> {
  env: Record<string, string | undefined>;
  files: Files;
  /** Keeps other provisions away from the files beside this path. Throws a GroundcrewError when one is at work. */
  lock: (path: string) => Promise<{ release(): void }>;
  out: (text: string) => void;
  err: (text: string) => void;
  /** Absent without a terminal. */
  ask?: (question: string) => Promise<boolean>;
}

/** Runs `provision` with these arguments; answers its exit code. */
export async function run(args: readonly string[], world: World): Promise<number> {
  const { out } = world;
  const options = optionsIn(args);
  if ("wrong" in options) {
    // What cannot be understood may have asked for JSON all the same.
    refusal({ json: args.includes("--json") }, world)("usage", `provision: ${options.wrong}\n`, `\n${USAGE}`);
    return EXIT.usage;
  }
  if (options.help) {
    out(USAGE);
    return EXIT.done;
  }
  const refuse = refusal(options, world);
  const parsed = parseProvision(world.env, world.files);
  if (!parsed.ok) {
    refuse("settings", problemsText(parsed.problems));
    return EXIT.settings;
  }
  const { settings } = parsed;
  const steps = stepsFor(taskOf(options), settings);
  if (!steps) {
    refuse("usage", `provision: --rotate takes ${rotatable(settings).join(", ")}.\n`);
    return EXIT.usage;
  }
  try {
    const lock = options.dryRun ? undefined : await world.lock(besideSecrets(settings.secretsFile, PROVISION_LOCK));
    try {
      return await carryOut(await contextFor(settings, options, world), steps, options, world);
    } finally {
      lock?.release();
    }
  } catch (thrown) {
    const code = thrown instanceof GroundcrewError ? thrown.code : "internal";
    refuse(code, forTerminal(`provision: ${messageOf(thrown)}`));
    return thrown instanceof GroundcrewError && thrown.code === "bad_request" ? EXIT.settings : EXIT.failed;
  }
}

async function carryOut(context: Context, steps: readonly Step[], options: Options, world: World): Promise<number> {
  // What is meant for programs is alone on standard output.
  const tell = (text: string) => (options.json || options.printEnv ? world.err : world.out)(forTerminal(text));
  const refuse = refusal(options, { ...world, err: tell });
  const planned = await plan(context, steps);
  const idle = planned.changed === 0 || options.dryRun;
  const asks = !idle && !options.yes;
  if (!options.json || asks) tell(planText(planned, context.settings));
  if (asks) {
    if (!world.ask) {
      const how = "Look at the plan with --dry-run, then add --yes.";
      refuse("unconfirmed", `Nothing was done: there is no terminal to ask at. ${how}`);
      return EXIT.failed;
    }
    if (!(await world.ask(`Do this in ${context.settings.plane.url}?`))) {
      refuse("unconfirmed", "Nothing was done.");
      return EXIT.failed;
    }
  }
  const report = idle ? planned : await apply(context, steps);
  if (options.json) world.out(asJson({ steps: report.steps, changed: report.changed }));
  else if (!idle) tell(resultText(report, context.settings));
  if (options.printEnv && !options.dryRun) world.out(envText(context.vault.entries()));
  return exitOf(report);
}

/** Tells people why nothing was done, and a program that asked for JSON as well; `help` is for people alone. */
function refusal({ json }: Pick<Options, "json">, { out, err }: Pick<World, "out" | "err">) {
  return (code: string, message: string, help = "") => {
    err(message + help);
    if (json) out(asJson({ steps: [], changed: 0, error: { code, message: message.trim() } }));
  };
}

function exitOf({ failed }: Report): number {
  return failed > 0 ? EXIT.failed : EXIT.done;
}

function taskOf({ rotate, retire }: Options): Task {
  if (rotate !== undefined) return { kind: "rotate", what: rotate };
  return { kind: retire ? "retire" : "provision" };
}

async function contextFor(settings: ProvisionSettings, { patience }: Options, world: World): Promise<Context> {
  const telegram = settings.telegram && telegramSetUp(settings.telegram, world);
  return createContext({
    ...world,
    settings,
    patience,
    progress: (line) => world.err(forTerminal(line)),
    ...(telegram && { telegram }),
  });
}
