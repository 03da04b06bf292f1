import { createSeededRandom } from "../seeded-random.ts";
import { mountApiRoutes } from "./api/routes.ts";
import { mountAppRoutes } from "./app/routes.ts";
import { createAutoRunner } from "./auto-runner.ts";
import { createDirectAccess, getFirstWorkspace } from "./direct-access.ts";
import { createFaultInjector } from "./fault-injector.ts";
import { createHttpListener, createPlaneApp } from "./http-server.ts";
import { createWorkspace } from "./people.ts";
import type { PlaneSimulator } from "./plane-simulator.ts";
import { createRateLimiter } from "./rate-limiter.ts";
import { restoreWorld } from "./restore-world.ts";
import type { DeliveryAttempt, LedgerDelivery, LedgerRequest } from "./test-controls.ts";
import type { PlaneSimulatorOptions } from "./types.ts";
import { createWebhookOutbox } from "./webhook-outbox.ts";
import { runNextTask } from "./worker.ts";
import { createPlaneWorld } from "./world.ts";

/** Limit of concurrent webhook deliveries with `autoDeliver`: 4. */
const DELIVERY_CONCURRENCY = 4;

/**
 * Creates a simulated Plane: data in memory behind a real HTTP server. It answers, limits and sends webhooks like the
 * recorded Plane (test/fixtures/plane-contract).
 */
export function createPlaneSimulator(options: PlaneSimulatorOptions = {}): PlaneSimulator {
  const world = createPlaneWorld({
    version: options.version ?? "1.3.1",
    fileSizeLimit: options.fileSizeLimit ?? 5 * 1024 * 1024,
    webhookAllowedHosts: options.webhookAllowedHosts ?? [],
    clock: options.clock ?? Date.now,
    random: options.random ?? createSeededRandom(1),
    newId: options.newId ?? (() => crypto.randomUUID()),
  });
  const requests: LedgerRequest[] = [];
  const attempts: LedgerDelivery[] = [];
  const faults = createFaultInjector((hook) => {
    world.duringEdit = hook;
  });
  const outbox = createWebhookOutbox(world, attempts, options.deliveryTimeout ?? 30_000);
  const limiter = createRateLimiter(world.clock, options.rateLimit ?? 60);
  const app = createPlaneApp(world, faults, requests);
  mountApiRoutes(app, world, limiter);
  mountAppRoutes(app, world);
  const listener = createHttpListener(app);
  if (options.snapshot) {
    restoreWorld(world, options.snapshot);
  } else if (!options.empty) {
    const slug = options.workspace ?? "javisi";
    createWorkspace(world, { slug, name: slug }, undefined);
    world.instance.setUp = true;
    world.instance.name = slug;
  }

  const runWorkerTask = (): boolean => runNextTask(world, outbox.add);
  const runWorker = (): number => {
    let count = 0;
    while (runWorkerTask()) count += 1;
    return count;
  };
  const deliverAll = async (): Promise<DeliveryAttempt[]> => {
    const attemptsMade: DeliveryAttempt[] = [];
    for (;;) {
      runWorker();
      const batch = await outbox.sendAll();
      if (batch.length === 0) return attemptsMade;
      attemptsMade.push(...batch);
    }
  };

  let port = 0;
  let url = "";
  let isUp = false;
  world.baseUrl = () => url;
  const autoRunner = createAutoRunner(
    async () => {
      runWorker();
      if (options.autoDeliver) await outbox.sendConcurrently(DELIVERY_CONCURRENCY);
    },
    () => {
      const due = options.autoDeliver ? outbox.nextDue() : undefined;
      return due === undefined ? undefined : due - world.clock();
    },
  );
  const isAutomatic = options.autoWorker ?? options.autoDeliver ?? false;
  world.onTasksQueued = () => {
    if (isAutomatic && isUp) autoRunner.wake();
  };
  const bringUp = async (): Promise<void> => {
    port = await listener.start(port);
    url = `http://127.0.0.1:${port}`;
    isUp = true;
    world.onTasksQueued();
  };
  const takeDown = async (): Promise<void> => {
    isUp = false;
    autoRunner.pause();
    await listener.stop();
  };

  return {
    ...createDirectAccess(world),
    get url() {
      return url;
    },
    get workspace() {
      return getFirstWorkspace(world);
    },
    version: world.version,
    async start(requestedPort = 0) {
      port = requestedPort;
      await bringUp();
      return url;
    },
    stop: takeDown,
    takeDown,
    bringUp,
    runWorkerTask,
    runWorker,
    deliverAll,
    deliveries: outbox,
    ledger: {
      requests,
      deliveries: attempts,
      clear() {
        requests.length = 0;
        attempts.length = 0;
      },
    },
    faults,
  };
}
