import { expect, test } from "vitest";
import { sha256Hex } from "../../../shared/hashing/sha256-hex.ts";
import { createProvisionSetup, type ProvisionSetup } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

const toList = (value: string | string[] | undefined) => [value ?? []].flat();

async function isKeyAccepted(crew: ProvisionSetup, key: string): Promise<boolean> {
  return (await fetch(`${crew.url}/api/v1/users/me/`, { headers: { "x-api-key": key } })).ok;
}

async function createProvisioned() {
  const crew = await createProvisionSetup();
  await crew.provision();
  return crew;
}

test("AUTH-04 an agent's key and bridge token are replaced by one command; the old ones count until they are retired", async () => {
  const crew = await createProvisioned();
  const file = "data/agents/imhotep/token";
  const before = {
    key: toList(crew.readSecrets()["PLANE_API_KEY_IMHOTEP"])[0] ?? "",
    token: crew.files.get(file)?.text.trim(),
  };
  const { exit, steps } = await crew.provisionWithReport(["--yes", "--rotate", "imhotep"]);
  expect(exit).toBe(0);
  expect(steps.filter(({ status }) => status === "changed")).toHaveLength(2);

  const keys = toList(crew.readSecrets()["PLANE_API_KEY_IMHOTEP"]);
  expect(keys).toHaveLength(2);
  expect(keys[1]).toBe(before.key);
  expect(await Promise.all(keys.map((key) => isKeyAccepted(crew, key)))).toEqual([true, true]);
  const token = crew.files.get(file)?.text.trim() ?? "";
  expect(token).not.toBe(before.token);
  const hashes = await Promise.all([token, before.token ?? ""].map(async (one) => `sha256:${await sha256Hex(one)}`));
  expect(crew.readSecrets()["AGENT_TOKEN_IMHOTEP"]).toEqual(hashes);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0 });

  expect(await crew.provisionWithReport(["--yes", "--retire"])).toMatchObject({ exit: 0, changed: 2 });
  expect(crew.readSecrets()["PLANE_API_KEY_IMHOTEP"]).toBe(keys[0]);
  expect(crew.readSecrets()["AGENT_TOKEN_IMHOTEP"]).toBe(hashes[0]);
  expect(await Promise.all(keys.map((key) => isKeyAccepted(crew, key)))).toEqual([true, false]);
  expect(await crew.provisionWithReport(["--yes", "--retire"])).toMatchObject({ changed: 0 });
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0 });
});

test("AUTH-04 an agent is given its new bridge token when the runtime has had time to know it, not before", async () => {
  const crew = await createProvisioned();
  const file = "data/agents/thot/token";
  const before = crew.files.get(file)?.text;
  const waited: { ms: number; hashes: number; token: string | undefined }[] = [];
  const wait = async (ms: number) => {
    waited.push({
      ms,
      hashes: toList(crew.readSecrets()["AGENT_TOKEN_THOT"]).length,
      token: crew.files.get(file)?.text,
    });
  };
  await crew.provision(["--yes", "--rotate", "thot"], { wait });
  // The runtime looks every two seconds whether SECRETS_FILE is another.
  expect(waited).toEqual([{ ms: expect.any(Number), hashes: 2, token: before }]);
  expect(waited[0]?.ms).toBeGreaterThan(2_000);
  expect(crew.files.get(file)?.text).not.toBe(before);
});

test("AUTH-04 rotating again retires what the last rotation left", async () => {
  const crew = await createProvisioned();
  const first = toList(crew.readSecrets()["PLANE_API_KEY_THOT"])[0] ?? "";
  await crew.provision(["--yes", "--rotate", "Thot"]);
  const [second = ""] = toList(crew.readSecrets()["PLANE_API_KEY_THOT"]);
  await crew.provision(["--yes", "--rotate", "Thot"]);
  const [third = "", other] = toList(crew.readSecrets()["PLANE_API_KEY_THOT"]);
  expect(other).toBe(second);
  expect(await Promise.all([first, second, third].map((key) => isKeyAccepted(crew, key)))).toEqual([false, true, true]);
  expect(toList(crew.readSecrets()["AGENT_TOKEN_THOT"])).toHaveLength(2);
});

