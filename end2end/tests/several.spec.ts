// A session of several symbols on one account: every record says what it is of.

import { card, row, start, tab } from "./dashboard.ts";
import { alone, expect, expectAccessible, expectNoSidewaysScroll, open } from "./fixtures.ts";

alone("a session of two symbols names both, and says of each record which it is of", async ({ page }) => {
  alone.slow();
  const id = await start(page, "duet", "60");
  await expect(page.getByTestId("session-symbols")).toHaveText("BTC/USDT, ETH/USDT");

  // Both are held; each row has its own symbol and digits.
  await tab(page, "positions");
  await expect(page.getByTestId("position-row")).toHaveCount(2, { timeout: 60_000 });
  for (const [name, testid] of [
    ["fills", "fill-row"],
    ["trades", "trade-row"],
    ["orders", "order-row"],
  ] as const) {
    const panel = await tab(page, name);
    for (const symbol of ["BTC/USDT", "ETH/USDT"]) {
      await expect(panel.getByTestId(testid).filter({ hasText: symbol }).first()).toBeVisible({ timeout: 60_000 });
    }
    await expectNoSidewaysScroll(page);
  }

  // An order by hand for the second symbol rests above all that have ended, however many come after it.
  await page.getByTestId("pause").click();
  await page.getByTestId("ticket").locator("> summary").click();
  await page.getByTestId("ticket-symbol").selectOption("ETH/USDT");
  await page.getByTestId("ticket-type").selectOption("limit");
  await page.getByLabel("Quantity").first().fill("0.1");
  await page.getByLabel("Limit price").fill("100");
  await page.getByTestId("ticket-submit").click();
  const working = page.locator('[data-testid="order-row"][data-status="accepted"]');
  await expect(working).toContainText("ETH/USDT", { timeout: 60_000 });
  const number = await working.getAttribute("data-order");
  await page.getByTestId("resume").click();
  const newest = async (): Promise<number> => {
    const numbers = await page.getByTestId("order-row").evaluateAll((rows) => rows.map((it) => Number(it.dataset.order)));
    return Math.max(...numbers);
  };
  await page.mouse.move(0, 0);
  await expect.poll(newest, { timeout: 60_000 }).toBeGreaterThan(Number(number) + 2);
  const first = page.getByTestId("order-row").first();
  await expect(first).toHaveAttribute("data-order", number!);
  await expect(first).toHaveAttribute("data-status", "accepted");
  await expectAccessible(page);

  await open(page, "/sessions");
  await expect(row(page, id)).toContainText("BTC/USDT, ETH/USDT");
  await page.getByTestId("filter").fill("eth/usdt");
  await expect(row(page, id)).toBeVisible();
  await open(page, "/");
  await expect(card(page, "duet")).toContainText("ETH/USDT");
});
