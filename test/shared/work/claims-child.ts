import { createInterface } from "node:readline";
import { openStore } from "../../../runtime/stores/open.ts";
import { messageOf } from "../../../shared/errors.ts";
import { actFor } from "../../../shared/work/acting.ts";
import { claimTask, type KeptClaim, proveClaim } from "../../../shared/work/claims.ts";
import { keptTask } from "../../../shared/work/find.ts";
import { claimDeps } from "./claim-parts.ts";

/**
 * A bridge of its own on a store: `node claims-child.ts <url> <name>`. Each line it is told is a command:
 * `race <item>`: 250 agents claim at once; `claim <item>`: one does; `write`: what it does right before a write under
 * that claim. It answers `won <agent> <fence>`, `asked <refused>`, `claimed`, `written` or `refused <why>`.
 */
const [, , url = "", name = ""] = process.argv;
const say = (line: string) => process.stdout.write(`${line}\n`);
const deps = await claimDeps(await openStore(url, { prefix: "claims" }));
const agent = (nth: number) => `${name}-${nth}`;
const handsOf = (nth: number) => actFor(deps, { name: agent(nth), role: "worker" });

let held: { item: string; claim: KeptClaim } | undefined;
async function taskOf(item: string) {
  const task = await keptTask(deps, item);
  if (!task) throw new Error(`${item} is not kept`);
  return task;
}

say("open");
for await (const line of createInterface(process.stdin)) {
  const [command, item = ""] = line.split(" ");
  if (command === "race") {
    const task = await taskOf(item);
    let refused = 0;
    const claims = Array.from({ length: 250 }, (_, nth) =>
      claimTask(handsOf(nth), task).then(
        ({ fence }) => say(`won ${agent(nth)} ${fence}`),
        (thrown: unknown) => {
          if (messageOf(thrown).includes("ONB-1 is held by ")) refused += 1;
        },
      ),
    );
    await Promise.all(claims);
    say(`asked ${refused}`);
  }
  if (command === "claim") {
    held = { item, claim: await claimTask(handsOf(0), await taskOf(item)) };
    say("claimed");
  }
  if (command === "write" && held) {
    await proveClaim(handsOf(0), await taskOf(held.item), held.claim).then(
      () => say("written"),
      (thrown: unknown) => say(`refused ${messageOf(thrown)}`),
    );
  }
}
await deps.store.close();
