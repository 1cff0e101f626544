// The engine inside the browser: what a slider brings is what the server says, at once, and without asking it.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Locator, type Page } from "@playwright/test";
import { alone, expect, expectAccessible, expectNoSidewaysScroll, open } from "./fixtures.ts";
import { BINARY } from "./server.ts";

const run = promisify(execFile);
const API = "/api/paper-trading";

const live = (page: Page): Locator => page.getByTestId("live");

/** Waits for a result after the given one; gives its number. */
async function resultAfter(page: Page, before: number): Promise<number> {
  const count = async () => Number((await live(page).getAttribute("data-run")) || 0);
  await expect.poll(count, { timeout: 90_000 }).toBeGreaterThan(before);
  await expect(live(page)).toHaveAttribute("aria-busy", "false");
  return count();
}

/** What the page shows of a run. */
async function shown(page: Page): Promise<{ hash: string; equity: string }> {
  return {
    hash: (await page.getByTestId("live-hash").textContent()) ?? "",
    equity: (await live(page).getAttribute("data-final-equity")) ?? "",
  };
}

/** What the server says of the same run. */
async function told(page: Page, request: object): Promise<{ hash: string; equity: string }> {
  const started = await page.request.post(`${API}/backtests`, { data: request });
  expect(started.status(), await started.text()).toBe(202);
  const { id } = await started.json();
  let report: { event_hash: string; final_equity: string } | undefined;
  await expect
    .poll(
      async () => {
        report = (await (await page.request.get(`${API}/backtests/${id}`)).json()).report;
        return report?.event_hash;
      },
      { timeout: 90_000 },
    )
    .toMatch(/^[0-9a-f]{64}$/);
  return { hash: report!.event_hash, equity: report!.final_equity };
}

/** Moves a parameter as its number field does. */
async function set(page: Page, param: string, value: number): Promise<void> {
  const field = page.getByTestId(`param-${param}`);
  await field.fill(String(value));
  await field.press("Enter");
  await field.blur();
}

alone("a slider's result is the server's to the last digit, and no request makes it", async ({ page }) => {
  alone.slow();
  await open(page, "/strategies/sma-cross");
  let last = await resultAfter(page, 0);
  await expect(page.getByTestId("live-note")).toContainText("in this browser");
  await expect(page.getByTestId("equity-chart").locator("canvas").first()).toBeVisible();
  await expect(page.getByTestId("price-chart").locator("canvas").first()).toBeVisible();

  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  for (const [fast, slow] of [
    [10, 70],
    [35, 90],
  ] as const) {
    await set(page, "fast", fast);
    last = await resultAfter(page, last);
    await set(page, "slow", slow);
    last = await resultAfter(page, last);
    const before = asked.length;
    const here = await shown(page);
    expect(here).toEqual(await told(page, { strategy: "sma-cross", dataset: "simulated", params: { fast, slow } }));
    expect(asked.slice(0, before), "requests of the page").toEqual([]);
    asked.length = 0;
  }

  // The keyboard moves a slider as well.
  const slider = page.getByLabel("fast slider");
  await slider.focus();
  await slider.press("ArrowRight");
  await resultAfter(page, last);
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
});

alone("a year of minutes follows a slider", async ({ page, ownServer }) => {
  alone.slow();
  const bars = 525_600;
  const file = join(ownServer.dataDir, "year.csv");
  await writeFile(file, year(bars));
  await run(BINARY, ["import", file, "--symbol", "BTC/USDT", "--timeframe", "1m", "--data-dir", ownServer.dataDir]);
  await ownServer.restart();

  await open(page, "/strategies/sma-cross");
  let last = await resultAfter(page, 0);
  await page.getByTestId("dataset").selectOption("BTC/USDT@1m");
  last = await resultAfter(page, last);
  await expect(page.getByTestId("live-note")).toContainText("525,600 bars");

  // From the slider's event to the first frame that shows the result.
  const took: number[] = [];
  for (const value of [10, 15, 25, 30, 35, 40, 45, 50]) {
    took.push(await page.evaluate(measure, value));
    last = await resultAfter(page, last);
  }
  took.sort((a, b) => a - b);
  const middle = took[Math.floor(took.length / 2)]!;
  console.log(
    `${bars} bars from slider to redraw: median ${middle.toFixed(0)} ms, ` +
      `${took[0]!.toFixed(0)} to ${took.at(-1)!.toFixed(0)} ms; the page says: ` +
      `${await page.getByTestId("live-note").textContent()}`,
  );
  const slider = await page.getByLabel("fast slider").inputValue();
  const request = { strategy: "sma-cross", dataset: "BTC/USDT@1m", params: { fast: Number(slider) } };
  expect(await shown(page)).toEqual(await told(page, request));
});

