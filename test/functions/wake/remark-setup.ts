import { expect } from "vitest";
import type { Item } from "../../../simulators/plane/types.ts";
import { createWakeSetup } from "./wake-setup.ts";

/** What an agent sends when it has finished ONB-1. */
export const DONE = { task: "ONB-1", status: "done", text: "It is done.", confidence: 0.9 };

export type RemarkSetup = Awaited<ReturnType<typeof createRemarkSetup>>;

/** Creates a task of Imhotep that it has been woken for, and Thot, which is woken as well. */
export async function createRemarkSetup(options: Parameters<typeof createWakeSetup>[3] = {}) {
  const setup = await createWakeSetup("2026.9.6", {}, undefined, { woken: ["Thot"], ...options });
  const { app, gateway } = setup;
  const task = app.addTask("Write the mail", "Imhotep");
  const work = async () => {
    await app.deliverWebhooks();
    await app.poll();
    await setup.advanceSeconds(8);
  };
  await work();
  await setup.call("Imhotep", "list_my_tasks");
  let takenMessages = gateway.runs.length;
  return {
    ...setup,
    task,
    work,
    /** A person comments in Plane; Plane's webhooks are delivered, and all jobs are handled. */
    async comment(html: string, { on = task, by = app.human.id }: { on?: Item; by?: string } = {}) {
      const comment = app.plane.addComment(on, html, { by: { id: by } });
      await work();
      return comment;
    },
    mention: (agent: string) =>
      `<mention-component entity_identifier="${app.getUser(agent).id}" entity_name="user_mention"></mention-component>`,
    /** The wakes since the last call, whole messages by agent. */
    takeWakes() {
      const runs = gateway.runs.slice(takenMessages);
      takenMessages += runs.length;
      return runs.map(({ agent, message }) => ({ agent, message }));
    },
    readCard: (on = task) => app.readComments(on).find((html) => html.includes("Agent card")) ?? "",
  };
}

/** Calls a tool and returns the refusal's code and message. */
export async function getRefusal({ app }: Pick<RemarkSetup, "app">, agent: string, tool: string, input: object) {
  const { status, json } = await app.callTool(agent, tool, input);
  expect(status).toBeGreaterThanOrEqual(400);
  return json as { error: { code: string; message: string } };
}

/** The same once Imhotep works on the task: nothing is unread, and Plane's webhooks have arrived. */
export async function createWorkingSetup(options: Parameters<typeof createRemarkSetup>[0] = {}) {
  const setup = await createRemarkSetup(options);
  await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
  await setup.work();
  setup.takeWakes();
  return {
    ...setup,
    setDone: () => setup.call("Imhotep", "update_task_status", DONE),
    /** Imhotep's call about the task is refused; returns the refusal. */
    refuse: async (tool: string, input: object = {}) =>
      (await getRefusal(setup, "Imhotep", tool, { task: "ONB-1", ...input })).error,
    /** The agents whose wakes since the last call contain these words. */
    takeTold: (words: string) => toAgents(setup.takeWakes().filter(({ message }) => message.includes(words))),
  };
}

export const toAgents = (wakes: { agent: string }[]) => wakes.map(({ agent }) => agent).sort();
