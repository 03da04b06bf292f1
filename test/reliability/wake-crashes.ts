import { type CrashPoint, createCrashingProcess } from "../support/crashing-process.ts";

/** What a process may do about wakes; it can be killed before and after each of these steps. */
const WAKE_KEYS = /^(wake|seen|claim):/;

/** A process that ends at a step that concerns wakes: a commit of wakes, calls and claims, a settled wake job, a request. */
export function createWakeCrash(nth: number, when: CrashPoint["when"]) {
  const process = createCrashingProcess({ nth, when }, (name, [first]) => {
    if (name === "fetch") return String(first instanceof Request ? first.url : first).includes("/hooks/");
    if (name === "acknowledge") return Reflect.get(Object(first), "queue") === "wake";
    const { put = [] } = Object(first) as { put?: { key: string }[] };
    return name === "commit" && put.some(({ key }) => WAKE_KEYS.test(key));
  });
  return { ...process, wrapStore: process.wrap };
}
