import { createInterface } from "node:readline";
import { openStore } from "../../../../runtime/stores/open-store.ts";
import { getErrorMessage } from "../../../../shared/errors.ts";
import type { ClaimRecord } from "../../../../shared/records/claim-record.ts";
import { createCallContext } from "../../../../shared/tasks/call-context.ts";
import { verifyClaim } from "../../../../shared/tasks/claim-lease.ts";
import { claimTask } from "../../../../shared/tasks/claims.ts";
import { findStoredTask } from "../../../../shared/tasks/find-task.ts";
import { createClaimDeps } from "./claim-deps.ts";

/**
 * A separate process on a store: `node claims-child.ts <url> <name>`. Each line of its input is a command: `race
 * <item>`: 250 agents claim at once; `claim <item>`: one agent claims; `write`: verifies that claim as right before a
 * write. It answers `won <agent> <fence>`, `asked <refused>`, `claimed`, `written` or `refused <why>`.
 */
const [, , url = "", name = ""] = process.argv;
const writeLine = (line: string) => process.stdout.write(`${line}\n`);
const deps = await createClaimDeps(await openStore(url, { prefix: "claims" }));
const agent = (nth: number) => `${name}-${nth}`;
const createContext = (nth: number) => createCallContext(deps, { name: agent(nth), role: "worker" });

let heldClaim: { item: string; claim: ClaimRecord } | undefined;
async function getTask(item: string) {
  const task = await findStoredTask(deps, item);
  if (!task) throw new Error(`${item} is not kept`);
  return task;
}

writeLine("open");
for await (const line of createInterface(process.stdin)) {
  const [command, item = ""] = line.split(" ");
  if (command === "race") {
    const task = await getTask(item);
    let refused = 0;
    const claims = Array.from({ length: 250 }, (_, nth) =>
      claimTask(createContext(nth), task).then(
        ({ fence }) => writeLine(`won ${agent(nth)} ${fence}`),
        (thrown: unknown) => {
          if (getErrorMessage(thrown).includes("ONB-1 is held by ")) refused += 1;
        },
      ),
    );
    await Promise.all(claims);
    writeLine(`asked ${refused}`);
  }
  if (command === "claim") {
    heldClaim = { item, claim: await claimTask(createContext(0), await getTask(item)) };
    writeLine("claimed");
  }
  if (command === "write" && heldClaim) {
    await verifyClaim(createContext(0), await getTask(heldClaim.item), heldClaim.claim).then(
      () => writeLine("written"),
      (thrown: unknown) => writeLine(`refused ${getErrorMessage(thrown)}`),
    );
  }
}
await deps.store.close();