/** In the page: moves the slider, and waits for the frame after the result is in the document. */
function measure(value: number): Promise<number> {
  const panel = document.querySelector("[data-testid=live]")!;
  const slider = document.querySelector<HTMLInputElement>("input[type=range]")!;
  return new Promise((done) => {
    let began = 0;
    const watch = new MutationObserver(() => {
      watch.disconnect();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    });
    watch.observe(panel, { attributes: true, attributeFilter: ["data-run"] });
    slider.value = String(value);
    began = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

alone("without an engine the server runs it, and the page says why", async ({ page, pageErrors }) => {
  alone.slow();
  await page.route("**/pkg/engine*", (route) => route.abort());
  await open(page, "/strategies/sma-cross");
  const first = await resultAfter(page, 0);
  await expect(page.getByTestId("live-note")).toContainText("run by the server because");
  await set(page, "fast", 12);
  await resultAfter(page, first);
  expect(await shown(page)).toEqual(await told(page, { strategy: "sma-cross", params: { fast: 12 } }));
  pageErrors.length = 0;
});

alone("nothing runs with other numbers than those that stand there", async ({ page }) => {
  alone.slow();
  await open(page, "/strategies/sma-cross");
  const first = await resultAfter(page, 0);
  await page.getByText("Capital and costs").click();
  const capital = page.locator("#bench-capital");
  await capital.fill("1,5x");
  await expect(page.getByRole("button", { name: "Run backtest" })).toBeDisabled();
  await set(page, "fast", 12);
  await capital.fill("50000");
  await expect(page.getByRole("button", { name: "Run backtest" })).toBeEnabled();
  await resultAfter(page, first);
  expect(Number((await shown(page)).equity)).toBeLessThan(80_000);
});

alone("bars that do not come are told, and asked for again", async ({ page, pageErrors }) => {
  alone.slow();
  let fails = true;
  await page.route("**/bars?*", (route) => (fails ? route.fulfill({ status: 503, body: "{}" }) : route.continue()));
  await open(page, "/strategies/sma-cross");
  await expect(page.getByTestId("live").getByTestId("problem")).toContainText("could not be fetched", { timeout: 90_000 });
  fails = false;
  await set(page, "fast", 12);
  await resultAfter(page, 0);
  await expect(page.getByTestId("live-note")).toContainText("in this browser");
  pageErrors.length = 0;
});

alone("bars come packed, and are fetched again only when they have changed", async ({ page }) => {
  const address = `${API}/markets/BTC%2FUSDT/bars?dataset=simulated`;
  const packed = await page.request.get(`${address}&format=packed`);
  expect(packed.headers()["content-type"]).toBe("application/vnd.papertape.bars");
  const body = await packed.body();
  const header = JSON.parse(body.subarray(4, 4 + body.readUInt32LE(0)).toString());
  const actions = body.subarray(4 + body.readUInt32LE(0));
  const bars = actions.subarray(4 + actions.readUInt32LE(0));
  expect(JSON.parse(actions.subarray(4, 4 + actions.readUInt32LE(0)).toString())).toEqual([]);
  expect(bars.subarray(0, 4).toString()).toBe("PTB1");
  const bytes = body.length / header.dataset.bars;
  console.log(`${header.dataset.bars} bars in ${body.length} bytes, ${bytes.toFixed(1)} a bar`);
  const again = await page.request.get(`${address}&format=packed`, {
    headers: { "if-none-match": packed.headers()["etag"]! },
  });
  expect(again.status()).toBe(304);

  const page1 = await (await page.request.get(`${address}&limit=2`)).json();
  expect(page1.items).toHaveLength(2);
  const page2 = await (await page.request.get(`${address}&limit=2&cursor=${page1.next_cursor}`)).json();
  expect(page2.items[0].open_time).toBe(page1.next_cursor);
  for (const wrong of ["limit=0", "format=xml", "from=soon", "dataset=none"]) {
    const reply = await page.request.get(`${API}/markets/BTC%2FUSDT/bars?${wrong}`);
    expect(reply.status(), wrong).toBe(422);
  }
});

/** A year of minutes: a random walk in cents that is the same each time. */
function year(bars: number): string {
  let state = 42;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const lines = ["time,open,high,low,close,volume"];
  let price = 4_000_000;
  for (let i = 0; i < bars; i++) {
    const open = price;
    price = Math.max(100_000, price + Math.round((random() - 0.5) * 8_000));
    const high = Math.max(open, price) + Math.round(random() * 2_000);
    const low = Math.min(open, price) - Math.round(random() * 2_000);
    const prices = [open, high, low, price].map((cents) => (cents / 100).toFixed(2));
    lines.push([1_577_836_800 + i * 60, ...prices, (random() * 10).toFixed(5)].join(","));
  }
  return lines.join("\n") + "\n";
}
