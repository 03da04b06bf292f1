import { Terminal as PackageTerminal } from "@xterm/xterm";

/** The module at the path at which the server has the file of the package. */
export class Terminal extends PackageTerminal {}
