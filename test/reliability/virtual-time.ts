/** A pending wait, which ends when time reaches it or when it is aborted. */
interface Sleeper {
  at: number;
  wake: () => void;
}

/** Default step of the clock: 1 s, the interval in which the product itself checks for due jobs. */
const STEP_MS = 1_000;
/** Number of consecutive checks that must find no request in flight before time advances. */
const QUIET_CHECKS = 3;

/**
 * Creates a clock that only a test advances: never while a request is in flight, and then to the end of the next wait,
 * by one second at most. All effects of one moment are complete before the next begins.
 */
export function createVirtualTime(start = Date.parse("2026-11-21T08:00:00.000Z")) {
  let now = start;
  let sleepers: Sleeper[] = [];
  let requestsInFlight = 0;
  let onAdvance: () => void = () => {};

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

  /** Fetches and reads the complete response, so that no part of it is in flight while time advances. */
  async function fetchCompletely(input: string | URL | Request, init?: RequestInit): Promise<Response> {
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

  /** Resolves when nothing more happens at this moment. */
  async function waitUntilQuiet(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_CHECKS; ) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      quiet = requestsInFlight === 0 ? quiet + 1 : 0;
    }
  }

  function advanceClock(step = STEP_MS) {
    const next = Math.min(now + step, ...sleepers.map(({ at }) => at));
    now = Math.max(now, next);
    for (const sleeper of sleepers.filter(({ at }) => at <= now)) sleeper.wake();
    onAdvance();
  }

  /** Advances time until the condition holds; throws when it does not hold within `within` ms. */
  async function advanceUntil(condition: () => boolean | Promise<boolean>, within = 3_600_000): Promise<void> {
    const end = now + within;
    for (;;) {
      await waitUntilQuiet();
      if (await condition()) return;
      if (now >= end) throw new Error(`the condition does not hold after ${within} ms`);
      advanceClock();
    }
  }

  return {
    clock: () => now,
    wait,
    fetch: fetchCompletely,
    advanceUntil,
    /** Advances time until the promise is settled, and returns it. */
    async advanceUntilSettled<T>(work: Promise<T>, within?: number): Promise<T> {
      let isSettled = false;
      const settle = () => {
        isSettled = true;
      };
      work.then(settle, settle);
      await advanceUntil(() => isSettled, within);
      return work;
    },
    /** Advances time in steps of at most `step`. */
    async advance(ms: number, step = STEP_MS): Promise<void> {
      for (const end = now + ms; now < end; ) {
        await waitUntilQuiet();
        advanceClock(Math.min(step, end - now));
      }
      await waitUntilQuiet();
    },
    /** Sets the function that is called at every step. */
    onAdvance(act: () => void) {
      onAdvance = act;
    },
  };
}
