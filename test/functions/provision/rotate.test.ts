import { expect, test } from "vitest";
import { sha256Hex } from "../../../shared/hashing.ts";
import { createProvisioned, type ProvisionSetup } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

const toList = (value: string | string[] | undefined) => [value ?? []].flat();

async function isKeyAccepted(setup: ProvisionSetup, key: string): Promise<boolean> {
  return (await fetch(`${setup.url}/api/v1/users/me/`, { headers: { "x-api-key": key } })).ok;
}

test("AUTH-04 one command rotates an agent's API key and bridge token; the old ones stay valid until --retire", async () => {
  const setup = await createProvisioned();
  const file = "data/agents/imhotep/token";
  const before = {
    key: toList(setup.readSecrets()["PLANE_API_KEY_IMHOTEP"])[0] ?? "",
    token: setup.files.get(file)?.text.trim(),
  };
  const { exit, steps } = await setup.provisionWithReport(["--yes", "--rotate", "imhotep"]);
  expect(exit).toBe(0);
  expect(steps.filter(({ status }) => status === "changed")).toHaveLength(2);

  const keys = toList(setup.readSecrets()["PLANE_API_KEY_IMHOTEP"]);
  expect(keys).toHaveLength(2);
  expect(keys[1]).toBe(before.key);
  expect(await Promise.all(keys.map((key) => isKeyAccepted(setup, key)))).toEqual([true, true]);
  const token = setup.files.get(file)?.text.trim() ?? "";
  expect(token).not.toBe(before.token);
  const hashes = await Promise.all([token, before.token ?? ""].map(async (one) => `sha256:${await sha256Hex(one)}`));
  expect(setup.readSecrets()["AGENT_TOKEN_IMHOTEP"]).toEqual(hashes);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });

  expect(await setup.provisionWithReport(["--yes", "--retire"])).toMatchObject({ exit: 0, changed: 2 });
  expect(setup.readSecrets()["PLANE_API_KEY_IMHOTEP"]).toBe(keys[0]);
  expect(setup.readSecrets()["AGENT_TOKEN_IMHOTEP"]).toBe(hashes[0]);
  expect(await Promise.all(keys.map((key) => isKeyAccepted(setup, key)))).toEqual([true, false]);
  expect(await setup.provisionWithReport(["--yes", "--retire"])).toMatchObject({ changed: 0 });
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
});

test("--rotate all rotates every API key, every bridge token and the webhook's secret", async () => {
  const setup = await createProvisioned();
  const { failed, changed } = await setup.provisionWithReport(["--yes", "--rotate", "all"]);
  expect({ failed, changed }).toEqual({ failed: [], changed: 8 });
  for (const [name, value] of Object.entries(setup.readSecrets()))
    expect([name, toList(value).length]).toEqual([name, name === "ADMIN_TOKEN" ? 1 : 2]);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
  await setup.provision(["--yes", "--retire"]);
  for (const labels of Object.values((await readProvisionedState(setup)).tokens))
    expect(new Set(labels).size).toBe(labels.length);
});

test("an interrupted rotation leaves a valid API key and bridge token, and the next one completes", async () => {
  let isComplete = false;
  let interruptions = 0;
  for (let at = 1; !isComplete; at += process.env["FULL"] ? 1 : 9) {
    const setup = await createProvisioned();
    let acts = 0;
    const act = async <T>(run: () => Promise<T>): Promise<T> => {
      acts += 1;
      if (acts > at) throw new Error("killed");
      return run();
    };
    const interrupted = await setup.provision(["--yes", "--rotate", "thot"], {
      fetch: (input, init) => act(() => globalThis.fetch(input, init)),
      disk: { read: setup.disk.read, write: (...args) => act(() => setup.disk.write(...args)) },
    });
    isComplete = interrupted.exit === 0;
    if (!isComplete) interruptions += 1;
    const check = async () => {
      const [key = ""] = toList(setup.readSecrets()["PLANE_API_KEY_THOT"]);
      const hash = `sha256:${await sha256Hex(setup.files.get("data/agents/thot/token")?.text.trim() ?? "")}`;
      return {
        works: await isKeyAccepted(setup, key),
        known: toList(setup.readSecrets()["AGENT_TOKEN_THOT"]).includes(hash),
      };
    };
    expect(await check(), `interrupted after ${at}`).toEqual({ works: true, known: true });
    expect((await setup.provisionWithReport(["--yes", "--rotate", "thot"])).failed, `interrupted after ${at}`).toEqual(
      [],
    );
    expect((await setup.provisionWithReport(["--yes", "--retire"])).failed).toEqual([]);
    expect(await check()).toEqual({ works: true, known: true });
    expect((await readProvisionedState(setup)).tokens["thot@javisi.local"], `interrupted after ${at}`).toEqual([
      "groundcrew Thot",
    ]);
    expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
    await setup.plane.stop();
  }
  expect(interruptions).toBeGreaterThan(1);
}, 120_000);
