import { execFileSync } from "node:child_process";

/** Writes a key and a certificate that it has signed itself, for a name such as `IP:127.0.0.1`. */
export function createCertificate(name: string, { key, cert }: { key: string; cert: string }): void {
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const names = ["-subj", "/CN=groundcrew", "-addext", `subjectAltName=${name}`];
  execFileSync("openssl", ["req", "-x509", ...curve, ...names, "-keyout", key, "-out", cert], { stdio: "ignore" });
}
