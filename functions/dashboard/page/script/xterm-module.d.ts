/** The module at the path at which the server has the file of the package. */
export { Terminal } from "@xterm/xterm";
