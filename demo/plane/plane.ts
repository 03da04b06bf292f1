import { apiRoutes } from "./api/routes.ts";
import { appRoutes } from "./app/routes.ts";
import { createBackDoor } from "./back-door.ts";
import { createOutbox } from "./deliveries.ts";
import { createFaults } from "./faults.ts";
import { createLimiter } from "./limits.ts";
import { createWorkspace } from "./people.ts";
import { seeded } from "./random.ts";
import { createListening, createSite } from "./serve.ts";
import type { Attempt, LedgerDelivery, LedgerRequest, Plane, PlaneOptions } from "./types.ts";
import { work } from "./worker.ts";
import { createWorld } from "./world.ts";

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
  world.site = () => url;
  const running = options.autoDeliver || (options.autoWorker ?? false);
  let isUp = false;
  let timer: NodeJS.Timeout | undefined;
  let busy = false;
  /** A worker picks a task up within moments: 20 ms is what the recorded one took. */
  const wake = (wait = 20): void => {
    if (!running || !isUp || timer || busy) return;
    timer = setTimeout(async () => {
      timer = undefined;
      settle();
      if (!options.autoDeliver) return;
      busy = true;
      await deliver();
      busy = false;
      if (world.queue.length > 0) return wake();
      const due = outbox.nextDue();
      if (due !== undefined) wake(Math.max(20, due - world.clock()));
    }, wait);
  };
  world.wake = () => {
    if (timer && world.queue.length === 1) {
      clearTimeout(timer);
      timer = undefined;
    }
    wake();
  };

  const up = async (): Promise<void> => {
    port = await listening.start(port);
    url = `http://127.0.0.1:${port}`;
    isUp = true;
    wake();
  };
  const down = async (): Promise<void> => {
    isUp = false;
    clearTimeout(timer);
    timer = undefined;
    await listening.stop();
  };

  const controls = {
    get url() {
      return url;
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
  // Descriptors, not a spread: `workspace` and `url` are read when asked for.
  return Object.defineProperties(controls, Object.getOwnPropertyDescriptors(createBackDoor(world))) as Plane;
}
