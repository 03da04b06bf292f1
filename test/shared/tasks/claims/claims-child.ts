import { createInterface } from "node:readline";
import { openStore } from "../../../../runtime/stores/open-store.ts";
import { getErrorMessage } from "../../../../shared/errors.ts";
import { createCallContext } from "../../../../shared/tasks/call-context.ts";
import { claimTask } from "../../../../shared/tasks/claims.ts";
import { findStoredTask } from "../../../../shared/tasks/find-task.ts";
import { createClaimDeps } from "./claim-deps.ts";

/**
 * A separate process on a store: `node claims-child.ts <url> <name>`. Each line of its input is an item that 250 agents
 * claim at once. It answers `won <agent> <fence>` for those that hold it, and then `asked <refused>`.
 */
const [, , url = "", name = ""] = process.argv;
const writeLine = (line: string) => process.stdout.write(`${line}\n`);
const deps = await createClaimDeps(await openStore(url, { prefix: "claims" }));

writeLine("open");
for await (const item of createInterface(process.stdin)) {
  const task = await findStoredTask(deps, item);
  if (!task) throw new Error(`${item} is not stored`);
  let refused = 0;
  const claims = Array.from({ length: 250 }, (_, nth) => {
    const agent = `${name}-${nth}`;
    return claimTask(createCallContext(deps, { name: agent, role: "worker" }), task).then(
      ({ fence }) => writeLine(`won ${agent} ${fence}`),
      (thrown: unknown) => {
        if (getErrorMessage(thrown).includes("ONB-1 is held by ")) refused += 1;
      },
    );
  });
  await Promise.all(claims);
  writeLine(`asked ${refused}`);
}
await deps.store.close();
