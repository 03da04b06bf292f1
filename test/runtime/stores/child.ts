import { createInterface } from "node:readline";
import { openStore } from "../../../runtime/stores/open-store.ts";

/**
 * A separate process that opens the store of a URL: `node child.ts open|write|hold|claim <url>`. It reports to its parent
 * in lines: `open`, `refused <message>`, `kept <n>`, `rejected <message>`, `won <fence>`, `asked`.
 */
const [, , mode = "", url = ""] = process.argv;
const writeLine = (line: string) => process.stdout.write(`${line}\n`);
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

try {
  const store = await openStore(url, { prefix: "child" });
  writeLine("open");
  if (mode === "open") {
    await store.commit({ put: [{ key: "opened", value: true }] });
    await store.close();
  }
  if (mode === "hold") {
    await store.commit({ jobs: [{ id: "held", queue: "outbox", lane: "l", body: 1 }] });
    await store.take("outbox", 3_600_000, 1);
    await store.lease("claim:held", "child", 3_600_000);
    writeLine("held");
    process.stdin.resume();
  }
  if (mode === "claim") {
    // Each line names a key, for which 250 ask at once.
    for await (const key of createInterface(process.stdin)) {
      const owners = Array.from({ length: 250 }, (_, i) => `${process.pid}-${i}`);
      const answers = await Promise.all(owners.map((owner) => store.lease(key, owner, 60_000)));
      for (const answer of answers) if ("fence" in answer) writeLine(`won ${answer.fence}`);
      writeLine("asked");
    }
    await store.close();
  }
  if (mode === "write") {
    let next = 0;
    const body = "x".repeat(3000);
    const write = async () => {
      for (;;) {
        const n = next++;
        const key = `k:${String(n).padStart(7, "0")}`;
        const put = [{ key, value: { n, body }, sets: ["all"] }];
        await store.commit({ put, jobs: [{ id: key, queue: "inbox", lane: key, body: n }] });
        writeLine(`kept ${n}`);
      }
    };
    // Ends only when it is killed or the store refuses.
    await Promise.all(Array.from({ length: 10 }, write)).catch((error: unknown) =>
      writeLine(`rejected ${messageOf(error)}`),
    );
    const page = await store.scan("all", undefined, 1);
    writeLine(`still reads ${page.rows.length}`);
    await store.close();
  }
} catch (error) {
  writeLine(`refused ${messageOf(error)}`);
}
