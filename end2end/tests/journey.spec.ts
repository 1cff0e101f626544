// The way of somebody who trades on paper: find a strategy, test it, start it, watch it, run several, pull the plug.

import { type Page } from "@playwright/test";
import { connection, card, fills, onSession, row, sessionState, start, tab, waitForFills } from "./dashboard.ts";
import { alone, expect, expectAccessible, expectNoSidewaysScroll, hydrated, open, test } from "./fixtures.ts";

test.describe("the shelf", () => {
  test("shows every strategy of the library with its start button, and filters", async ({ page }) => {
    await open(page, "/strategies");
    const cards = page.getByTestId("strategy-card").filter({ visible: true });
    const all = await cards.count();
    expect(all).toBeGreaterThanOrEqual(5);
    await expect(page.getByTestId("start")).toHaveCount(all);

    await page.getByTestId("filter").fill("sma cross");
    await expect(cards).not.toHaveCount(all);
    await expect(card(page, "sma-cross")).toBeVisible();
    await page.getByTestId("filter").fill("no such strategy");
    await expect(cards).toHaveCount(0);
  });

  test("leads to a strategy with its source and parameters", async ({ page }) => {
    await open(page, "/");
    await card(page, "sma-cross").getByRole("link").first().click();
    await expect(page).toHaveURL(/\/strategies\/sma-cross$/);
    await expect(page.getByTestId("code")).toContainText("cross_above");
    await expect(page.getByTestId("param-fast")).toBeVisible();
  });
});

alone("a backtest shows how far it is and ends on its result", async ({ page }) => {
  alone.slow();
  await open(page, "/strategies");
  // It may be over within one look of ours, so the page itself watches for the bar.
  await page.evaluate(() => {
    new MutationObserver(() => {
      if (document.querySelector("[data-testid=backtest-progress]")) document.body.dataset.sawProgress = "yes";
    }).observe(document.body, { childList: true, subtree: true });
  });
  await card(page, "sma-cross").getByTestId("backtest").click();
  await page.waitForURL(/\/backtests\/[^/]+$/, { timeout: 60_000 });
  await expect(page.locator("body")).toHaveAttribute("data-saw-progress", "yes");

  await expect(page.getByTestId("equity-chart").locator("canvas").first()).toBeVisible();
  await expect(page.getByTestId("session-return")).toHaveText(/%/);
  await expect(page.getByTestId("trade-row").first()).toBeVisible();
  const hash = await page.getByTestId("event-hash").textContent();
  expect(hash).toMatch(/[0-9a-f]{16}/);

  // The result is the server's, not this page's.
  await page.reload();
  await hydrated(page);
  await expect(page.getByTestId("event-hash")).toHaveText(hash!);
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);

  // The shelf remembers it.
  await open(page, "/strategies");
  await expect(card(page, "sma-cross").getByRole("link", { name: "Backtest" })).toBeVisible();
});

test("the start form stays in front of the page while what it asks for is on its way", async ({ page }) => {
  const held: (() => void)[] = [];
  await open(page, "/strategies/sma-cross");
  await page.route(/\/api\/pages\/(datasets|status)/, async (route) => {
    await new Promise<void>((answer) => held.push(answer));
    await route.continue();
  });
  await page.getByTestId("start-options").click();
  await expect.poll(() => held.length).toBe(2);
  for (const answer of held) answer();
  await page.waitForLoadState("networkidle");
  await expect(page.getByTestId("start-submit")).toBeVisible();
  expect(await page.locator("dialog[open]").evaluate((dialog) => dialog.matches(":modal"))).toBe(true);
});

alone("one click starts a session", async ({ page }) => {
  await open(page, "/");
  await card(page, "sma-cross").getByTestId("start").click();
  const id = await onSession(page);
  await expect(connection(page)).toHaveAttribute("data-state", "connected");
  await expect(sessionState(page)).toHaveAttribute("data-state", "running");
  await expect(page.getByTestId("session-equity")).toHaveText(/100,000/);

  await open(page, "/");
  await expect(row(page, id)).toBeVisible();
  await expect(page.getByTestId("total-equity")).toHaveText(/\d/);
});

alone("a session's page lives: charts, fills that explain themselves, every control", async ({ page }) => {
  alone.slow();
  const id = await start(page, "metronome", "600");
  await expect(page.getByTestId("price-chart").locator("canvas").first()).toBeVisible();
  await expect(page.getByTestId("equity-chart").locator("canvas").first()).toBeVisible();

  await waitForFills(page, 1);
  await expectToKeepWhatIsOpen(page);

  await page.getByTestId("speed").locator('[data-speed="60"]').click();
  await expect(page.getByTestId("speed").locator('[data-speed="60"]')).toHaveAttribute("aria-pressed", "true");

  await page.getByTestId("pause").click();
  await expect(sessionState(page)).toHaveAttribute("data-state", "paused");
  await page.getByTestId("resume").click();
  await expect(sessionState(page)).toHaveAttribute("data-state", "running");

  await page.getByTestId("flatten").click();
  await page.getByTestId("flatten-confirm").click();
  await tab(page, "positions");
  await expect(page.getByTestId("position-row")).toHaveCount(0);

  for (const name of ["orders", "trades", "alerts", "metrics", "about", "fills"]) {
    await tab(page, name);
    await expectNoSidewaysScroll(page);
  }
  await expectAccessible(page);

  await page.getByTestId("stop").click();
  // A little after it has stopped the page reads anew what events do not carry. Asked for later, it would be told that it is gone.
  const read = page.waitForResponse(
    async (response) => /\/api\/pages\/session\d+/.test(response.url()) && (await response.text()).includes('"stopped"'),
  );
  await page.getByTestId("stop-confirm").click();
  await expect(sessionState(page)).toHaveAttribute("data-state", "stopped");
  await read;
  const metrics = await (await page.request.get(`/api/paper-trading/sessions/${id}/metrics`)).json();
  await tab(page, "metrics");
  await expect(page.getByTestId("metric-trades")).toHaveText(`${metrics.trades}`);
  await page.getByTestId("delete").click();
  await page.getByTestId("delete-confirm").click();
  await expect(page).toHaveURL(/\/sessions$/);
  await expect(row(page, id)).toHaveCount(0);
});

