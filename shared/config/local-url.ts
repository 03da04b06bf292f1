/** Where a server that listens so is asked from its own machine. */
export function toLocalUrl({ host, port }: { host: string; port: number }): string {
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
