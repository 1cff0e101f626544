// A venue on this machine for tests of live data: one exchange as CryptoCompare tells it to who asks again and again.

import { once } from "node:events";
import { type Server as HttpServer, createServer } from "node:http";
import type { AddressInfo } from "node:net";

const MINUTE = 60;
const PRICE = 50_000;

/** Minutes that have closed, the last of them with `to` in it. */
function minutes(to: number, limit: number) {
  const last = Math.floor(to / MINUTE) * MINUTE;
  const times = Array.from({ length: limit + 1 }, (_, index) => last - (limit - index) * MINUTE);
  const prices = { open: PRICE, high: PRICE + 1, low: PRICE - 1, close: PRICE };
  return times.map((time) => ({ time, ...prices, volumefrom: 2, volumeto: 2 * PRICE }));
}

export class Venue {
  #server: HttpServer | undefined;
  #port = 0;

  private constructor() {}

  static async start(): Promise<Venue> {
    const venue = new Venue();
    await venue.restart();
    return venue;
  }

  /** A feed of it, as a configuration names it. */
  feed(name: string): string {
    const options = '{ exchange = "Coinbase", poll_every_s = "0.5" }';
    return `[feeds.${name}]\nvenue = "cryptocompare"\nrest_url = "http://127.0.0.1:${this.#port}"\noptions = ${options}\n`;
  }

  /** Nobody answers any more. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  /** Answers again, where it did before. */
  async restart(): Promise<void> {
    await this.stop();
    const server = createServer((request, response) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(answer(new URL(request.url ?? "/", "http://venue"))));
    });
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }
}

function answer({ pathname, searchParams }: URL): unknown {
  const now = Math.floor(Date.now() / 1_000);
  // It moves a little, so that every answer is another price.
  const price = PRICE + (now % 10) / 10;
  if (pathname === "/data/price") return { USD: price };
  if (pathname === "/data/pricemultifull") {
    return { RAW: { BTC: { USD: { PRICE: price, LASTUPDATE: now, LASTVOLUME: 0.5 } } }, DISPLAY: {} };
  }
  if (pathname === "/data/v2/histominute") {
    const to = Math.min(now, Number(searchParams.get("toTs") ?? now));
    const rows = minutes(to, Number(searchParams.get("limit") ?? 1_440));
    const span = { Aggregated: false, TimeFrom: rows[0]!.time, TimeTo: rows.at(-1)!.time, Data: rows };
    return { Response: "Success", Message: "", HasWarning: false, Type: 100, RateLimit: {}, Data: span };
  }
  return { Response: "Error", Message: "Path does not exist", HasWarning: false, Type: 1, RateLimit: {}, Data: {} };
}