alone("several sessions run side by side, each with its own records", async ({ page, context }) => {
  alone.slow();
  const slugs = ["metronome", "sma-cross", "rsi-mean-reversion"];
  const ids: string[] = [];
  for (const slug of slugs) ids.push(await start(page, slug, "60", `Mine: ${slug}`));
  expect(new Set(ids).size).toBe(slugs.length);

  await open(page, "/sessions");
  for (const [i, id] of ids.entries()) {
    await expect(row(page, id)).toContainText(`Mine: ${slugs[i]}`);
    await expect(row(page, id).getByTestId("session-state")).toHaveAttribute("data-state", "running");
  }
  // The list lives: what stands in a row changes without a reload.
  const first = await row(page, ids[0]!).textContent();
  await expect.poll(() => row(page, ids[0]!).textContent(), { timeout: 30_000 }).not.toBe(first);

  // What is done to one is seen in another window, and touches no other session.
  const other = await context.newPage();
  await open(other, `/sessions/${ids[0]}`);
  await other.getByTestId("pause").click();
  await expect(row(page, ids[0]!).getByTestId("session-state")).toHaveAttribute("data-state", "paused");
  for (const id of ids.slice(1)) {
    await expect(row(page, id).getByTestId("session-state")).toHaveAttribute("data-state", "running");
  }
  await other.close();
});

alone("nothing is lost when the process is killed", async ({ page, ownServer, pageErrors }) => {
  alone.slow();
  // Two fills in four seconds: few enough that the page shows them all.
  const id = await start(page, "metronome", "60");
  await waitForFills(page, 2);
  await expect(connection(page)).toHaveAttribute("data-state", "connected");

  await ownServer.kill();
  await expect(connection(page)).toHaveAttribute("data-state", /reconnecting|offline/);
  const before = await fills(page);

  await ownServer.restart();
  // Without a reload: the page finds the server again and catches up.
  await expect(connection(page)).toHaveAttribute("data-state", "connected", { timeout: 30_000 });
  await expect(sessionState(page)).toHaveAttribute("data-state", "running");
  const after = await fills(page);
  for (const [number, fill] of before) expect(after.get(number), `fill ${number}`).toBe(fill);

  // It goes on where it was.
  await expect.poll(async () => (await fills(page)).size, { timeout: 90_000 }).toBeGreaterThan(before.size);

  // And the server says the same as the page that has lived through it. Paused, so that the newest fills, which are what
  // the first screenful shows, are still the newest after the reload.
  await page.getByTestId("pause").click();
  await expect(sessionState(page)).toHaveAttribute("data-state", "paused");
  const seen = await fills(page);
  await page.reload();
  await hydrated(page);
  expect(page.url()).toContain(id);
  await tab(page, "fills");
  const told = await fills(page);
  const both = [...seen].filter(([number]) => told.has(number));
  expect(both.length, "fills in both").toBeGreaterThanOrEqual(Math.min(seen.size, told.size) - 2);
  for (const [number, fill] of both) expect(told.get(number), `fill ${number} after the reload`).toBe(fill);
  // Not one is missing between the first and the last.
  const reply = await page.request.get(`/api/paper-trading/sessions/${id}/fills?limit=1000`);
  const numbers = ((await reply.json()).items as { number: number }[]).map((fill) => fill.number).sort((a, b) => a - b);
  expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index));
  for (const number of before.keys()) expect(numbers, `fill ${number} on the server`).toContain(Number(number));

  // The browser reports each try while the server was away; nothing else may have gone wrong.
  const unexpected = pageErrors.filter((error) => !/WebSocket connection|ERR_CONNECTION|Failed to (load|fetch)/.test(error));
  pageErrors.length = 0;
  expect(unexpected).toEqual([]);
});

/** Opens the newest fill's explanation while fills go on coming: it stays, where it is, until it is closed. */
async function expectToKeepWhatIsOpen(page: Page): Promise<void> {
  // With the pointer on it the list keeps still, so that a button can be pressed at all.
  await page.getByTestId("panel-fills").locator("table").hover();
  await page.getByTestId("fill-why").first().click();
  const open = page.locator('[data-testid="fill-row"]:has([aria-expanded="true"])');
  await expect(open).toHaveCount(1);
  const number = await open.locator("th").innerText();
  const story = page.getByTestId("fill-story");
  const expectStory = async () => {
    await expect(story).toContainText("It was decided on a price of");
    await expect(story).toContainText(`What fill ${number} cost`);
  };
  await expectStory();

  // More fills than a screenful come after it, and it has not moved.
  const place = await open.boundingBox();
  const newer = page.getByTestId("panel-fills").getByText(/newer waits? while you read/);
  await expect.poll(async () => parseInt(await newer.innerText()), { timeout: 90_000 }).toBeGreaterThan(30);
  await expectStory();
  expect(await open.boundingBox()).toEqual(place);

  // They show when asked for, and the explanation is still that fill's.
  await page.getByTestId("panel-fills").getByTestId("newer").click();
  await expect(page.getByTestId("fill-row").first().locator("th")).not.toHaveText(number);
  await expect(open.locator("th")).toHaveText(number);
  await expectStory();

  await open.getByTestId("fill-why").click();
  await expect(story).toHaveCount(0);
  await expect(open).toHaveCount(0);
}
