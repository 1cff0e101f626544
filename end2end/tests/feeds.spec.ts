// Sessions on live feeds: a recorded market as the venue. What a session's data was like, and how feeds are.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { onSession, sessionState, tab, waitForFills } from "./dashboard.ts";
import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from "./fixtures.ts";
import { BINARY, Server } from "./server.ts";

const run = promisify(execFile);
const START = Date.UTC(2025, 0, 6);
/** Minutes of the recorded markets. */
const MINUTES = 2_000;
/** The minutes that the second recording lacks: the metronome has bought at the minute before, and would have sold at the next. */
const HOLE = { from: 598, length: 30 };
const SILENT = ["binance", "binance_us", "coinbase", "yahoo", "coingecko", "cryptocompare"];

/** Minute bars around a price, without those for which `lacks` says so. */
function csv(lacks: (minute: number) => boolean): string {
  const lines = ["open_time,open,high,low,close,volume"];
  const price = (minute: number) => 1_000 + 40 * Math.sin(minute / 90);
  for (let minute = 0; minute < MINUTES; minute++) {
    if (lacks(minute)) continue;
    const [open, close] = [price(minute), price(minute + 1)];
    const bar = [open, Math.max(open, close) + 1, Math.min(open, close) - 1, close].map((it) => it.toFixed(2));
    lines.push([new Date(START + minute * 60_000).toISOString(), ...bar, "10"].join(","));
  }
  return lines.join("\n");
}

/** Two recordings, the second with a hole, and a feed that tells the recordings once more; gives the options for it. */
async function recorded(dataDir: string): Promise<string[]> {
  const whole = csv(() => false);
  const holed = csv((minute) => minute >= HOLE.from && minute < HOLE.from + HOLE.length);
  for (const [symbol, name, bars] of [
    ["BTC/USDT", "whole.csv", whole],
    ["ETH/USDT", "holed.csv", holed],
  ] as const) {
    const path = join(dataDir, name);
    await writeFile(path, bars);
    await run(BINARY, ["import", path, "--symbol", symbol, "--data-dir", dataDir]);
  }
  const silent = SILENT.map((venue) => `[feeds.${venue}]\nenabled = false\n`).join("");
  const config = join(dataDir, "papertape.toml");
  const rerun = `[feeds.rerun]\nvenue = "replay"\noptions = { speed = "600" }\n${silent}`;
  await writeFile(config, rerun);
  return ["--config", config];
}

const alone = test.extend({
  ownServer: async ({}, use) => {
    const server = await Server.start([], recorded);
    await use(server);
    await server.dispose();
  },
  baseURL: async ({ ownServer }, use) => use(ownServer.url),
});

alone("a live session runs in real time, fills, and says what its data was like", async ({ page }) => {
  alone.slow();
  await open(page, "/strategies/metronome");
  await page.getByTestId("start-options").click();
  const live = page.getByTestId("start-feed").locator("optgroup");
  await expect(live.locator("option")).toHaveText(["kraken", "rerun"]);
  await expect(page.getByTestId("start-speed")).toBeVisible();
  await page.getByTestId("start-feed").selectOption("rerun");
  await expect(page.getByTestId("start-speed")).toBeHidden();
  await expect(page.getByText("A live session runs in real time")).toBeVisible();
  await page.getByTestId("start-symbol").fill("BTC USDT");
  await page.getByTestId("start-submit").click();
  await expect(page.getByText("Write a symbol such as BTC/USDT")).toBeVisible();
  await page.getByTestId("start-symbol").fill("btc/usdt");
  await expectAccessible(page);
  await page.getByTestId("start-submit").click();
  await onSession(page);
  await expect(sessionState(page)).toHaveAttribute("data-state", "running");
  await expect(page.getByTestId("real-time")).toBeVisible();
  await expect(page.getByTestId("speed")).toHaveCount(0);
  await waitForFills(page, 2);
  const panel = await tab(page, "quality");
  await expect(panel.getByTestId("quality-summary")).toHaveText(/^Live data, and nothing was missing/);
  await expect(page.getByTestId("data-state")).toHaveCount(0);
  await expectAccessible(page);

  await open(page, "/feeds");
  const feed = page.locator('[data-testid="feed"][data-feed="rerun"]');
  await expect(feed.getByTestId("feed-state")).toHaveText("In order");
  await expect(feed.getByTestId("feed-symbol")).toContainText("BTC/USDT");
  await expect(feed.getByTestId("feed-symbol")).toContainText("up to date");
  const messages = async () => {
    const text = await feed.locator('[data-label="Messages"]').textContent();
    return Number(text?.replaceAll(",", ""));
  };
  const before = await messages();
  await expect.poll(messages, { timeout: 30_000 }).toBeGreaterThan(before);
  const unused = page.getByTestId("unused-feeds");
  await expect(unused.getByText("kraken").first()).toBeHidden();
  await unused.locator("summary").click();
  await expect(unused.getByText("kraken").first()).toBeVisible();
  await expectAccessible(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(page);
});

alone("a replay shows the hole in its recording, and its figures without it", async ({ page }) => {
  alone.slow();
  await open(page, "/strategies/metronome");
  await page.getByTestId("start-options").click();
  await page.getByTestId("start-feed").selectOption("replay");
  const form = page.getByRole("dialog", { name: "Start paper trading" });
  const bars = form.getByLabel("Bars", { exact: true });
  const holed = await bars.locator("option", { hasText: "ETH/USDT" }).getAttribute("value");
  await bars.selectOption(holed);
  await page.getByTestId("start-speed").selectOption("0");
  await page.getByTestId("start-submit").click();
  await onSession(page);
  await expect(sessionState(page)).toHaveAttribute("data-state", "finished", { timeout: 60_000 });
  const panel = await tab(page, "quality");
  await expect(panel.getByTestId("quality-summary")).toContainText("30 min are missing in the recording, in one span");
  const row = panel.getByTestId("incident-row");
  await expect(row).toHaveCount(1);
  await expect(row).toContainText("Data missing");
  await expect(row).toContainText(`${HOLE.length} bars of 1m are missing`);
  // The trade that was held over the hole is left out.
  const trades = panel.getByRole("row", { name: /^Trades / });
  const [all, without] = await trades.locator(".number").allTextContents();
  expect(Number(all)).toBeGreaterThan(100);
  expect(Number(without)).toBe(Number(all) - 1);
  await expectAccessible(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(page);
});
