import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connectRedisStore } from "../../../runtime/stores/redis/redis-store.ts";
import { findFreePort, hasRedisServer, startRedis } from "../../support/redis-server.ts";
import { runStoreProcess } from "./store-process.ts";

const OPENSSL = "openssl";

test.skipIf(!hasRedisServer())("rediss:// connects over TLS, and only when the certificate is trusted", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-tls-"));
  const [cert, key, port] = [join(folder, "cert.pem"), join(folder, "key.pem"), String(await findFreePort())];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  const names = ["-subj", "/CN=groundcrew", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync(OPENSSL, ["req", "-x509", ...curve, ...names, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const redis = await startRedis({
    "tls-port": port,
    "tls-cert-file": cert,
    "tls-key-file": key,
    "tls-ca-cert-file": cert,
    "tls-auth-clients": "no",
  });
  try {
    const url = `rediss://127.0.0.1:${port}`;
    expect(await runStoreProcess("open", url, { env: { NODE_EXTRA_CA_CERTS: cert } })).toEqual(["open"]);
    await expect(connectRedisStore({ url, prefix: "t", patience: 300 })).rejects.toThrow(
      /^Redis at 127\.0\.0\.1:\d+ cannot be reached: .*self-signed/,
    );
  } finally {
    await redis.stop();
    rmSync(folder, { recursive: true });
  }
});