test("AUTH-04 the webhook's secret: Plane signs with the new one, the one before is kept beside it", async () => {
  const crew = await createProvisioned();
  const before = crew.readSecrets()["PLANE_WEBHOOK_SECRET"];
  await crew.provision(["--yes", "--rotate", "webhook"]);
  const [now, still] = toList(crew.readSecrets()["PLANE_WEBHOOK_SECRET"]);
  expect(still).toBe(before);
  expect(now).not.toBe(before);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0 });
  await crew.provision(["--yes", "--retire"]);
  expect(crew.readSecrets()["PLANE_WEBHOOK_SECRET"]).toBe(now);
});

test("all: every key, every bridge token and the webhook, and everything still holds", async () => {
  const crew = await createProvisioned();
  const { failed, changed } = await crew.provisionWithReport(["--yes", "--rotate", "all"]);
  expect({ failed, changed }).toEqual({ failed: [], changed: 8 });
  for (const [name, value] of Object.entries(crew.readSecrets()))
    expect([name, toList(value).length]).toEqual([name, name === "ADMIN_TOKEN" ? 1 : 2]);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
  await crew.provision(["--yes", "--retire"]);
  for (const labels of Object.values((await readProvisionedState(crew)).tokens))
    expect(new Set(labels).size).toBe(labels.length);
});

test("a rotation that was cut off anywhere leaves a key and a token that work, and the next one goes on", async () => {
  let whole = false;
  for (let at = 1; !whole; at += process.env["FULL"] ? 1 : 5) {
    const crew = await createProvisioned();
    let acts = 0;
    const act = async <T>(run: () => Promise<T>): Promise<T> => {
      acts += 1;
      if (acts > at) throw new Error("killed");
      return run();
    };
    const cut = await crew.provision(["--yes", "--rotate", "thot"], {
      fetch: (input, init) => act(() => globalThis.fetch(input, init)),
      disk: { read: crew.disk.read, write: (...given) => act(() => crew.disk.write(...given)) },
    });
    whole = cut.exit === 0;
    const check = async () => {
      const [key = ""] = toList(crew.readSecrets()["PLANE_API_KEY_THOT"]);
      const hash = `sha256:${await sha256Hex(crew.files.get("data/agents/thot/token")?.text.trim() ?? "")}`;
      return {
        works: await isKeyAccepted(crew, key),
        known: toList(crew.readSecrets()["AGENT_TOKEN_THOT"]).includes(hash),
      };
    };
    expect(await check(), `cut off after ${at}`).toEqual({ works: true, known: true });
    expect((await crew.provisionWithReport(["--yes", "--rotate", "thot"])).failed, `cut off after ${at}`).toEqual([]);
    expect((await crew.provisionWithReport(["--yes", "--retire"])).failed).toEqual([]);
    expect(await check()).toEqual({ works: true, known: true });
    expect((await readProvisionedState(crew)).tokens["thot@javisi.local"], `cut off after ${at}`).toEqual([
      "groundcrew Thot",
    ]);
    expect(await crew.provisionWithReport()).toMatchObject({ changed: 0 });
    await crew.plane.stop();
  }
}, 120_000);

test("what comes from the environment cannot be rotated, and it says so", async () => {
  const crew = await createProvisioned();
  const key = toList(crew.readSecrets()["PLANE_API_KEY_THOT"])[0] ?? "";
  const env = { ...crew.env, PLANE_API_KEY_THOT: key };
  const { exit, failed } = await crew.provisionWithReport(["--yes", "--rotate", "thot"], { env });
  expect(exit).toBe(1);
  expect(failed[0]?.detail).toContain("PLANE_API_KEY_THOT comes from the environment");
});

test("something that cannot be rotated ends with 2 and lists what can", async () => {
  const crew = await createProvisionSetup();
  const { exit, err } = await crew.provision(["--yes", "--rotate", "nobody"]);
  expect(exit).toBe(2);
  expect(err).toContain("Concierge, Imhotep, Thot, groundcrew, webhook, all");
});
