// The network of a box that reaches some hosts only. `proxy`, outside: connects who asks on a socket of the file system
// with one of the hosts. `relay`, inside: passes what reaches its ports on to that socket, and becomes the session's
// program. Both use the CONNECT method of HTTP.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, request } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";

/** Time between looks whether the box is still there: 1 s. */
const LOOK_MS = 1_000;

const ESTABLISHED = "HTTP/1.1 200 Connection established\r\n\r\n";

const [mode = "", socket = "", list = "", ...rest] = process.argv.slice(2);

if (mode === "proxy") startProxy();
else if (mode === "ports") startPorts();
else await becomeProgram();

/** Listens outside the box. `rest[0]`: the proxy that this machine needs to reach the internet, if any. */
function startProxy() {
  const hosts = new Set(list.split(","));
  const upstream = rest[0] ? URL.parse(rest[0]) : undefined;
  const parent = process.ppid;
  rmSync(socket, { force: true });
  const server = createServer((incoming, answer) => {
    const url = URL.parse(incoming.url ?? "");
    if (url?.protocol !== "http:" || !hosts.has(`${url.hostname}:${url.port || 80}`)) {
      answer.writeHead(403).end("Groundcrew: this session may not reach this host.\n");
      return;
    }
    const options = { method: incoming.method, headers: incoming.headers };
    const outgoing = request(url, options, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on("error", () => answer.destroy());
    incoming.pipe(outgoing);
  });
  server.on("connect", (incoming, client) => {
    const host = incoming.url ?? "";
    client.on("error", () => {});
    if (!hosts.has(host)) {
      client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    if (upstream && !/^(?:127\.|localhost:|\[::1\])/.test(host)) tunnel(toOptions(upstream), host, client, ESTABLISHED);
    else join(client, connectTo(host), ESTABLISHED);
  });
  server.listen(socket, () => process.stdout.write("ready\n"));
  setInterval(() => process.ppid === parent || process.exit(0), LOOK_MS);
}

/** @param {string} host name and port */
function connectTo(host) {
  const at = host.lastIndexOf(":");
  return connect(Number(host.slice(at + 1)), host.slice(0, at).replace(/^\[|\]$/g, ""));
}

/** @param {URL} proxy of this machine */
function toOptions({ hostname, port, username, password }) {
  const user = username && `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers = user ? { "proxy-authorization": `Basic ${Buffer.from(user).toString("base64")}` } : {};
  return { host: hostname, port: port || 80, headers };
}

/**
 * Joins a connection with a host over a proxy.
 * @param {import("node:http").RequestOptions} proxy
 * @param {string} host
 * @param {import("node:stream").Duplex} client
 */
function tunnel(proxy, host, client, greeting = "") {
  const outgoing = request({ ...proxy, method: "CONNECT", path: host });
  client.on("error", () => outgoing.destroy());
  outgoing.on("error", () => client.destroy());
  outgoing.on("connect", ({ statusCode }, remote, first) => {
    if (statusCode !== 200) return void client.destroy();
    join(client, remote, greeting, true);
    if (first.length > 0) client.write(first);
  });
  outgoing.end();
}

/** Listens inside the box; `list`: the ports, of which the first one is the proxy's. */
function startPorts() {
  const [proxy = "", ...ports] = list.split(",");
  const listening = [proxy, ...ports].map(async (port) => {
    const server = createTcpServer((client) => {
      if (port === proxy) join(client, connect(socket));
      else tunnel({ socketPath: socket }, `127.0.0.1:${port}`, client);
    });
    server.listen(Number(port), "127.0.0.1");
    await once(server, "listening");
  });
  void Promise.all(listening).then(() => process.stdout.write("ready\n"));
}

/**
 * Joins two connections.
 * @param {import("node:stream").Duplex} client
 * @param {import("node:net").Socket} remote
 */
function join(client, remote, greeting = "", isOpen = false) {
  const begin = () => {
    if (greeting) client.write(greeting);
    client.pipe(remote);
    remote.pipe(client);
  };
  client.on("error", () => remote.destroy());
  remote.on("error", () => client.destroy());
  client.on("close", () => remote.destroy());
  remote.on("close", () => client.destroy());
  if (isOpen) begin();
  else remote.once("connect", begin);
}

/** Starts the ports in a process beside the program, so that the terminal belongs to the program alone. */
async function becomeProgram() {
  const ports = spawn(process.execPath, [process.argv[1] ?? "", "ports", socket, list], {
    // The program's environment is not for its commands, which can read that of this process.
    env: {},
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  await Promise.race([once(ports.stdout, "data"), once(ports, "exit")]);
  const [program = "", ...args] = rest;
  process.execve(program, [program, ...args], process.env);
}
