import { createInterface } from "node:readline";
import { openStore } from "../../../../runtime/stores/open-store.ts";
import { getErrorMessage } from "../../../../shared/errors.ts";
import { createCallContext } from "../../../../shared/tasks/call-context.ts";
import { claimTask } from "../../../../shared/tasks/claims.ts";
import { findStoredTask } from "../../../../shared/tasks/find-task.ts";
import { createClaimDeps } from "./claim-deps.ts";

/**
 * A separate process on a store: `node claims-child.ts <url> <name>`. For each item in a line of its input 250 agents
 * claim it at once; it answers `won <agent> <fence>` and `asked <refused>`.
 */
const [, , url = "", name = ""] = process.argv;
const writeLine = (line: string) => process.stdout.write(`${line}\n`);
const deps = await createClaimDeps(await openStore(url, { prefix: "claims" }));

writeLine("open");
for await (const item of createInterface(process.stdin)) {
  const task = await findStoredTask(deps, item);
  if (!task) throw new Error(`${item} is not kept`);
  let refused = 0;
  const claims = Array.from({ length: 250 }, async (_, nth) => {
    const agent = `${name}-${nth}`;
    try {
      const { fence } = await claimTask(createCallContext(deps, { name: agent, role: "worker" }), task);
      writeLine(`won ${agent} ${fence}`);
    } catch (thrown) {
      if (getErrorMessage(thrown).includes("ONB-1 is held by ")) refused += 1;
    }
  });
  await Promise.all(claims);
  writeLine(`asked ${refused}`);
}
await deps.store.close();
