import type { PlaneClient } from "../../../shared/plane/client.ts";
import type { Store } from "../../../shared/store/port.ts";
import type { WorkDeps } from "../../../shared/work/acting.ts";

/**
 * The same deps in a process that ends after its `nth` change of the store or of Plane (1 is the first; a request that
 * ends it has been done, its answer never comes). Whoever waits then waits for ever, as in a process that is gone.
 */
export function dyingAfter(deps: WorkDeps, nth: number) {
  let changes = 0;
  let end: () => void = () => {};
  const over = new Promise<"over">((resolve) => {
    end = () => resolve("over");
  });
  let gone = false;
  const never = <T>() => new Promise<T>(() => {});

  async function passing<T>(changing: boolean, act: () => Promise<T>): Promise<T> {
    if (gone) return never();
    const mine = changing && ++changes === nth;
    const result = await act();
    if (mine) {
      gone = true;
      end();
    }
    return gone ? never() : result;
  }

  const { store } = deps;
  const dying: Store = {
    ...store,
    now: () => passing(false, () => store.now()),
    read: (keys) => passing(false, () => store.read(keys)),
    scan: (...asked) => passing(false, () => store.scan(...asked)),
    commit: (commit) => passing((commit.put?.length ?? 0) + (commit.jobs?.length ?? 0) > 0, () => store.commit(commit)),
    lease: (...asked) => passing(true, () => store.lease(...asked)),
    release: (...asked) => passing(true, () => store.release(...asked)),
    spend: (...asked) => passing(false, () => store.spend(...asked)),
  };
  const mortal = (plane: PlaneClient): PlaneClient => ({
    ...plane,
    call: (endpoint, given) => passing(endpoint.method !== "GET", () => plane.call(endpoint, given)),
  });
  return {
    deps: {
      ...deps,
      store: dying,
      plane: mortal(deps.plane),
      planeOf: (agent: string) => {
        const found = deps.planeOf(agent);
        return { ...found, plane: mortal(found.plane) };
      },
      // The jobs are worked by the process that comes after it.
      kick: () => {},
    } satisfies WorkDeps,
    /** What came of the work: its answer, or that the process ended before. */
    async live<T>(work: Promise<T>): Promise<T | "over"> {
      return Promise.race([work, over]);
    },
  };
}
