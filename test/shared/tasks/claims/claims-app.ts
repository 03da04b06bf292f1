import { DEFAULT_CLAIM_MINUTES } from "../../../../shared/config/settings-file.ts";
import { findTask } from "../../../../shared/tasks/find-task.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

/** The default of `claim_minutes`. */
export const CLAIM_MS = DEFAULT_CLAIM_MINUTES * MINUTE;

/** Creates an app with one task, ONB-1, of these agents. */
export async function createAppWithTask(to: string | string[] = "Thot") {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", to);
  await app.runFirstPoll();
  const createTaskContext = async (agent: string) => {
    const acting = app.createContext(agent);
    return [acting, await findTask(acting, "ONB-1")] as const;
  };
  return { app, item, createTaskContext, claim: async (agent = "Thot") => app.actAs(agent).claim("ONB-1") };
}
