/** Waits for an abort, or until time is moved past it. */
interface Sleeper {
  at: number;
  wake: () => void;
}

/** A tick of the jobs by the clock: as often as the product itself looks for due jobs. */
const STEP_MS = 1_000;
/** So many looks in a row must find nothing at work before time moves. */
const QUIET_CHECKS = 3;

/**
 * Time as a number that only a test moves: never while a request is on its way, and then to the next moment somebody
 * waits for, at most a second. What happens at one moment is over before the next begins.
 */
export function createVirtualTime(start = Date.parse("2026-11-21T08:00:00.000Z")) {
  let now = start;
  let sleepers: Sleeper[] = [];
  let requestsInFlight = 0;
  let onMove: () => void = () => {};

  function wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = { at: now + ms, wake };
      sleepers.push(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
      function wake() {
        sleepers = sleepers.filter((other) => other !== sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      }
    });
  }

  /** The whole answer is taken before anything else goes on, so that none is on its way while time moves. */
  async function fetchWhole(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    requestsInFlight += 1;
    try {
      const response = await fetch(input, init);
      const bytes = await response.arrayBuffer();
      const { status, headers } = response;
      const plain = new Headers(headers);
      for (const name of ["content-encoding", "content-length"]) plain.delete(name);
      return new Response(bytes.byteLength === 0 ? null : bytes, { status, headers: plain });
    } finally {
      requestsInFlight -= 1;
    }
  }

  /** Resolves when nothing happens any more at this moment. */
  async function waitUntilQuiet(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_CHECKS; ) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      quiet = requestsInFlight === 0 ? quiet + 1 : 0;
    }
  }

  function move(step = STEP_MS) {
    const next = Math.min(now + step, ...sleepers.map(({ at }) => at));
    now = Math.max(now, next);
    for (const sleeper of sleepers.filter(({ at }) => at <= now)) sleeper.wake();
    onMove();
  }

  /** Lets time pass until it is so; fails when it is not within so many milliseconds. */
  async function advanceUntil(condition: () => boolean | Promise<boolean>, within = 3_600_000): Promise<void> {
    const end = now + within;
    for (;;) {
      await waitUntilQuiet();
      if (await condition()) return;
      if (now >= end) throw new Error(`It is not so after ${within} ms.`);
      move();
    }
  }

  return {
    clock: () => now,
    wait,
    fetch: fetchWhole,
    advanceUntil,
    /** Lets time pass until this is over; answers with it. */
    async advanceUntilSettled<T>(work: Promise<T>, within?: number): Promise<T> {
      let isSettled = false;
      const settled = work.then(
        () => {
          isSettled = true;
        },
        () => {
          isSettled = true;
        },
      );
      await advanceUntil(() => isSettled, within);
      await settled;
      return work;
    },
    /** Time passes, at most `step` at once. */
    async advance(ms: number, step = STEP_MS): Promise<void> {
      for (const end = now + ms; now < end; ) {
        await waitUntilQuiet();
        move(Math.min(step, end - now));
      }
      await waitUntilQuiet();
    },
    /** At every move. */
    onMove(act: () => void) {
      onMove = act;
    },
  };
}
