// The real server, started for a test on a free port with a data folder of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

export const BINARY = resolve(process.env.PAPERTAPE ?? join(import.meta.dirname, "../../target/release/papertape"));
const STRATEGIES = join(import.meta.dirname, "../strategies");
const START_TIMEOUT = 30_000;

export class Server {
  #child: ChildProcess | undefined;
  #log: string[] = [];
  #url = "";

  private constructor(
    readonly dataDir: string,
    readonly options: string[],
  ) {}

  /**
   * Starts a server that knows the tests' own strategies and nothing else; `options` go to `papertape serve`. What should be
   * in its data folder before, `prepare` puts there, and gives more options.
   */
  static async start(
    options: string[] = [],
    prepare: (dataDir: string) => Promise<string[]> = async () => [],
  ): Promise<Server> {
    const dataDir = await mkdtemp(join(tmpdir(), "papertape-e2e-"));
    await cp(STRATEGIES, join(dataDir, "strategies"), { recursive: true });
    const server = new Server(dataDir, [...options, ...(await prepare(dataDir))]);
    await server.#spawn("127.0.0.1:0");
    return server;
  }

  /** Where the dashboard is. Survives a restart. */
  get url(): string {
    return this.#url;
  }

  /** What the server has printed so far. */
  get log(): string {
    return this.#log.join("\n");
  }

  /** Ends the process at once, as a power cut would. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    }
  }

  /** Starts again on the same port with the same data. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#spawn(new URL(this.#url).host);
  }

  /** Ends the process and removes its data. */
  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async #spawn(listen: string): Promise<void> {
    const child = spawn(BINARY, ["serve", "--listen", listen, "--data-dir", this.dataDir, ...this.options], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const ready = new Promise<string>((ready, failed) => {
      const timer = setTimeout(() => failed(this.#failure("did not print its address")), START_TIMEOUT);
      child.on("error", (cause) => failed(this.#failure(`did not start: ${cause.message}`)));
      child.on("exit", (code) => failed(this.#failure(`ended with code ${code}`)));
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          this.#log.push(line);
          const url = stream === child.stdout && /https?:\/\/[^\s/]+/.exec(line)?.[0];
          if (url) {
            clearTimeout(timer);
            ready(url);
          }
        });
      }
    });
    this.#url = await ready;
  }

  #failure(what: string): Error {
    return new Error(`papertape ${what}. It printed:\n${this.log}`);
  }
}
