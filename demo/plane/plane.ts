import { apiRoutes } from "./api/routes.ts";
import { appRoutes } from "./app/routes.ts";
import { createAuto } from "./auto.ts";
import { createBackDoor, firstWorkspace } from "./back-door.ts";
import type { Attempt, LedgerDelivery, LedgerRequest } from "./control.ts";
import { createOutbox } from "./deliveries.ts";
import { createFaults } from "./faults.ts";
import type { Plane } from "./handle.ts";
import { createLimiter } from "./limits.ts";
import { createWorkspace } from "./people.ts";
import { seeded } from "./random.ts";
import { createListening, createSite } from "./serve.ts";
import type { PlaneOptions } from "./types.ts";
import { work } from "./worker.ts";
import { createWorld } from "./world.ts";

/** How many deliveries are on their way at once when they run by themselves. */
const LANES = 4;

/** A Plane in memory, behind a real HTTP server. It answers, limits and sends webhooks as the recorded one does. */
export function createPlane(options: PlaneOptions = {}): Plane {
  const world = createWorld({
    version: options.version ?? "1.3.1",
    fileSizeLimit: options.fileSizeLimit ?? 5 * 1024 * 1024,
    webhookAllowedHosts: options.webhookAllowedHosts ?? [],
    clock: options.clock ?? Date.now,
    random: options.random ?? seeded(1),
    newId: options.newId ?? (() => crypto.randomUUID()),
  });
  const requests: LedgerRequest[] = [];
  const attempts: LedgerDelivery[] = [];
  const faults = createFaults((hook) => {
    world.duringEdit = hook;
  });
  const outbox = createOutbox(world, attempts, options.deliveryTimeout ?? 30_000);
  const limiter = createLimiter(world.clock, options.rateLimit ?? 60);
  const site = createSite(world, faults, requests);
  apiRoutes(site, world, limiter);
  appRoutes(site, world);
  const listening = createListening(site);
  if (!options.empty) {
    const slug = options.workspace ?? "javisi";
    createWorkspace(world, { slug, name: slug }, undefined);
    world.instance.setUp = true;
    world.instance.name = slug;
  }

  const tick = (): boolean => work(world, outbox.add);
  const settle = (): number => {
    let done = 0;
    while (tick()) done += 1;
    return done;
  };
  const deliver = async (): Promise<Attempt[]> => {
    const all: Attempt[] = [];
    for (;;) {
      settle();
      const some = await outbox.all();
      if (some.length === 0) return all;
      all.push(...some);
    }
  };

  let port = 0;
  let url = "";
  let isUp = false;
  world.site = () => url;
  const auto = createAuto(
    async () => {
      settle();
      if (options.autoDeliver) await outbox.burst(LANES);
    },
    () => {
      const due = options.autoDeliver ? outbox.nextDue() : undefined;
      return due === undefined ? undefined : due - world.clock();
    },
  );
  const isAutomatic = options.autoWorker ?? options.autoDeliver ?? false;
  world.wake = () => {
    if (isAutomatic && isUp) auto.wake();
  };
  const up = async (): Promise<void> => {
    port = await listening.start(port);
    url = `http://127.0.0.1:${port}`;
    isUp = true;
    world.wake();
  };
  const down = async (): Promise<void> => {
    isUp = false;
    auto.rest();
    await listening.stop();
  };

  return {
    ...createBackDoor(world),
    get url() {
      return url;
    },
    get workspace() {
      return firstWorkspace(world);
    },
    version: world.version,
    async start(wanted = 0) {
      port = wanted;
      await up();
      return url;
    },
    stop: down,
    down,
    up,
    tick,
    settle,
    deliver,
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
