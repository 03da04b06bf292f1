/** The URL at which a program on the same machine reaches a server with this HOST and PORT. */
export function toLocalUrl({ host, port }: { host: string; port: number }): string {
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
