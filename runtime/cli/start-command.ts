/** `groundcrew start`: runs the product, or its demo where there are no settings, with the flags of `npm start`. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { getProgramPath } from "../node/files.ts";
import { type CliOptions, parseCommandInput } from "./options.ts";
import type { CommandHost } from "./output.ts";

/** The flags for Node: what they save and cost is in docs/decisions/0015-memory-and-webhook-latency.md. */
export const START_FLAGS = [
  "--disable-warning=ExperimentalWarning",
  "--expose-gc",
  "--v8-pool-size=1",
  "--max-semi-space-size=8",
  "--max-old-space-size=512",
] as const;

const HELP = `groundcrew start [--port <number>]

Runs Groundcrew. Without settings it runs the demo: simulated Plane and Telegram servers, and scripted agents.
The settings come from the environment, .env and what groundcrew provision wrote.

  --port <number>  instead of PORT; 0 chooses a free one

Exit codes: 0 stopped by a signal, 1 cannot start, 78 invalid settings.
`;

const inputSchema = z.object({ port: z.int().min(0).max(65_535).optional() });

export const startCommand = { help: HELP, run: startProduct };

/** Replaces this process by the product where the system can do that; else waits for it and ends as it does. */
async function startProduct({ rest }: CliOptions, { env }: CommandHost): Promise<{ output: string; exit: number }> {
  const { port } = parseCommandInput(inputSchema, rest, { name: "start", unnamed: ["port"] });
  const productEnv = { ...env, ...omitUndefined({ PORT: port?.toString() }) };
  const args = [...START_FLAGS, getProgramPath("start")];
  if (process.platform !== "win32")
    process.execve?.(process.execPath, [process.execPath, ...args], omitUndefined(productEnv));
  const child = spawn(process.execPath, args, { env: productEnv, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, "exit");
  return { output: "", exit: typeof code === "number" ? code : 1 };
}
