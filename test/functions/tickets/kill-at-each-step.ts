import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createSqliteStore } from "../../../runtime/stores/sqlite-store.ts";
import type { Deps, TaskDeps } from "../../../shared/app/deps.ts";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { crashAtStep } from "../../support/crash-at-step.ts";
import { createTicketsApp } from "./tickets-app.ts";

/** Creates an app on a SQLite file. */
export function createSqliteApp(settings?: Record<string, unknown>) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-tickets-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return createTicketsApp(settings, {
    store: (clock) => {
      const store = createSqliteStore({ folder, clock });
      onTestFinished(() => store.close());
      return store;
    },
  });
}
export type SqliteApp = Awaited<ReturnType<typeof createSqliteApp>>;

/**
 * Runs `act` in a process that ends at its nth step, before or after that step, and `check` after another process has
 * started: for each step in the full run, for every third one otherwise. Returns the number of steps.
 */
export async function killAtEachStep(
  prepare: () => Promise<SqliteApp>,
  act: (deps: TaskDeps & Pick<Deps, "terminals">) => Promise<unknown>,
  check: (app: SqliteApp) => Promise<void>,
): Promise<number> {
  let most = Number.POSITIVE_INFINITY;
  for (let nth = 1; nth <= most; nth += IS_FULL_RUN ? 1 : 3) {
    const app = await prepare();
    const crash = crashAtStep(app.deps, nth, nth % 2 === 0 ? "before" : "after");
    await crash.orCrash(act({ ...crash.deps, terminals: app.deps.terminals })).then(
      () => {
        most = crash.state.steps;
      },
      () => undefined,
    );
    app.advance(61_000);
    await app.restart();
    await app.listenAgain();
    await check(app);
  }
  return most;
}
