import { planeTick } from "../../functions/plane-tick.ts";
import type { Deps } from "../../shared/app/deps.ts";
import { createCommandsApp, GROUP_CHAT, toPlainText } from "./telegram/commands/commands-app.ts";

/** Interval of the tick that checks Plane. */
export const INTERVAL_MS = 15_000;

export type OutageApp = Awaited<ReturnType<typeof createOutageApp>>;

/** A running Groundcrew with one task. Connections that Plane leaves open time out after 20 ms of real time. */
export async function createOutageApp(options: NonNullable<Parameters<typeof createCommandsApp>[0]> = {}) {
  let isImpatient = false;
  const impatientFetch: typeof fetch = (input, init) => {
    const isToPlane = String(input instanceof Request ? input.url : input).startsWith(app.plane.url);
    return fetch(input, isImpatient && isToPlane ? { ...init, signal: AbortSignal.timeout(20) } : init);
  };
  const app = await createCommandsApp({ fetch: impatientFetch, ...options });
  const item = app.addTask("Write the mail", "Imhotep");
  app.addTask("Left open");
  await app.runFirstPoll();
  return Object.assign(app, {
    item,
    /** Runs the tick every 15 s for this long, in each of these processes. */
    async watch(ms: number, processes: readonly Deps[] = [app.deps]) {
      // Time must not pass while one of them sends: its lease would end, and another would send the message again.
      const drain = () => Promise.all([app.drain(), ...processes.map((deps) => deps.drain())]);
      for (let passed = 0; passed < ms; passed += INTERVAL_MS) {
        await Promise.all(processes.map((deps) => planeTick.run(deps)));
        await drain();
        app.advance(INTERVAL_MS);
        await drain();
      }
    },
    readMessages: () => app.telegram.chat(GROUP_CHAT).messages.map(toPlainText),
    setImpatient: (value: boolean) => {
      isImpatient = value;
    },
  });
}
